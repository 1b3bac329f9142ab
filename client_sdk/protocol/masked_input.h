// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The masked input of round 2, made chunk by chunk: y = x + PRG(β) ± Σ PRG(s_uv) mod 2^B, packed.
// docs/protocol.md, "Round 2" and "Masks".
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_MASKED_INPUT_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_MASKED_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client_sdk/encoding/input_source.h"
#include "crypto/masking/lanes.h"
#include "crypto/masking/mask_stream.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::client {

// The most elements that pack into `chunk_bytes` and let the next chunk begin on a byte: a
// multiple of crypto::kElementsPerAlignment, at least that. Every chunk of an upload but the last
// has this many elements.
constexpr uint64_t ElementsPerChunk(uint32_t modulus_bits, size_t chunk_bytes) {
  constexpr uint64_t kAlignment = crypto::kElementsPerAlignment;
  // kAlignment elements of B bits are B bytes.
  const uint64_t groups = chunk_bytes / modulus_bits;
  return kAlignment * (groups == 0 ? 1 : groups);
}

// SHA-256 of the encoded input before it is masked: each lane little-endian, in memory's width.
// What a journal keeps of the input (docs/protocol.md, "What a client remembers").
crypto::Digest InputDigest(const InputSource& input);
inline crypto::Digest InputDigest(const crypto::LaneVector& input) {
  return InputDigest(LaneSource(input));
}

// The masks of one client in one session: the self mask and one pairwise mask per neighbour in U2,
// each with its sign. Holds secrets; neither copied nor moved: share the pointer. Const members
// are thread-safe, so chunks may be masked in any order and at the same time.
class MaskingPlan {
 public:
  struct Mask {
    crypto::MaskStream stream;
    crypto::MaskSign sign;
  };

  // `modulus_bits` is 1 … limits::kMaxModulusBits.
  MaskingPlan(std::vector<Mask> masks, uint32_t modulus_bits);
  MaskingPlan(const MaskingPlan&) = delete;
  MaskingPlan& operator=(const MaskingPlan&) = delete;

  uint32_t modulus_bits() const { return modulus_bits_; }
  size_t mask_count() const { return masks_.size(); }

  // Encodes, masks and packs elements [first, first + count) of `input` into `packed`, resized to
  // fit: all of it while a tile is in the L1 cache. INVALID_ARGUMENT unless the range is in the
  // input, `first` is a multiple of crypto::kElementsPerAlignment, so is `count` but for the
  // input's last elements, and the input's lanes are those of the modulus.
  absl::Status MaskAndPack(const InputSource& input, uint64_t first, uint64_t count,
                           std::string& packed) const;
  absl::Status MaskAndPack(const crypto::LaneVector& input, uint64_t first, uint64_t count,
                           std::string& packed) const {
    return MaskAndPack(LaneSource(input), first, count, packed);
  }

 private:
  template <typename LaneT>
  absl::Status MaskAndPackTiles(const InputSource& input, uint64_t first, uint64_t count,
                                absl::Span<uint8_t> packed) const;

  std::vector<Mask> masks_;
  std::vector<crypto::SignedMask> signed_masks_;  // Views of masks_.
  uint32_t modulus_bits_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_MASKED_INPUT_H_
