// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// AES-256-GCM with a key that seals exactly one message.
//
// The nonce is twelve zero bytes. That is safe because a nonce must be unique per *key*, and a key
// here is derived (crypto/transcript/key_schedule.h) for one ordered pair of clients in one
// session, from a channel secret that is fresh per session, salted with T1; each such key seals one
// message, and a resend repeats the same bytes rather than sealing again. Do not use a key from
// anywhere else.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_AEAD_H_
#define VEILSUM_CRYPTO_PRIMITIVES_AEAD_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

// Ciphertext is as long as the plaintext plus the tag.
inline constexpr size_t kAeadTagSize = 16;

// Internal if BoringSSL refuses (a plaintext near 64 GB).
absl::StatusOr<Bytes> AeadSeal(const AeadKey& key, ByteSpan plaintext, ByteSpan associated_data);

// InvalidArgument if the ciphertext is too short, or was not sealed with this key and associated
// data. Nothing of the plaintext is released then.
absl::StatusOr<SecretBuffer> AeadOpen(const AeadKey& key, ByteSpan ciphertext,
                                      ByteSpan associated_data);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_AEAD_H_
