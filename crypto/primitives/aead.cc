// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/aead.h"

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "crypto/primitives/boringssl.h"
#include "crypto/primitives/failure.h"

namespace veilsum::crypto {
namespace {

constexpr std::array<uint8_t, 12> kZeroNonce = {};

bssl::UniquePtr<EVP_AEAD_CTX> NewContext(const AeadKey& key) {
  const ByteSpan bytes = ExposeSecret(key);
  bssl::UniquePtr<EVP_AEAD_CTX> context(
      EVP_AEAD_CTX_new(EVP_aead_aes_256_gcm(), bytes.data(), bytes.size(), kAeadTagSize));
  if (context == nullptr) AbortOnCryptoFailure("AES-256-GCM key setup");
  return context;
}

}  // namespace

absl::StatusOr<Bytes> AeadSeal(const AeadKey& key, ByteSpan plaintext, ByteSpan associated_data) {
  const bssl::UniquePtr<EVP_AEAD_CTX> context = NewContext(key);
  Bytes ciphertext(plaintext.size() + kAeadTagSize);
  size_t written = 0;
  if (EVP_AEAD_CTX_seal(context.get(), ciphertext.data(), &written, ciphertext.size(),
                        kZeroNonce.data(), kZeroNonce.size(), plaintext.data(), plaintext.size(),
                        associated_data.data(), associated_data.size()) != 1) {
    return absl::InternalError("AES-256-GCM could not seal a message");
  }
  ciphertext.resize(written);
  return ciphertext;
}

absl::StatusOr<SecretBuffer> AeadOpen(const AeadKey& key, ByteSpan ciphertext,
                                      ByteSpan associated_data) {
  if (ciphertext.size() < kAeadTagSize) {
    return absl::InvalidArgumentError("ciphertext is shorter than its authentication tag");
  }
  const bssl::UniquePtr<EVP_AEAD_CTX> context = NewContext(key);
  SecretBuffer plaintext(ciphertext.size() - kAeadTagSize);
  size_t written = 0;
  if (EVP_AEAD_CTX_open(context.get(), ExposeSecretMutable(plaintext).data(), &written,
                        plaintext.size(), kZeroNonce.data(), kZeroNonce.size(), ciphertext.data(),
                        ciphertext.size(), associated_data.data(), associated_data.size()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "ciphertext does not open: another key or associated data, or altered on the way");
  }
  return plaintext;
}

}  // namespace veilsum::crypto
