// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/packing.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "crypto/masking/lanes.h"
#include "crypto/masking/packing_kernels.h"

namespace veilsum::crypto {
namespace {

// What the processor's kernel leaves over is done in groups of eight elements, which are B whole
// bytes. With B known to the compiler, all shifts within a group are constants and nothing in it
// branches.
constexpr size_t kGroup = kElementsPerAlignment;

static_assert(std::endian::native == std::endian::little,
              "groups are copied between words and bytes: swap the words here");

template <uint32_t kBits>
using GroupWords = std::array<uint64_t, (kBits + 7) / 8>;

template <uint32_t kBits>
constexpr uint64_t kMask = ~uint64_t{0} >> (64 - kBits);

template <uint32_t kBits, size_t kIndex>
void PutElement(uint64_t element, GroupWords<kBits>& words) {
  constexpr size_t kBit = kIndex * kBits;
  constexpr size_t kWord = kBit / 64;
  constexpr size_t kShift = kBit % 64;
  words[kWord] |= element << kShift;
  if constexpr (kShift + kBits > 64) words[kWord + 1] |= element >> (64 - kShift);
}

template <uint32_t kBits, size_t kIndex>
uint64_t GetElement(const GroupWords<kBits>& words) {
  constexpr size_t kBit = kIndex * kBits;
  constexpr size_t kWord = kBit / 64;
  constexpr size_t kShift = kBit % 64;
  uint64_t element = words[kWord] >> kShift;
  if constexpr (kShift + kBits > 64) element |= words[kWord + 1] << (64 - kShift);
  return element & kMask<kBits>;
}

template <typename LaneT, uint32_t kBits>
void PackGroups(const LaneT* lanes, size_t groups, uint8_t* out) {
  for (size_t group = 0; group < groups; ++group, lanes += kGroup, out += kBits) {
    GroupWords<kBits> words{};
    [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
      (PutElement<kBits, kIndex>(lanes[kIndex] & kMask<kBits>, words), ...);
    }
    (std::make_index_sequence<kGroup>());
    std::memcpy(out, words.data(), kBits);
  }
}

template <typename LaneT, uint32_t kBits, bool kAdd>
void UnpackGroups(const uint8_t* packed, size_t groups, LaneT* lanes) {
  for (size_t group = 0; group < groups; ++group, lanes += kGroup, packed += kBits) {
    GroupWords<kBits> words{};
    std::memcpy(words.data(), packed, kBits);
    [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
      ((lanes[kIndex] =
            static_cast<LaneT>((kAdd ? lanes[kIndex] : 0) + GetElement<kBits, kIndex>(words))),
       ...);
    }
    (std::make_index_sequence<kGroup>());
  }
}

template <typename LaneT>
struct GroupFunctions {
  void (*pack)(const LaneT* lanes, size_t groups, uint8_t* out);
  void (*unpack)(const uint8_t* packed, size_t groups, LaneT* lanes);
  void (*unpack_add)(const uint8_t* packed, size_t groups, LaneT* lanes);
};

// One entry for each B that fits the lane; entry 0 is B = 1.
template <typename LaneT>
const GroupFunctions<LaneT>& FunctionsFor(uint32_t bits) {
  static constexpr auto kTable =
      []<uint32_t... kIndex>(std::integer_sequence<uint32_t, kIndex...>) {
    return std::array<GroupFunctions<LaneT>, sizeof...(kIndex)>{
        {{PackGroups<LaneT, kIndex + 1>, UnpackGroups<LaneT, kIndex + 1, false>,
          UnpackGroups<LaneT, kIndex + 1, true>}...}};
  }
  (std::make_integer_sequence<uint32_t, 8 * sizeof(LaneT)>());
  return kTable[bits - 1];
}

template <typename LaneT>
absl::Status CheckSizes(size_t count, uint32_t bits, size_t bytes) {
  if (bits < 1 || bits > 8 * sizeof(LaneT)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "elements of ", bits, " bits do not fit lanes of ", 8 * sizeof(LaneT), " bits"));
  }
  if (bytes != PackedSize(count, bits)) {
    return absl::InvalidArgumentError(absl::StrCat(count, " elements of ", bits, " bits take ",
                                                   PackedSize(count, bits), " bytes, not ", bytes));
  }
  return absl::OkStatus();
}

template <typename LaneT>
absl::Status CheckPacked(absl::Span<const uint8_t> packed, uint32_t bits, size_t count) {
  if (absl::Status status = CheckSizes<LaneT>(count, bits, packed.size()); !status.ok()) {
    return status;
  }
  const size_t used_of_last_byte = count % kGroup * bits % 8;
  if (used_of_last_byte != 0 && packed.back() >> used_of_last_byte != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the bits after the last of ", count, " elements of ", bits, " bits are not all zero"));
  }
  return absl::OkStatus();
}

// Unpacks all but the first `done` elements: whole groups with `unpack`, and the elements left in a
// group of its own.
template <typename LaneT>
void UnpackRest(absl::Span<const uint8_t> packed, uint32_t bits, absl::Span<LaneT> lanes,
                size_t done, void (*unpack)(const uint8_t*, size_t, LaneT*)) {
  packed.remove_prefix(PackedSize(done, bits));
  lanes.remove_prefix(done);
  const size_t groups = lanes.size() / kGroup;
  unpack(packed.data(), groups, lanes.data());
  const absl::Span<LaneT> rest = lanes.subspan(groups * kGroup);
  if (rest.empty()) return;
  std::array<uint8_t, kMaxModulusBits> last_packed{};
  std::array<LaneT, kGroup> last{};
  const absl::Span<const uint8_t> packed_rest = packed.subspan(groups * bits);
  std::copy(packed_rest.begin(), packed_rest.end(), last_packed.begin());
  std::copy(rest.begin(), rest.end(), last.begin());
  unpack(last_packed.data(), 1, last.data());
  std::copy_n(last.begin(), rest.size(), rest.begin());
}

}  // namespace

template <typename LaneT>
absl::Status Pack(absl::Span<const LaneT> lanes, uint32_t bits, absl::Span<uint8_t> out) {
  absl::Status status = CheckSizes<LaneT>(lanes.size(), bits, out.size());
  if (!status.ok()) return status;
  const size_t done = PackingKernels().back().For<LaneT>().pack(lanes, bits, out);
  lanes.remove_prefix(done);
  out.remove_prefix(PackedSize(done, bits));
  const auto pack = FunctionsFor<LaneT>(bits).pack;
  const size_t groups = lanes.size() / kGroup;
  pack(lanes.data(), groups, out.data());
  const absl::Span<const LaneT> rest = lanes.subspan(groups * kGroup);
  if (rest.empty()) return absl::OkStatus();
  std::array<LaneT, kGroup> last{};
  std::array<uint8_t, kMaxModulusBits> last_packed;
  std::copy(rest.begin(), rest.end(), last.begin());
  pack(last.data(), 1, last_packed.data());
  const absl::Span<uint8_t> out_rest = out.subspan(groups * bits);
  std::copy_n(last_packed.begin(), out_rest.size(), out_rest.begin());
  return absl::OkStatus();
}

template <typename LaneT>
absl::Status Unpack(absl::Span<const uint8_t> packed, uint32_t bits, absl::Span<LaneT> lanes) {
  absl::Status status = CheckPacked<LaneT>(packed, bits, lanes.size());
  if (!status.ok()) return status;
  const size_t done = PackingKernels().back().For<LaneT>().unpack(packed, bits, lanes);
  UnpackRest(packed, bits, lanes, done, FunctionsFor<LaneT>(bits).unpack);
  return absl::OkStatus();
}

template <typename LaneT>
absl::Status UnpackAdd(absl::Span<const uint8_t> packed, uint32_t bits, absl::Span<LaneT> lanes) {
  absl::Status status = CheckPacked<LaneT>(packed, bits, lanes.size());
  if (!status.ok()) return status;
  const size_t done = PackingKernels().back().For<LaneT>().unpack_add(packed, bits, lanes);
  UnpackRest(packed, bits, lanes, done, FunctionsFor<LaneT>(bits).unpack_add);
  return absl::OkStatus();
}

template absl::Status Pack(absl::Span<const uint16_t>, uint32_t, absl::Span<uint8_t>);
template absl::Status Pack(absl::Span<const uint32_t>, uint32_t, absl::Span<uint8_t>);
template absl::Status Pack(absl::Span<const uint64_t>, uint32_t, absl::Span<uint8_t>);
template absl::Status Unpack(absl::Span<const uint8_t>, uint32_t, absl::Span<uint16_t>);
template absl::Status Unpack(absl::Span<const uint8_t>, uint32_t, absl::Span<uint32_t>);
template absl::Status Unpack(absl::Span<const uint8_t>, uint32_t, absl::Span<uint64_t>);
template absl::Status UnpackAdd(absl::Span<const uint8_t>, uint32_t, absl::Span<uint16_t>);
template absl::Status UnpackAdd(absl::Span<const uint8_t>, uint32_t, absl::Span<uint32_t>);
template absl::Status UnpackAdd(absl::Span<const uint8_t>, uint32_t, absl::Span<uint64_t>);

}  // namespace veilsum::crypto
