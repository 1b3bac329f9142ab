// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The arithmetic of docs/protocol.md, "Vectors", that clients and the aggregator must agree on.
// Pure and thread-safe.
#ifndef VEILSUM_PROTO_VECTOR_ARITHMETIC_H_
#define VEILSUM_PROTO_VECTOR_ARITHMETIC_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/session.pb.h"

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

// Elements of a session's vector: the caller's, and the weight behind them.
inline uint64_t ElementsOf(const v1::VectorSpec& spec) { return spec.dimension() + 1; }

// Bytes of a session's vector, packed with B bits per element: of each masked input, and of the
// sum. No overflow within the limits of limits.h.
inline uint64_t PackedBytes(const v1::VectorSpec& spec) {
  return (ElementsOf(spec) * spec.modulus_bits() + 7) / 8;
}

// How the elements of a sum are read, once its last one, the sum of the weights, is known.
class SumReader {
 public:
  // INVALID_ARGUMENT (REASON_RESULT_REFUSED) for a weight sum that no `included` inputs can have:
  // outside included … included · max_weight, or 0.
  static absl::StatusOr<SumReader> Create(const v1::VectorSpec& spec, uint32_t included,
                                          uint64_t weight_sum);

  // The greatest element that inputs of this weight can add up to.
  uint64_t greatest() const { return greatest_; }
  // The weighted mean, clip · (2 · sum / (weight sum · (2^b − 1)) − 1), for a sum up to greatest().
  float Mean(uint64_t sum) const {
    return static_cast<float>(clip_ * (static_cast<double>(sum) * scale_ - 1));
  }

 private:
  SumReader(const v1::VectorSpec& spec, uint64_t weight_sum);

  uint64_t greatest_;
  double clip_;
  double scale_;
};

}  // namespace veilsum

#endif  // VEILSUM_PROTO_VECTOR_ARITHMETIC_H_
