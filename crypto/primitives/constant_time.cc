// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/constant_time.h"

#include "crypto/primitives/boringssl.h"

namespace veilsum::crypto {

bool ConstantTimeEqual(ByteSpan a, ByteSpan b) {
  return a.size() == b.size() && Declassify(CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void SecureErase(void* memory, size_t size) { OPENSSL_cleanse(memory, size); }

}  // namespace veilsum::crypto
