// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The integer arithmetic of docs/protocol.md, "Vectors", that clients and the aggregator must
// agree on. Pure and thread-safe.
#ifndef VEILSUM_PROTO_VECTOR_ARITHMETIC_H_
#define VEILSUM_PROTO_VECTOR_ARITHMETIC_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/limits.h"

namespace veilsum {

// The highest level of an element before it is weighted: 2^b - 1. `quantisation_bits` < 64.
constexpr uint64_t HighestLevel(uint32_t quantisation_bits) {
  return (uint64_t{1} << quantisation_bits) - 1;
}

// B: the least number of bits with max_clients · max_weight · (2^b - 1) < 2^B, so that the sum of
// all clients at full weight and highest level cannot wrap. The sum of the weights fits too.
//
// INVALID_ARGUMENT, with the reason REASON_INVALID_ARGUMENT and the arithmetic spelt out, when a
// factor is zero or above its limit (limits.h), or when B would be above limits::kMaxModulusBits.
absl::StatusOr<uint32_t> ModulusBits(uint32_t max_clients, uint64_t max_weight,
                                     uint32_t quantisation_bits);

// Bytes of `elements` elements of `modulus_bits` bits each, packed: ⌈elements · B / 8⌉. The vector
// of a session has dimension + 1 of them. No overflow within the limits of limits.h.
constexpr uint64_t PackedBytes(uint64_t elements, uint32_t modulus_bits) {
  return (elements * modulus_bits + 7) / 8;
}

}  // namespace veilsum

#endif  // VEILSUM_PROTO_VECTOR_ARITHMETIC_H_
