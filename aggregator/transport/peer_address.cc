// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/peer_address.h"

#include <asio/ip/address.hpp>
#include <asio/ip/network_v6.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace veilsum::aggregator {

std::string PeerAddress(const std::string& grpc_peer) {
  const size_t scheme = grpc_peer.find(':');
  const size_t port = grpc_peer.rfind(':');
  if (!absl::StartsWith(grpc_peer, "ipv") || port <= scheme) return grpc_peer;
  const std::string host = absl::StrReplaceAll(grpc_peer.substr(scheme + 1, port - scheme - 1),
                                               {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}});
  asio::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (error) return grpc_peer;
  if (address.is_v4()) return address.to_string();
  const asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
  return asio::ip::network_v6(v6, 64).canonical().to_string();
}

}  // namespace veilsum::aggregator
