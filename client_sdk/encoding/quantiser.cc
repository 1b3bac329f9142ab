// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/encoding/quantiser.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

// Plain loops, which the compiler turns into vectors of each target. Targets between these gain
// nothing over the one below.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "client_sdk/encoding/quantiser.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each
// Below it, for it defines what they need.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace veilsum::client::HWY_NAMESPACE {

template <typename LaneT>
void QuantiseLanes(const Quantiser& quantiser, const float* HWY_RESTRICT values,
                   const uint32_t* HWY_RESTRICT random, size_t count, LaneT* HWY_RESTRICT out) {
  // Narrow lanes are multiplied as what has no sign, or their products would overflow.
  using Product = std::conditional_t<sizeof(LaneT) == 8, uint64_t, uint32_t>;
  constexpr double kTwoTo32 = 4294967296.0;
  const double norm_scale = quantiser.norm_scale;
  const double clip = quantiser.grid.clip;
  const double levels_per_unit = quantiser.grid.levels_per_unit;
  const auto highest = static_cast<double>(quantiser.grid.highest_level);
  const auto weight = static_cast<Product>(quantiser.weight);
  for (size_t i = 0; i < count; ++i) {
    const double bounded = std::min(std::max(values[i] * norm_scale, -clip), clip);
    // The product may come out an ulp above the highest level. This way round NaN is bounded, too:
    // the caller should not write to its update now, but may.
    const double exact = std::min(highest, (bounded + clip) * levels_per_unit);
    const auto below = static_cast<int32_t>(exact);
    // A whole number has no fraction and is never rounded up, so no level is above the highest.
    const bool up = (exact - below) * kTwoTo32 > random[i];
    out[i] = static_cast<LaneT>(static_cast<Product>(below + up) * weight);
  }
}
void QuantiseU16(const Quantiser& quantiser, const float* values, const uint32_t* random,
                 size_t count, uint16_t* out) {
  QuantiseLanes(quantiser, values, random, count, out);
}
void QuantiseU32(const Quantiser& quantiser, const float* values, const uint32_t* random,
                 size_t count, uint32_t* out) {
  QuantiseLanes(quantiser, values, random, count, out);
}
void QuantiseU64(const Quantiser& quantiser, const float* values, const uint32_t* random,
                 size_t count, uint64_t* out) {
  QuantiseLanes(quantiser, values, random, count, out);
}

uint64_t CountClippedHere(const Quantiser& quantiser, const float* values, size_t count) {
  const double norm_scale = quantiser.norm_scale;
  const double clip = quantiser.grid.clip;
  uint64_t clipped = 0;
  for (size_t i = 0; i < count; ++i) {
    const double scaled = values[i] * norm_scale;
    clipped += (scaled > clip) | (scaled < -clip);
  }
  return clipped;
}

// Four sums, so that one addition need not wait for the one before it.
double SquaredNormHere(const float* values, size_t count) {
  std::array<double, 4> sums{};
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (size_t lane = 0; lane < 4; ++lane) {
      const double value = values[i + lane];
      sums[lane] += value * value;
    }
  }
  for (; i < count; ++i) sums[0] += static_cast<double>(values[i]) * values[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace veilsum::client::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace veilsum::client {

HWY_EXPORT(QuantiseU16);
HWY_EXPORT(QuantiseU32);
HWY_EXPORT(QuantiseU64);
HWY_EXPORT(CountClippedHere);
HWY_EXPORT(SquaredNormHere);

void Quantise(const Quantiser& quantiser, absl::Span<const float> values,
              absl::Span<const uint32_t> random, absl::Span<uint16_t> out) {
  HWY_DYNAMIC_DISPATCH(QuantiseU16)
  (quantiser, values.data(), random.data(), values.size(), out.data());
}
void Quantise(const Quantiser& quantiser, absl::Span<const float> values,
              absl::Span<const uint32_t> random, absl::Span<uint32_t> out) {
  HWY_DYNAMIC_DISPATCH(QuantiseU32)
  (quantiser, values.data(), random.data(), values.size(), out.data());
}
void Quantise(const Quantiser& quantiser, absl::Span<const float> values,
              absl::Span<const uint32_t> random, absl::Span<uint64_t> out) {
  HWY_DYNAMIC_DISPATCH(QuantiseU64)
  (quantiser, values.data(), random.data(), values.size(), out.data());
}

uint64_t CountClipped(const Quantiser& quantiser, absl::Span<const float> values) {
  return HWY_DYNAMIC_DISPATCH(CountClippedHere)(quantiser, values.data(), values.size());
}

double SquaredNorm(absl::Span<const float> values) {
  return HWY_DYNAMIC_DISPATCH(SquaredNormHere)(values.data(), values.size());
}

}  // namespace veilsum::client
#endif
