// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/encoding/quantisation.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

absl::Status BadField(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
                   absl::StrCat("vector.", text));
}

}  // namespace

absl::StatusOr<Grid> GridOf(const v1::VectorSpec& spec) {
  if (spec.dimension() < 1 || spec.dimension() > limits::kMaxDimension) {
    return BadField(absl::StrCat("dimension: must be from 1 to ", limits::kMaxDimension, ", is ",
                                 spec.dimension()));
  }
  if (!std::isfinite(spec.clip()) || !(spec.clip() > 0)) {
    return BadField(absl::StrCat("clip: must be finite and above 0, is ", spec.clip()));
  }
  if (!std::isfinite(spec.norm_clip()) || !(spec.norm_clip() >= 0)) {
    return BadField(
        absl::StrCat("norm_clip: must be finite and not below 0, is ", spec.norm_clip()));
  }
  const absl::StatusOr<uint32_t> least_bits =
      ModulusBits(1, spec.max_weight(), spec.quantisation_bits());
  if (!least_bits.ok()) return BadField(least_bits.status().message());
  if (spec.modulus_bits() < *least_bits || spec.modulus_bits() > limits::kMaxModulusBits) {
    return BadField(absl::StrCat("modulus_bits: one input at full weight takes ", *least_bits,
                                 " bits, at most ", limits::kMaxModulusBits, " are possible, is ",
                                 spec.modulus_bits()));
  }
  Grid grid;
  grid.clip = spec.clip();
  grid.highest_level = HighestLevel(spec.quantisation_bits());
  const auto highest = static_cast<double>(grid.highest_level);
  grid.levels_per_unit = highest / (2 * grid.clip);
  grid.step = 2 * grid.clip / highest;
  return grid;
}

}  // namespace veilsum::client
