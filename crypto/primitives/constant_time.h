// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on memory that holds secrets: comparison whose time does not depend on the contents,
// and erasure that a compiler may not remove.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_CONSTANT_TIME_H_
#define VEILSUM_CRYPTO_PRIMITIVES_CONSTANT_TIME_H_

#include <cstddef>

#include "crypto/primitives/bytes.h"

namespace veilsum::crypto {

// True if both have the same length and the same bytes. Time depends on the lengths alone.
[[nodiscard]] bool ConstantTimeEqual(ByteSpan a, ByteSpan b);

// Overwrites memory with zeros, also where it is never read again.
void SecureErase(void* memory, size_t size);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_CONSTANT_TIME_H_
