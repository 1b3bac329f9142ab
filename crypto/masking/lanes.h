// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Vectors over Z_{2^B} in memory: one unsigned machine word, a lane, per element.
//
// Lanes hold full words; nobody reduces them modulo 2^B on the way. That is correct because taking
// the low B bits of a W-bit word, B <= W, is a ring homomorphism from Z_{2^W} to Z_{2^B}: sums and
// differences of words, reduced once at the end, equal sums and differences of reduced elements.
// And a mask uniform modulo 2^W is uniform modulo 2^B. Packing (packing.h) is the only place that
// reduces, and nothing but packed bytes leaves a client; a reader of the final sum must reduce too.

#ifndef VEILSUM_CRYPTO_MASKING_LANES_H_
#define VEILSUM_CRYPTO_MASKING_LANES_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <variant>
#include <vector>

#include "absl/types/span.h"

namespace veilsum::crypto {

// What the widest lane holds. Sessions use one bit less: limits::kMaxModulusBits (proto/limits.h).
inline constexpr uint32_t kMaxModulusBits = 64;

enum class LaneWidth : uint8_t { kU16, kU32, kU64 };

// The narrowest lane for a modulus of 2^bits.
constexpr LaneWidth LaneWidthFor(uint32_t bits) {
  if (bits <= 16) return LaneWidth::kU16;
  return bits <= 32 ? LaneWidth::kU32 : LaneWidth::kU64;
}

constexpr size_t LaneBytes(LaneWidth width) { return size_t{2} << static_cast<int>(width); }

template <typename LaneT>
inline constexpr bool kIsLane = std::is_same_v<LaneT, uint16_t> ||
                                std::is_same_v<LaneT, uint32_t> || std::is_same_v<LaneT, uint64_t>;

// The low `bits` bits of a lane: the element of Z_{2^bits} that it stands for.
template <typename LaneT>
constexpr LaneT ReduceLane(LaneT lane, uint32_t bits) {
  static_assert(kIsLane<LaneT>);
  return bits >= 8 * sizeof(LaneT) ? lane : static_cast<LaneT>(lane & ((uint64_t{1} << bits) - 1));
}

// A vector of lanes whose width is chosen at run time, once; code that works on the lanes is
// written once, as a generic callable:
//   vector.Visit([&](auto lanes) { ApplyMasks(lanes, 0, masks); });  // absl::Span<uintN_t>
// Not thread-safe; disjoint parts of the spans may be worked on from different threads.
class LaneVector {
 public:
  // `size` zeros.
  LaneVector(LaneWidth width, size_t size) {
    if (width == LaneWidth::kU16) lanes_.emplace<std::vector<uint16_t>>(size);
    if (width == LaneWidth::kU32) lanes_.emplace<std::vector<uint32_t>>(size);
    if (width == LaneWidth::kU64) lanes_.emplace<std::vector<uint64_t>>(size);
  }
  static LaneVector ForModulus(uint32_t bits, size_t size) {
    return LaneVector(LaneWidthFor(bits), size);
  }

  LaneWidth width() const { return static_cast<LaneWidth>(lanes_.index()); }
  size_t size() const {
    return std::visit([](const auto& lanes) { return lanes.size(); }, lanes_);
  }

  template <typename Callable>
  decltype(auto) Visit(Callable&& callable) {
    return std::visit([&](auto& lanes) { return callable(absl::MakeSpan(lanes)); }, lanes_);
  }
  template <typename Callable>
  decltype(auto) Visit(Callable&& callable) const {
    return std::visit([&](const auto& lanes) { return callable(absl::MakeConstSpan(lanes)); },
                      lanes_);
  }

  friend bool operator==(const LaneVector&, const LaneVector&) = default;

 private:
  // In the order of LaneWidth.
  std::variant<std::vector<uint16_t>, std::vector<uint32_t>, std::vector<uint64_t>> lanes_;
};

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_MASKING_LANES_H_
