// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_AGGREGATOR_PROTOCOL_PHASE_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_PHASE_H_

#include "proto/participant.pb.h"

namespace veilsum::aggregator {

// The phases that wait for clients, in order. v1::Round has the same ones for the wire.
enum class Phase {
  kAdvertiseKeys,
  kShareKeys,
  kMaskedInputCollection,
  kConsistencyCheck,
  kUnmasking,
};

constexpr v1::Round RoundOf(Phase phase) {
  return static_cast<v1::Round>(static_cast<int>(v1::ROUND_ADVERTISE_KEYS) +
                                static_cast<int>(phase));
}

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_PHASE_H_
