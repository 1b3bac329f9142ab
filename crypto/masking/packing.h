// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Vectors over Z_{2^B} as bytes: exactly B bits per element.
//
// The bytes are one long little-endian number: bit j of it is bit j % 8 of byte j / 8, and element
// i occupies bits [i·B, (i+1)·B), least significant bit first. Bits after the last element, at most
// seven, are zero. Eight elements are exactly B bytes.
//
// LaneT is uint16_t, uint32_t or uint64_t and must have room for B bits. Time depends on counts and
// B alone. Everything here is a pure function.

#ifndef VEILSUM_CRYPTO_MASKING_PACKING_H_
#define VEILSUM_CRYPTO_MASKING_PACKING_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace veilsum::crypto {

// A vector is cut into chunks at multiples of this, so that each starts on a byte whatever B is.
inline constexpr size_t kElementsPerAlignment = 8;

// Bytes that `count` elements of `bits` bits take: ceil(count · bits / 8). bits is 1 .. 64; the
// result does not overflow while it fits a size_t.
constexpr size_t PackedSize(size_t count, uint32_t bits) {
  return count / kElementsPerAlignment * bits + (count % kElementsPerAlignment * bits + 7) / 8;
}

// Packs the low `bits` bits of each lane: this is the reduction modulo 2^bits (see lanes.h).
// InvalidArgument unless bits is 1 .. 8·sizeof(LaneT) and `out` is exactly PackedSize bytes.
template <typename LaneT>
absl::Status Pack(absl::Span<const LaneT> lanes, uint32_t bits, absl::Span<uint8_t> out);

// The inverse; lanes come out reduced. InvalidArgument as for Pack, and if padding bits are not
// zero; `lanes` is untouched then.
template <typename LaneT>
absl::Status Unpack(absl::Span<const uint8_t> packed, uint32_t bits, absl::Span<LaneT> lanes);

// Adds the elements to the lanes, wrapping, in one pass.
template <typename LaneT>
absl::Status UnpackAdd(absl::Span<const uint8_t> packed, uint32_t bits, absl::Span<LaneT> lanes);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_MASKING_PACKING_H_
