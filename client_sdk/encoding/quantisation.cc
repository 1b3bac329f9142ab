// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/encoding/quantisation.h"

#include "proto/reason_status.h"
#include "proto/validate.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {

absl::StatusOr<Grid> GridOf(const v1::VectorSpec& spec) {
  const absl::Status valid = v1::ValidateVectorSpec(spec);
  if (!valid.ok()) return WithReason(valid, v1::REASON_INVALID_ARGUMENT);
  Grid grid;
  grid.clip = spec.clip();
  grid.highest_level = HighestLevel(spec.quantisation_bits());
  const auto highest = static_cast<double>(grid.highest_level);
  grid.levels_per_unit = highest / (2 * grid.clip);
  grid.step = 2 * grid.clip / highest;
  return grid;
}

}  // namespace veilsum::client
