// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Round 3, ConsistencyCheck (malicious tier): every survivor signs the survivor root.

#include "aggregator/protocol/answers.h"
#include "aggregator/protocol/rounds.h"

namespace veilsum::aggregator {
namespace {

constexpr Phase kPhase = Phase::kConsistencyCheck;

}  // namespace

void Receive(SessionState& state, const ConsistencyCheckReceived& event) {
  Refuse(state, {event.from, kPhase, MessageResult::kMalformed, v1::REASON_UNSUPPORTED,
                 "consistency_check: belongs to the malicious tier; this session's tier has no "
                 "such round"});
}

}  // namespace veilsum::aggregator
