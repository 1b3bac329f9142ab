// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/encoding/decoder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "client_sdk/encoding/quantisation.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/bytes.h"
#include "proto/reason_status.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

absl::Status BadSum(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_RESULT_REFUSED, text);
}

template <typename LaneT>
absl::Status DecodeMean(absl::Span<const LaneT> sums, const Grid& grid, DecodedSum& decoded) {
  // The largest sum that the weights allow: within 63 bits for the weights of honest clients.
  const auto most = static_cast<uint64_t>(std::min<absl::uint128>(
      absl::uint128(decoded.weight_sum) * grid.highest_level, ~uint64_t{0}));
  const double scale =
      2 / (static_cast<double>(decoded.weight_sum) * static_cast<double>(grid.highest_level));
  decoded.mean.resize(sums.size() - 1);
  for (size_t i = 0; i < decoded.mean.size(); ++i) {
    const uint64_t sum = sums[i];
    if (sum > most) {
      return BadSum(absl::StrCat("element ", i, " of the sum is ", sum, ", above the weight sum ",
                                 decoded.weight_sum, " × ", grid.highest_level,
                                 " levels: some client did not follow the protocol"));
    }
    decoded.mean[i] = static_cast<float>(grid.clip * (static_cast<double>(sum) * scale - 1));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<crypto::LaneVector> UnpackSum(absl::string_view packed, const v1::VectorSpec& spec) {
  const absl::StatusOr<Grid> grid = GridOf(spec);
  if (!grid.ok()) return grid.status();
  const uint64_t elements = spec.dimension() + 1;
  const uint64_t expected = PackedBytes(elements, spec.modulus_bits());
  // Before memory is spent on it.
  if (packed.size() != expected) {
    return BadSum(absl::StrCat("the packed sum must be ", expected, " bytes (", elements,
                               " elements of ", spec.modulus_bits(), " bits), is ", packed.size()));
  }
  auto sums = crypto::LaneVector::ForModulus(spec.modulus_bits(), elements);
  const absl::Status status = sums.Visit([&](auto lanes) {
    return crypto::Unpack(crypto::AsBytes(packed), spec.modulus_bits(), lanes);
  });
  if (!status.ok()) return BadSum(status.message());
  return sums;
}

absl::StatusOr<DecodedSum> DecodeSum(absl::string_view packed, const v1::VectorSpec& spec,
                                     uint32_t included) {
  const absl::StatusOr<crypto::LaneVector> sums = UnpackSum(packed, spec);
  if (!sums.ok()) return sums.status();
  DecodedSum decoded;
  decoded.weight_sum = sums->Visit([](auto lanes) { return uint64_t{lanes.back()}; });
  if (decoded.weight_sum < 1 || decoded.weight_sum < included ||
      absl::uint128(decoded.weight_sum) > absl::uint128(included) * spec.max_weight()) {
    return BadSum(absl::StrCat("the weight sum is ", decoded.weight_sum, ", but ", included,
                               " inputs weigh from 1 to ", spec.max_weight(),
                               " each: some client did not follow the protocol"));
  }
  const Grid grid = GridOf(spec).value();
  const absl::Status status =
      sums->Visit([&](auto lanes) { return DecodeMean(lanes, grid, decoded); });
  if (!status.ok()) return status;
  return decoded;
}

double MeanErrorBound(const v1::VectorSpec& spec) {
  const double clip = spec.clip();
  return 2 * clip / static_cast<double>(HighestLevel(spec.quantisation_bits())) +
         std::ldexp(clip, -23);
}

}  // namespace veilsum::client
