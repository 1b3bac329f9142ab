// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/portable_kernel.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/primitives/constant_time.h"

namespace veilsum::crypto {
namespace {

constexpr size_t kBlockBytes = 16;
// Beside the lanes this must fit the L1 cache; longer calls gain nothing.
constexpr size_t kKeyStreamBytes = 8 * 1024;

template <typename LaneT>
LaneT LoadLittleEndian(const uint8_t* bytes) {
  LaneT lane;
  std::memcpy(&lane, bytes, sizeof(lane));
  if constexpr (std::endian::native == std::endian::big) {
    if constexpr (sizeof(LaneT) == 2) return __builtin_bswap16(lane);
    if constexpr (sizeof(LaneT) == 4) return __builtin_bswap32(lane);
    if constexpr (sizeof(LaneT) == 8) return __builtin_bswap64(lane);
  }
  return lane;
}

// start + blocks as a 128-bit big-endian number, wrapping. Without a branch on the carry: the
// counter is as secret as the key.
std::array<uint8_t, kBlockBytes> AdvanceCounter(const std::array<uint8_t, kBlockBytes>& start,
                                                uint64_t blocks) {
  std::array<uint8_t, kBlockBytes> counter = start;
  uint64_t carry = 0;
  for (size_t i = kBlockBytes; i-- > 0;) {
    carry += counter[i] + (blocks & 0xff);
    counter[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
    blocks >>= 8;
  }
  return counter;
}

struct Add {
  template <typename LaneT>
  static LaneT Apply(LaneT lane, LaneT mask) {
    return static_cast<LaneT>(lane + mask);
  }
};

struct Subtract {
  template <typename LaneT>
  static LaneT Apply(LaneT lane, LaneT mask) {
    return static_cast<LaneT>(lane - mask);
  }
};

template <typename Operation, typename LaneT>
void Combine(const uint8_t* key_stream, LaneT* lanes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    lanes[i] = Operation::Apply(lanes[i], LoadLittleEndian<LaneT>(key_stream + i * sizeof(LaneT)));
  }
}

template <typename Operation, typename LaneT>
void ApplyPortably(const StreamKey& stream, uint64_t first_element, absl::Span<LaneT> lanes) {
  static constexpr uint8_t kZeros[kKeyStreamBytes] = {};
  alignas(64) uint8_t key_stream[kKeyStreamBytes];
  const uint64_t first_byte = first_element * sizeof(LaneT);
  std::array<uint8_t, kBlockBytes> counter =
      AdvanceCounter(stream.counter, first_byte / kBlockBytes);
  std::array<uint8_t, kBlockBytes> partial_block;
  size_t skip = first_byte % kBlockBytes;  // only the first tile starts inside a block
  const size_t most = std::min(sizeof(key_stream), skip + lanes.size() * sizeof(LaneT));
  while (!lanes.empty()) {
    const size_t count = std::min(lanes.size(), (sizeof(key_stream) - skip) / sizeof(LaneT));
    unsigned used_of_block = 0;
    AES_ctr128_encrypt(kZeros, key_stream, skip + count * sizeof(LaneT), &stream.schedule,
                       counter.data(), partial_block.data(), &used_of_block);
    Combine<Operation>(key_stream + skip, lanes.data(), count);
    lanes.remove_prefix(count);
    skip = 0;
  }
  SecureErase(key_stream, most);
  SecureErase(counter.data(), counter.size());
  SecureErase(partial_block.data(), partial_block.size());
}

template <typename LaneT>
constexpr LaneKernel<LaneT> kPortable = {ApplyPortably<Add, LaneT>, ApplyPortably<Subtract, LaneT>};

}  // namespace

MaskKernel PortableKernel() {
  return {"portable", {kPortable<uint16_t>, kPortable<uint32_t>, kPortable<uint64_t>}};
}

}  // namespace veilsum::crypto
