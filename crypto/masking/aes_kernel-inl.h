// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// AES-128-CTR fused with the addition, over Highway's vectors: compiled once for each target that
// the including file asks foreach_target.h for. A mask never leaves the registers.
//
// Block i of the stream encrypts the 128-bit number counter + i. With low and high the halves of
// the counter, its lower half is low + i, and its upper half is high until low + i wraps and
// high + 1 from there on; it wraps once at most, for i is below 2^63. The counter is secret, so the
// upper half is chosen with a comparison of vectors, not with a branch. It costs two instructions a
// vector, because the halves that may be chosen from are part of the first round key here.

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
constexpr hn::ScalableTag<int64_t> kHalves;  // two for each block; signed, for the comparison
using ByteVector = hn::Vec<decltype(kBytes)>;
using HalfVector = hn::Vec<decltype(kHalves)>;

constexpr size_t kBlockBytes = 16;
constexpr size_t kVectorBytes = hn::MaxLanes(kBytes);
constexpr size_t kVectorBlocks = kVectorBytes / kBlockBytes;
// A round takes four cycles or so and two may begin in each: this many keep the unit busy, and what
// is left of the registers holds the rest.
constexpr size_t kVectorsInFlight = 8;

// Walks through the blocks of a stream from a given one on.
class Blocks {
 public:
  HWY_INLINE Blocks(const StreamKey& stream, uint64_t first_block) {
    const uint64_t high = LoadBigEndian(stream.counter.data());
    const uint64_t low = LoadBigEndian(stream.counter.data() + 8);
    // Numbers are compared as signed ones, so they are kept with the sign flipped; the first round
    // key flips it back.
    constexpr uint64_t kSign = uint64_t{1} << 63;
    start_ = hn::Set(kHalves, static_cast<int64_t>(low ^ kSign));
    alignas(64) static constexpr int64_t kBlockOfHalf[8] = {0, 0, 1, 1, 2, 2, 3, 3};
    next_ = hn::Add(hn::Add(start_, hn::Set(kHalves, static_cast<int64_t>(first_block))),
                    hn::Load(kHalves, kBlockOfHalf));
    const HalfVector upper = hn::Set(kHalves, static_cast<int64_t>(ByteSwap(high)));
    const HalfVector upper_after = hn::Set(kHalves, static_cast<int64_t>(ByteSwap(high + 1)));
    const HalfVector sign = hn::Set(kHalves, static_cast<int64_t>(ByteSwap(kSign)));
    const ByteVector key = hn::LoadDup128(kBytes, stream.round_keys[0].data());
    key_ = hn::Xor(hn::BitCast(kHalves, key), hn::OddEven(sign, upper));
    key_change_ = hn::OddEven(hn::Zero(kHalves), hn::Xor(upper, upper_after));
  }

  // The next vector of blocks, with the first round key already added.
  HWY_INLINE ByteVector Next() {
    // The lower half, big-endian; nothing where the upper half goes.
    alignas(16) static constexpr uint8_t kLowerHalf[16] = {
        0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 7, 6, 5, 4, 3, 2, 1, 0};
    const HalfVector key_change = hn::IfThenElseZero(hn::Lt(next_, start_), key_change_);
    const HalfVector lower = hn::BitCast(
        kHalves,
        hn::TableLookupBytesOr0(hn::BitCast(kBytes, next_), hn::LoadDup128(kBytes, kLowerHalf)));
    next_ = hn::Add(next_, hn::Set(kHalves, int64_t{kVectorBlocks}));
    return hn::BitCast(kBytes, hn::Xor3(lower, key_, key_change));
  }

 private:
  static HWY_INLINE uint64_t ByteSwap(uint64_t value) { return __builtin_bswap64(value); }
  static HWY_INLINE uint64_t LoadBigEndian(const uint8_t* bytes) {
    uint64_t value;
    std::memcpy(&value, bytes, sizeof(value));
    return ByteSwap(value);
  }

  // All in both halves of a block, but for the key.
  HalfVector start_;       // the lower half of the stream's first counter
  HalfVector next_;        // that of the next vector of blocks
  HalfVector key_;         // the first round key with the upper half added
  HalfVector key_change_;  // turns the upper half into the next one
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
