// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "proto/vector_arithmetic.h"

#include <algorithm>

#include "absl/numeric/bits.h"
#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum {
namespace {

absl::Status OutOfRange(absl::string_view what, uint64_t value, uint64_t most) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
                   absl::StrCat(what, " must be from 1 to ", most, ", is ", value));
}

}  // namespace

absl::StatusOr<uint32_t> ModulusBits(uint32_t max_clients, uint64_t max_weight,
                                     uint32_t quantisation_bits) {
  if (max_clients < 1 || max_clients > limits::kMaxClients) {
    return OutOfRange("max_clients", max_clients, limits::kMaxClients);
  }
  if (max_weight < 1 || max_weight > limits::kMaxWeight) {
    return OutOfRange("max_weight", max_weight, limits::kMaxWeight);
  }
  if (quantisation_bits < 1 || quantisation_bits > limits::kMaxQuantisationBits) {
    return OutOfRange("quantisation_bits", quantisation_bits, limits::kMaxQuantisationBits);
  }
  const uint64_t level = HighestLevel(quantisation_bits);
  // Each factor is within its limit: at most 14 + 33 + 24 bits, which is more than 64.
  const absl::uint128 most = absl::uint128(max_clients) * max_weight * level;
  const uint64_t high = absl::Uint128High64(most);
  const uint32_t bits =
      high != 0 ? 64 + absl::bit_width(high) : absl::bit_width(absl::Uint128Low64(most));
  if (bits > limits::kMaxModulusBits) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
        absl::StrCat(max_clients, " clients × weight ", max_weight, " × ", level, " levels needs ",
                     bits, " bits per element, at most ", limits::kMaxModulusBits,
                     " are possible: lower quantisation_bits, max_weight or max_clients"));
  }
  return bits;
}

absl::StatusOr<SumReader> SumReader::Create(const v1::VectorSpec& spec, uint32_t included,
                                            uint64_t weight_sum) {
  if (weight_sum < std::max(included, 1u) ||
      absl::uint128(weight_sum) > absl::uint128(included) * spec.max_weight()) {
    return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_RESULT_REFUSED,
                     absl::StrCat("the weight sum is ", weight_sum, ", but ", included,
                                  " inputs weigh from 1 to ", spec.max_weight(),
                                  " each: some client did not follow the protocol"));
  }
  return SumReader(spec, weight_sum);
}

SumReader::SumReader(const v1::VectorSpec& spec, uint64_t weight_sum) : clip_(spec.clip()) {
  const uint64_t highest = HighestLevel(spec.quantisation_bits());
  // Within 63 bits for a spec that a header may hold.
  greatest_ = static_cast<uint64_t>(
      std::min<absl::uint128>(absl::uint128(weight_sum) * highest, ~uint64_t{0}));
  scale_ = 2 / (static_cast<double>(weight_sum) * static_cast<double>(highest));
}

}  // namespace veilsum
