// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/encoding/encoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/quantisation.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

// Elements that are worked on at a time; their random words stay in the L1 cache.
constexpr size_t kBlock = 2048;

absl::Status BadArgument(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT, text);
}

// The sum of squares: finite if and only if every element is, since even 10^8 times the square of
// the greatest float is far below the greatest double. Four sums, so that one addition need not
// wait for the one before it.
double SquaredNorm(absl::Span<const float> update) {
  std::array<double, 4> sums{};
  size_t i = 0;
  for (; i + 4 <= update.size(); i += 4) {
    for (size_t lane = 0; lane < 4; ++lane) {
      const double value = update[i + lane];
      sums[lane] += value * value;
    }
  }
  for (; i < update.size(); ++i) sums[0] += static_cast<double>(update[i]) * update[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

absl::Status NotFinite(absl::Span<const float> update) {
  const auto bad =
      std::find_if(update.begin(), update.end(), [](float value) { return !std::isfinite(value); });
  return BadArgument(absl::StrCat("update[", bad - update.begin(), "] is ",
                                  std::isnan(*bad) ? "NaN" : "infinite",
                                  ": every element must be a finite number"));
}

absl::Status CheckLengthAndWeight(absl::Span<const float> update, uint64_t weight,
                                  const v1::VectorSpec& spec) {
  if (update.size() != spec.dimension()) {
    return BadArgument(absl::StrCat("the update has ", update.size(),
                                    " elements, the session sums vectors of ", spec.dimension()));
  }
  if (weight < 1 || weight > spec.max_weight()) {
    return BadArgument(absl::StrCat("the weight must be from 1 to the session's max_weight of ",
                                    spec.max_weight(), ", is ", weight));
  }
  return absl::OkStatus();
}

struct Quantiser {
  Grid grid;
  double norm_scale = 1;
  uint64_t weight = 1;

  // Writes one weighted level per value; returns how many were clipped. No branch depends on a
  // value, so that the compiler can use vector instructions.
  template <typename LaneT>
  size_t Run(absl::Span<const float> values, absl::Span<const uint32_t> random, LaneT* out) const {
    constexpr double kTwoTo32 = 4294967296.0;
    const auto highest = static_cast<double>(grid.highest_level);
    size_t clipped = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double scaled = values[i] * norm_scale;
      const double bounded = std::min(std::max(scaled, -grid.clip), grid.clip);
      clipped += bounded != scaled;
      // The product may come out an ulp above the highest level.
      const double exact = std::min((bounded + grid.clip) * grid.levels_per_unit, highest);
      const auto below = static_cast<int32_t>(exact);
      // A whole number has no fraction and is never rounded up, so no level is above the highest.
      const bool up = (exact - below) * kTwoTo32 > random[i];
      out[i] = static_cast<LaneT>(static_cast<uint64_t>(below + up) * weight);
    }
    return clipped;
  }
};

template <typename LaneT>
size_t QuantiseAll(const Quantiser& quantiser, absl::Span<const float> update,
                   crypto::DeterministicRandom& random, absl::Span<LaneT> out) {
  std::array<uint32_t, kBlock> words;
  size_t clipped = 0;
  for (size_t first = 0; first < update.size(); first += kBlock) {
    const absl::Span<const float> values = update.subspan(first, kBlock);
    const absl::Span<uint32_t> block = absl::MakeSpan(words).subspan(0, values.size());
    random.Fill(absl::MakeSpan(reinterpret_cast<uint8_t*>(block.data()), 4 * block.size()));
    clipped += quantiser.Run(values, block, out.data() + first);
  }
  crypto::SecureErase(words.data(), sizeof(words));
  out.back() = static_cast<LaneT>(quantiser.weight);
  return clipped;
}

}  // namespace

absl::Status CheckUpdate(absl::Span<const float> update, uint64_t weight,
                         const v1::VectorSpec& spec) {
  const absl::StatusOr<Grid> grid = GridOf(spec);
  if (!grid.ok()) return grid.status();
  absl::Status status = CheckLengthAndWeight(update, weight, spec);
  if (!status.ok()) return status;
  return std::isfinite(SquaredNorm(update)) ? absl::OkStatus() : NotFinite(update);
}

absl::StatusOr<EncodedInput> EncodeUpdate(absl::Span<const float> update, uint64_t weight,
                                          const v1::VectorSpec& spec,
                                          const crypto::RandomSeed& rounding_seed) {
  const absl::StatusOr<Grid> grid = GridOf(spec);
  if (!grid.ok()) return grid.status();
  absl::Status status = CheckLengthAndWeight(update, weight, spec);
  if (!status.ok()) return status;
  const double norm = std::sqrt(SquaredNorm(update));
  if (!std::isfinite(norm)) return NotFinite(update);

  Quantiser quantiser{*grid, 1.0, weight};
  if (spec.norm_clip() > 0 && norm > spec.norm_clip()) {
    quantiser.norm_scale = spec.norm_clip() / norm;
  }

  EncodedInput encoded{crypto::LaneVector::ForModulus(spec.modulus_bits(), update.size() + 1)};
  crypto::DeterministicRandom random(ExposeSecret(rounding_seed), crypto::kLabelRounding);
  const size_t clipped = encoded.values.Visit(
      [&](auto lanes) { return QuantiseAll(quantiser, update, random, lanes); });
  encoded.fraction_clipped = static_cast<double>(clipped) / static_cast<double>(update.size());
  encoded.norm_scale = quantiser.norm_scale;
  return encoded;
}

}  // namespace veilsum::client
