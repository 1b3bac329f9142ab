// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The field of Ed25519 and X25519, GF(2^255 − 19), as far as the checks of public keys need it.
// Internal to primitives/.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_CURVE25519_FIELD_H_
#define VEILSUM_CRYPTO_PRIMITIVES_CURVE25519_FIELD_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "crypto/primitives/bytes.h"

namespace veilsum::crypto::internal {

// A coordinate, little-endian.
using Coordinate = std::array<uint8_t, 32>;

inline constexpr Coordinate kFieldPrime = {
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};

// Is this the one canonical way to write an element: 32 bytes, below the prime?
inline bool IsCanonical(ByteSpan coordinate) {
  return coordinate.size() == kFieldPrime.size() &&
         std::lexicographical_compare(coordinate.rbegin(), coordinate.rend(), kFieldPrime.rbegin(),
                                      kFieldPrime.rend());
}

}  // namespace veilsum::crypto::internal

#endif  // VEILSUM_CRYPTO_PRIMITIVES_CURVE25519_FIELD_H_
