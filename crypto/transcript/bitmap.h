// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Sets of roster positions as they travel: position p is bit p mod 8 (least significant first) of
// byte p / 8; the bits above the last position are zero.

#ifndef VEILSUM_CRYPTO_TRANSCRIPT_BITMAP_H_
#define VEILSUM_CRYPTO_TRANSCRIPT_BITMAP_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::crypto {

std::string EncodeBitmap(const std::vector<bool>& members);

// INVALID_ARGUMENT when it is not ⌈size/8⌉ bytes long or a bit above the last position is set.
absl::StatusOr<std::vector<bool>> DecodeBitmap(ByteSpan bitmap, size_t size);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_TRANSCRIPT_BITMAP_H_
