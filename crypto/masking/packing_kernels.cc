// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/packing_kernels.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "crypto/masking/simd_targets.h"

// Those that are left shift each lane by a count of its own and move lanes across a whole vector.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "crypto/masking/packing_kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each
// Below it, for it defines what they need.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace veilsum::crypto::HWY_NAMESPACE {
#if HWY_TARGET != HWY_STATIC_TARGET

namespace hn = hwy::HWY_NAMESPACE;

// Everything happens in words of 32 bits. A vector of kWords elements is a whole number of words
// packed. Elements of 16-bit lanes are taken in pairs, as elements of twice the bits in 32-bit
// lanes. Shifts by 32 and more, which the words at the edges ask for, give zero on these targets.
constexpr hn::ScalableTag<uint32_t> kWordTag;
constexpr hn::ScalableTag<uint8_t> kByteTag;
using Words = hn::Vec<decltype(kWordTag)>;
constexpr size_t kWords = hn::MaxLanes(kWordTag);
constexpr size_t kVectorBytes = hn::MaxLanes(kByteTag);

using WordArray = std::array<uint32_t, kWords>;
HWY_INLINE Words Load(const WordArray& words) { return hn::LoadU(kWordTag, words.data()); }
HWY_INLINE Words Take(Words words, Words from) {
  const Words in_range = hn::And(from, hn::Set(kWordTag, uint32_t{kWords - 1}));
  return hn::TableLookupLanes(words, hn::IndicesFromVec(kWordTag, in_range));
}

// kWords elements to bits · kWords bits. A word has bits of three elements at most, as bits is 16
// or more.
class WordPacker {
 public:
  static constexpr uint32_t kLeastBits = 16;

  explicit HWY_INLINE WordPacker(uint32_t bits) {
    WordArray element, offset;
    for (uint32_t i = 0; i < kWords; ++i) {
      element[i] = 32 * i / bits;
      offset[i] = 32 * i % bits;
    }
    first_ = Load(element);
    right_ = Load(offset);
    bits_ = hn::Set(kWordTag, bits);
  }

  // The elements have no more than their bits. The packed words come first.
  HWY_INLINE Words Pack(Words elements) const {
    const Words one = hn::Set(kWordTag, uint32_t{1});
    const Words second = hn::Add(first_, one);
    const Words left = hn::Sub(bits_, right_);
    const Words parts =
        hn::Or(hn::Shr(Take(elements, first_), right_), hn::Shl(Take(elements, second), left));
    return hn::Or(parts, hn::Shl(Take(elements, hn::Add(second, one)), hn::Add(left, bits_)));
  }

 private:
  Words first_;  // the element that each word begins in
  Words right_;  // how many of its bits are in the word before
  Words bits_;
};

// The inverse; the bits above an element's are anything.
class WordUnpacker {
 public:
  explicit HWY_INLINE WordUnpacker(uint32_t bits) {
    WordArray word, offset;
    for (uint32_t i = 0; i < kWords; ++i) {
      word[i] = bits * i / 32;
      offset[i] = bits * i % 32;
    }
    first_ = Load(word);
    right_ = Load(offset);
  }

  HWY_INLINE Words Unpack(Words packed) const {
    const Words second = hn::Add(first_, hn::Set(kWordTag, uint32_t{1}));
    const Words left = hn::Sub(hn::Set(kWordTag, uint32_t{32}), right_);
    return hn::Or(hn::Shr(Take(packed, first_), right_), hn::Shl(Take(packed, second), left));
  }

 private:
  Words first_;  // the word that each element begins in
  Words right_;  // how many bits of it are before
};

// Lanes to elements of 32-bit lanes, and back.
template <typename LaneT>
class Elements;

template <>
class Elements<uint32_t> {
 public:
  explicit HWY_INLINE Elements(uint32_t bits)
      : bits_(bits), mask_(hn::Set(kWordTag, ~uint32_t{0} >> (32 - bits))) {}

  uint32_t bits() const { return bits_; }
  HWY_INLINE Words FromLanes(Words lanes) const { return hn::And(lanes, mask_); }
  HWY_INLINE Words ToLanes(Words elements) const { return hn::And(elements, mask_); }

 private:
  uint32_t bits_;
  Words mask_;
};

template <>
class Elements<uint16_t> {
 public:
  explicit HWY_INLINE Elements(uint32_t bits)
      : bits_(bits),
        even_(hn::Set(kWordTag, uint32_t{0xffff} >> (16 - bits))),
        odd_(hn::ShiftLeft<16>(even_)) {}

  uint32_t bits() const { return 2 * bits_; }
  HWY_INLINE Words FromLanes(Words lanes) const {
    const Words odd = hn::ShiftRightSame(hn::And(lanes, odd_), static_cast<int>(16 - bits_));
    return hn::Or(hn::And(lanes, even_), odd);
  }
  HWY_INLINE Words ToLanes(Words elements) const {
    const Words odd = hn::ShiftLeftSame(elements, static_cast<int>(16 - bits_));
    return hn::Or(hn::And(elements, even_), hn::And(odd, odd_));
  }

 private:
  uint32_t bits_;
  Words even_;  // the element in the lower half
  Words odd_;   // the element in the upper half
};

template <typename LaneT>
size_t Pack(absl::Span<const LaneT> lanes, uint32_t bits, absl::Span<uint8_t> out) {
  constexpr hn::ScalableTag<LaneT> kLaneTag;
  const Elements<LaneT> elements(bits);
  if (elements.bits() < WordPacker::kLeastBits) return 0;
  const WordPacker packer(elements.bits());
  const size_t step = kWords * elements.bits() / 8;
  size_t done = 0;
  // Whole vectors are stored, of which the next one overwrites the end.
  for (size_t at = 0;
       at + kVectorBytes <= out.size() && done + kVectorBytes / sizeof(LaneT) <= lanes.size();
       at += step) {
    const Words loaded = hn::BitCast(kWordTag, hn::LoadU(kLaneTag, lanes.data() + done));
    const Words packed = packer.Pack(elements.FromLanes(loaded));
    hn::StoreU(hn::BitCast(kByteTag, packed), kByteTag, out.data() + at);
    done += kVectorBytes / sizeof(LaneT);
  }
  return done;
}

template <typename LaneT, bool kAdd>
size_t Unpack(absl::Span<const uint8_t> packed, uint32_t bits, absl::Span<LaneT> lanes) {
  constexpr hn::ScalableTag<LaneT> kLaneTag;
  const Elements<LaneT> elements(bits);
  const WordUnpacker unpacker(elements.bits());
  const size_t step = kWords * elements.bits() / 8;
  size_t done = 0;
  // Whole vectors are loaded, of which the next one has the end again.
  for (size_t at = 0;
       at + kVectorBytes <= packed.size() && done + kVectorBytes / sizeof(LaneT) <= lanes.size();
       at += step) {
    const Words loaded = hn::BitCast(kWordTag, hn::LoadU(kByteTag, packed.data() + at));
    auto unpacked = hn::BitCast(kLaneTag, elements.ToLanes(unpacker.Unpack(loaded)));
    if (kAdd) unpacked = hn::Add(unpacked, hn::LoadU(kLaneTag, lanes.data() + done));
    hn::StoreU(unpacked, kLaneTag, lanes.data() + done);
    done += kVectorBytes / sizeof(LaneT);
  }
  return done;
}

template <typename LaneT>
constexpr LanePacking<LaneT> kLanePacking = {Pack<LaneT>, Unpack<LaneT, false>,
                                             Unpack<LaneT, true>};

#endif
}  // namespace veilsum::crypto::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <hwy/targets.h>

namespace veilsum::crypto {
namespace {

template <typename LaneT>
size_t PackNone(absl::Span<const LaneT>, uint32_t, absl::Span<uint8_t>) {
  return 0;
}

template <typename LaneT>
size_t UnpackNone(absl::Span<const uint8_t>, uint32_t, absl::Span<LaneT>) {
  return 0;
}

template <typename LaneT>
constexpr LanePacking<LaneT> kNone = {PackNone<LaneT>, UnpackNone<LaneT>, UnpackNone<LaneT>};

struct Row {
  int64_t target;
  PackingKernel kernel;
};

// The order of preference: the last row that the processor supports is taken.
std::vector<PackingKernel> KernelsOfThisProcessor() {
  std::vector<PackingKernel> kernels = {
      {"portable", {kNone<uint16_t>, kNone<uint32_t>, kNone<uint64_t>}}};
#if HWY_ARCH_X86_64
  const Row rows[] = {
      {HWY_AVX2,
       {"avx2", {N_AVX2::kLanePacking<uint16_t>, N_AVX2::kLanePacking<uint32_t>, kNone<uint64_t>}}},
      {HWY_AVX3,
       {"avx512",
        {N_AVX3::kLanePacking<uint16_t>, N_AVX3::kLanePacking<uint32_t>, kNone<uint64_t>}}}};
  for (const Row& row : rows) {
    if ((hwy::SupportedTargets() & row.target) != 0) kernels.push_back(row.kernel);
  }
#endif
  return kernels;
}

}  // namespace

absl::Span<const PackingKernel> PackingKernels() {
  static const std::vector<PackingKernel> kernels = KernelsOfThisProcessor();
  return kernels;
}

}  // namespace veilsum::crypto
#endif
