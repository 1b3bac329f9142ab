// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// HKDF-SHA256 (RFC 5869), and typed derivation of one secret from another.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_HKDF_H_
#define VEILSUM_CRYPTO_PRIMITIVES_HKDF_H_

#include <cstdint>

#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::crypto {

// The info input: a label and public fields, in the canonical encoding.
using KdfInfo = CanonicalEncoding;

// Extract and expand into `out`, which is at most 255 * 32 bytes (a longer one is a programming
// error and aborts). An empty salt is RFC 5869's default one.
void Hkdf(ByteSpan ikm, ByteSpan salt, ByteSpan info, absl::Span<uint8_t> out);

// A secret of type S (secret.h) from input key material.
//   AeadKey key = DeriveSecret<AeadKey>(ExposeSecret(shared), t1, KdfInfo(kLabel).Add(identity));
template <class S>
S DeriveSecret(ByteSpan ikm, ByteSpan salt, const KdfInfo& info) {
  return S::Generate([&](absl::Span<uint8_t> out) { Hkdf(ikm, salt, info.bytes(), out); });
}

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_HKDF_H_
