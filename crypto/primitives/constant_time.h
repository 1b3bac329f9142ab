// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on memory that holds secrets: comparison whose time does not depend on the contents,
// and erasure that a compiler may not remove.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_CONSTANT_TIME_H_
#define VEILSUM_CRYPTO_PRIMITIVES_CONSTANT_TIME_H_

#include <cstddef>

#include "crypto/primitives/bytes.h"

namespace veilsum::crypto {

// True if both have the same length and the same bytes. Time depends on the lengths alone; the
// answer counts as public.
[[nodiscard]] bool ConstantTimeEqual(ByteSpan a, ByteSpan b);

// Says that a fact about secrets may become public, since the program now goes one way or the
// other: a share is out of range, a draw is repeated. Gives it back as it is. A branch on secrets
// without this is a mistake, and tests/constant_time, which marks secrets, stops at it.
[[nodiscard]] bool Declassify(bool fact);

// Overwrites memory with zeros, also where it is never read again.
void SecureErase(void* memory, size_t size);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_CONSTANT_TIME_H_
