// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The full entries of this client's neighbours. Internal to protocol/.
// Pure; thread-safe.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_NEIGHBOUR_ENTRIES_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_NEIGHBOUR_ENTRIES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "client_sdk/protocol/phases.h"
#include "client_sdk/protocol/rounds.h"
#include "crypto/primitives/key_agreement.h"
#include "proto/rounds.pb.h"

namespace veilsum::client {

struct NeighbourPublicKeys {
  crypto::ChannelPublicKey channel;
  crypto::MaskPublicKey mask;
};

// The keys of the neighbours, in their order. REASON_ROSTER_REFUSED unless the entries are exactly
// those of the neighbours, each with the hash in the roster, a good signature, and keys that are
// neither of small order, nor this client's own, nor one another's; REASON_NOT_ENROLLED unless each
// carries the signature of the policy's enrolment authority, where it has one.
absl::StatusOr<std::vector<NeighbourPublicKeys>> CheckNeighbourEntries(
    const AwaitingNeighbours& phase, const SessionContext& context,
    const v1::NeighbourEntries& entries);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_NEIGHBOUR_ENTRIES_H_
