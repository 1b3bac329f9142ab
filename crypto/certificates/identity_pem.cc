// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/certificates/identity_pem.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "crypto/certificates/pem.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/failure.h"

namespace veilsum::crypto {
namespace {

absl::Status RequireEd25519(const EVP_PKEY* key) {
  if (EVP_PKEY_id(key) == EVP_PKEY_ED25519) return absl::OkStatus();
  return absl::InvalidArgumentError("an identity is an Ed25519 key; this is one of another kind");
}

absl::StatusOr<IdentityPublicKey> PublicKeyOf(const EVP_PKEY* key) {
  if (absl::Status status = RequireEd25519(key); !status.ok()) return status;
  std::array<uint8_t, IdentityPublicKey::kSize> bytes;
  size_t size = bytes.size();
  if (!EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) || size != bytes.size()) {
    AbortOnCryptoFailure("reading an Ed25519 public key");
  }
  return IdentityPublicKey::Parse(bytes);
}

}  // namespace

absl::StatusOr<IdentityKeyPair> ParseIdentityPem(absl::string_view pem) {
  const absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> key = ParsePrivateKey(pem);
  if (!key.ok()) return key.status();
  if (absl::Status status = RequireEd25519(key->get()); !status.ok()) return status;
  const IdentityPrivateKey seed = IdentityPrivateKey::Generate([&](absl::Span<uint8_t> out) {
    size_t size = out.size();
    if (!EVP_PKEY_get_raw_private_key(key->get(), out.data(), &size) || size != out.size()) {
      AbortOnCryptoFailure("reading an Ed25519 private key");
    }
  });
  return IdentityKeyPair::FromSeed(seed);
}

SecretBuffer FormatIdentityPem(const IdentityKeyPair& identity) {
  const ByteSpan seed = ExposeSecret(identity.seed());
  const bssl::UniquePtr<EVP_PKEY> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  if (!key) AbortOnCryptoFailure("making an Ed25519 private key");
  return FormatPrivateKey(key.get());
}

absl::StatusOr<IdentityPublicKey> ParseIdentityPublicPem(absl::string_view pem) {
  const absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> key = ParsePublicKey(pem);
  if (!key.ok()) return key.status();
  return PublicKeyOf(key->get());
}

absl::StatusOr<std::vector<IdentityPublicKey>> ParseAuthorityPem(absl::string_view pem) {
  const auto keys = ParsePublicKeys(pem);
  if (!keys.ok()) return keys.status();
  std::vector<IdentityPublicKey> authorities;
  for (const bssl::UniquePtr<EVP_PKEY>& key : *keys) {
    const absl::StatusOr<IdentityPublicKey> authority = PublicKeyOf(key.get());
    if (!authority.ok()) return authority.status();
    if (std::count(authorities.begin(), authorities.end(), *authority) != 0) {
      return absl::InvalidArgumentError("one public key is there twice");
    }
    authorities.push_back(*authority);
  }
  return authorities;
}

std::string FormatIdentityPublicPem(const IdentityPublicKey& identity) {
  const ByteSpan bytes = identity.bytes();
  const bssl::UniquePtr<EVP_PKEY> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()));
  if (!key) AbortOnCryptoFailure("making an Ed25519 public key");
  return FormatPublicKey(key.get());
}

}  // namespace veilsum::crypto
