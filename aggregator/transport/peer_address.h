// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Who is at the other end of a connection, as far as its address tells.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_PEER_ADDRESS_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_PEER_ADDRESS_H_

#include <string>

namespace veilsum::aggregator {

// What the connections of one host have in common, from gRPC's name of a peer
// ("ipv4:192.0.2.1:40000", "ipv6:%5B2001:db8::1%5D:40000"): the IPv4 address, or the /64 network of
// an IPv6 address, since who has one address of it has all. Other names stay as they are.
std::string PeerAddress(const std::string& grpc_peer);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_PEER_ADDRESS_H_
