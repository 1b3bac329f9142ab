// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// AES-128-CTR fused with the addition, over Highway's vectors: compiled once for each target that
// the including file asks foreach_target.h for. A mask never leaves the registers.
//
// Block i encrypts the 128-bit number counter + i, big-endian. The counter is secret, and so is
// where a carry leaves its lower part: no branch may show it, and a comparison of each vector would
// cost a tenth of the speed. So the lower part has 56 bits of a 64-bit lane and starts below zero:
//   lane = lower part of the counter - 2^56 + i
// The lane's top byte is then 0xff before the carry and 0 from there on, and the shuffle that makes
// the lane big-endian copies it to the nine bytes of the upper part, as a mask. With U and U' the
// upper part before and after the carry, the block is (shuffled & (U ^ U', 1...1)) ^ (U', 0...0).

#if defined(VEILSUM_CRYPTO_MASKING_AES_KERNEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VEILSUM_CRYPTO_MASKING_AES_KERNEL_INL_H_
#undef VEILSUM_CRYPTO_MASKING_AES_KERNEL_INL_H_
#else
#define VEILSUM_CRYPTO_MASKING_AES_KERNEL_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/types/span.h"
#include "crypto/masking/kernels.h"
#include "crypto/primitives/constant_time.h"

HWY_BEFORE_NAMESPACE();
namespace veilsum::crypto::HWY_NAMESPACE {

// The static target stands for "any processor", which has no AES: the portable kernel serves it.
#if HWY_TARGET != HWY_STATIC_TARGET

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::ScalableTag<uint8_t> kBytes;
constexpr hn::ScalableTag<int64_t> kHalves;  // two for each block
using ByteVector = hn::Vec<decltype(kBytes)>;
using HalfVector = hn::Vec<decltype(kHalves)>;

constexpr size_t kBlockBytes = 16;
constexpr size_t kVectorBytes = hn::MaxLanes(kBytes);
constexpr size_t kVectorBlocks = kVectorBytes / kBlockBytes;
// A round takes four cycles or so and two may begin in each: this many keep the unit busy, and what
// is left of the registers holds the rest.
constexpr size_t kVectorsInFlight = 8;

// Walks through the blocks of a stream from a given one on, at most 2^56 of them.
class Blocks {
  __extension__ using Number = unsigned __int128;

 public:
  HWY_INLINE Blocks(const StreamKey& stream, uint64_t first_block) {
    const Number counter = (Number{LoadBigEndian(stream.counter.data())} << 64) +
                           LoadBigEndian(stream.counter.data() + 8) + first_block;
    constexpr uint64_t kLowerMask = (uint64_t{1} << kLowerBits) - 1;
    const int64_t lower = static_cast<int64_t>(static_cast<uint64_t>(counter) & kLowerMask);
    next_ = hn::Add(hn::Set(kHalves, lower - (int64_t{1} << kLowerBits)), BlockOfHalves());
    const Number upper = counter & ~Number{kLowerMask};
    const Number upper_after = upper + kLowerMask + 1;
    change_ = BigEndian((upper ^ upper_after) | kLowerMask);
    key_ = hn::Xor(hn::LoadDup128(kBytes, stream.round_keys[0].data()), BigEndian(upper_after));
  }

  // The next vector of blocks, with the first round key already added.
  HWY_INLINE ByteVector Next() {
    // The sign wherever the upper part goes; the lower part, big-endian.
    alignas(16) static constexpr uint8_t kOrder[16] = {7, 7, 7, 7, 7, 7, 7, 7,
                                                       7, 6, 5, 4, 3, 2, 1, 0};
    const ByteVector ordered =
        hn::TableLookupBytes(hn::BitCast(kBytes, next_), hn::LoadDup128(kBytes, kOrder));
    next_ = hn::Add(next_, hn::Set(kHalves, int64_t{kVectorBlocks}));
    return hn::Xor(hn::And(ordered, change_), key_);
  }

 private:
  static constexpr int kLowerBits = 56;

  static HWY_INLINE HalfVector BlockOfHalves() {
    alignas(64) static constexpr int64_t kBlocks[8] = {0, 0, 1, 1, 2, 2, 3, 3};
    return hn::Load(kHalves, kBlocks);
  }
  static HWY_INLINE uint64_t LoadBigEndian(const uint8_t* bytes) {
    uint64_t value;
    std::memcpy(&value, bytes, sizeof(value));
    return __builtin_bswap64(value);
  }
  static HWY_INLINE HalfVector BigEndianHalf(Number number) {
    return hn::Set(kHalves, static_cast<int64_t>(__builtin_bswap64(static_cast<uint64_t>(number))));
  }
  // The number's sixteen bytes in every block of a vector.
  static HWY_INLINE ByteVector BigEndian(Number number) {
    return hn::BitCast(kBytes, hn::OddEven(BigEndianHalf(number), BigEndianHalf(number >> 64)));
  }

  HalfVector next_;    // the lower parts of the next vector of blocks minus 2^56, each twice
  ByteVector change_;  // where the upper part differs from the next one; ones in the lower part
  ByteVector key_;     // the first round key with the upper part after the carry added
};

struct AddLanes {
  template <class V>
  static HWY_INLINE V Apply(V lanes, V mask) {
    return hn::Add(lanes, mask);
  }
};

struct SubtractLanes {
  template <class V>
  static HWY_INLINE V Apply(V lanes, V mask) {
    return hn::Sub(lanes, mask);
  }
};

// Takes the key stream vector by vector, and combines it with lanes.
template <class Operation, typename LaneT>
struct IntoLanes {
  HWY_INLINE void Take(ByteVector key_stream) {
    constexpr hn::ScalableTag<LaneT> kLanes;
    hn::StoreU(Operation::Apply(hn::LoadU(kLanes, lanes), hn::BitCast(kLanes, key_stream)), kLanes,
               lanes);
    lanes += hn::MaxLanes(kLanes);
  }

  LaneT* lanes;
};

// The one place where AES is: encrypts the next kCount vectors of blocks side by side.
template <size_t kCount, class Sink>
HWY_INLINE void Expand(const StreamKey& stream, Blocks& blocks, Sink& sink) {
  ByteVector state[kCount];
  for (size_t i = 0; i < kCount; ++i) state[i] = blocks.Next();
  constexpr size_t kLastRound = StreamKey::kRounds;
  for (size_t round = 1; round < kLastRound; ++round) {
    const ByteVector key = hn::LoadDup128(kBytes, stream.round_keys[round].data());
    for (size_t i = 0; i < kCount; ++i) state[i] = hn::AESRound(state[i], key);
  }
  const ByteVector key = hn::LoadDup128(kBytes, stream.round_keys[kLastRound].data());
  for (size_t i = 0; i < kCount; ++i) sink.Take(hn::AESLastRound(state[i], key));
}

// Lanes that share a vector with others or with nothing: they are worked on in a buffer. `skip` is
// the place of the first in that vector.
template <class Operation, typename LaneT>
void ApplyToPart(const StreamKey& stream, uint64_t block, size_t skip, absl::Span<LaneT> lanes) {
  alignas(kVectorBytes) LaneT buffer[kVectorBytes / sizeof(LaneT)] = {};
  std::copy(lanes.begin(), lanes.end(), buffer + skip);
  Blocks blocks(stream, block);
  IntoLanes<Operation, LaneT> sink{buffer};
  Expand<1>(stream, blocks, sink);
  std::copy_n(buffer + skip, lanes.size(), lanes.begin());
  SecureErase(buffer, sizeof(buffer));
}

// How many bytes to work on first, so that what follows begins with a block, and with a vector's
// alignment where blocks and memory allow for both. `skip` is the place within the first block.
inline size_t HeadBytes(const void* lanes, size_t skip) {
  const size_t to_block = (kBlockBytes - skip) % kBlockBytes;
  const uintptr_t address = reinterpret_cast<uintptr_t>(lanes) + to_block;
  if (address % kBlockBytes != 0) return to_block;
  return to_block + (kVectorBytes - address % kVectorBytes) % kVectorBytes;
}

// A MaskFunction.
template <class Operation, typename LaneT>
void Apply(const StreamKey& stream, uint64_t first_element, absl::Span<LaneT> lanes) {
  constexpr size_t kVectorLanes = kVectorBytes / sizeof(LaneT);
  const uint64_t first_byte = first_element * sizeof(LaneT);
  uint64_t block = first_byte / kBlockBytes;
  const size_t skip = first_byte % kBlockBytes;
  const size_t head_bytes = HeadBytes(lanes.data(), skip);
  if (head_bytes != 0) {
    const absl::Span<LaneT> head = lanes.subspan(0, head_bytes / sizeof(LaneT));
    ApplyToPart<Operation>(stream, block, skip / sizeof(LaneT), head);
    lanes.remove_prefix(head.size());
    block += (skip + head_bytes) / kBlockBytes;
  }
  const size_t vectors = lanes.size() / kVectorLanes;
  Blocks blocks(stream, block);
  IntoLanes<Operation, LaneT> sink{lanes.data()};
  size_t done = 0;
  for (; done + kVectorsInFlight <= vectors; done += kVectorsInFlight) {
    Expand<kVectorsInFlight>(stream, blocks, sink);
  }
  for (; done < vectors; ++done) Expand<1>(stream, blocks, sink);
  lanes.remove_prefix(vectors * kVectorLanes);
  if (!lanes.empty()) ApplyToPart<Operation>(stream, block + vectors * kVectorBlocks, 0, lanes);
}

#endif  // HWY_TARGET != HWY_STATIC_TARGET

}  // namespace veilsum::crypto::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
