// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Masks: the key stream that a seed expands to, added to or removed from a vector in place. A whole
// mask never exists in memory.

#ifndef VEILSUM_CRYPTO_MASKING_MASK_STREAM_H_
#define VEILSUM_CRYPTO_MASKING_MASK_STREAM_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "crypto/masking/kernels.h"
#include "crypto/masking/lanes.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

// PRG(seed): the AES-128-CTR key stream under (key, initial counter block) = HKDF-SHA256(seed, no
// salt, kLabelMaskStream), 16 bytes each. Element i of the mask is the i-th little-endian lane of
// that stream, so any part of a mask can be had without the parts before it. One seed masks one
// vector, once.
//
// Construction costs about two microseconds, for the HKDF and the key schedule: keep the object for
// all tiles of a vector. Move-only (a moved-from stream may only be destroyed); erased on
// destruction. Const members are thread-safe: different tiles may use one stream at a time.
class MaskStream {
 public:
  explicit MaskStream(const MaskSeed& seed);
  // The stream of DeterministicRandom(seed, label) (crypto/primitives/random.h), of which any part
  // can be had: added to zeros.
  static MaskStream OfDeterministicRandom(ByteSpan seed, absl::string_view label);

  MaskStream(MaskStream&& other) noexcept;
  MaskStream& operator=(MaskStream&& other) noexcept;
  MaskStream(const MaskStream&) = delete;
  MaskStream& operator=(const MaskStream&) = delete;
  ~MaskStream();

  // lanes[i] += (or -=) element first_element + i of the mask, modulo 2^(8 · sizeof(LaneT)).
  // LaneT is uint16_t, uint32_t or uint64_t; first_element + lanes.size() is below 2^60.
  template <typename LaneT>
  void AddTo(absl::Span<LaneT> lanes, uint64_t first_element) const {
    static_assert(kIsLane<LaneT>);
    ActiveKernel().For<LaneT>().add(key_, first_element, lanes);
  }
  template <typename LaneT>
  void SubtractFrom(absl::Span<LaneT> lanes, uint64_t first_element) const {
    static_assert(kIsLane<LaneT>);
    ActiveKernel().For<LaneT>().subtract(key_, first_element, lanes);
  }

 private:
  MaskStream(ByteSpan seed, const KdfInfo& info);

  StreamKey key_;
};

enum class MaskSign : uint8_t { kAdd, kSubtract };

// A mask and what to do with it. The sign is public: it follows from positions in the roster.
struct SignedMask {
  const MaskStream* stream;
  MaskSign sign;
};

// Lanes are worked on in tiles of this many bytes, which stay in the L1 cache while one mask after
// the other is applied to them. A tile's end is aligned, so that only the first and the last of a
// vector have a beginning or an end that does not fill a register.
inline constexpr size_t kMaskTileBytes = 16 * 1024;
inline constexpr size_t kMaskTileAlignment = 64;

// Applies all masks to lanes that are the elements first_element, first_element + 1, … of a vector.
// Disjoint parts of a vector may be done in any order and on any thread; the result is the same.
template <typename LaneT>
void ApplyMasks(absl::Span<LaneT> lanes, uint64_t first_element,
                absl::Span<const SignedMask> masks) {
  while (!lanes.empty()) {
    const size_t past_aligned = reinterpret_cast<uintptr_t>(lanes.data()) % kMaskTileAlignment;
    const absl::Span<LaneT> tile =
        lanes.subspan(0, (kMaskTileBytes - past_aligned) / sizeof(LaneT));
    for (const SignedMask& mask : masks) {
      if (mask.sign == MaskSign::kAdd) {
        mask.stream->AddTo(tile, first_element);
      } else {
        mask.stream->SubtractFrom(tile, first_element);
      }
    }
    lanes.remove_prefix(tile.size());
    first_element += tile.size();
  }
}

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_MASKING_MASK_STREAM_H_
