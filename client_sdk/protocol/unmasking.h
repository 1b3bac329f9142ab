// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The two halves of the answer to a survivor set; in the malicious tier the ConsistencyCheck is
// between them. Internal to protocol/. Pure; thread-safe.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_UNMASKING_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_UNMASKING_H_

#include "absl/status/statusor.h"
#include "client_sdk/protocol/phases.h"
#include "client_sdk/protocol/rounds.h"

namespace veilsum::client {

// The local checks, and of all shares those that this set asks for. REASON_SURVIVORS_REFUSED.
absl::StatusOr<AwaitingConsistency> TakeSurvivors(AwaitingSurvivors phase,
                                                  const v1::SurvivorSet& message,
                                                  const SessionContext& context);

// Reveals them: appends the Send of Unmasking. REASON_ALREADY_ANSWERED.
absl::StatusOr<AwaitingResult> RevealShares(AwaitingConsistency phase,
                                            const SessionContext& context, Effects& effects);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_UNMASKING_H_
