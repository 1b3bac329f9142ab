// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/hkdf.h"

#include "crypto/primitives/boringssl.h"
#include "crypto/primitives/failure.h"

namespace veilsum::crypto {

void Hkdf(ByteSpan ikm, ByteSpan salt, ByteSpan info, absl::Span<uint8_t> out) {
  if (HKDF(out.data(), out.size(), EVP_sha256(), ikm.data(), ikm.size(), salt.data(), salt.size(),
           info.data(), info.size()) != 1) {
    AbortOnCryptoFailure("HKDF");
  }
}

}  // namespace veilsum::crypto
