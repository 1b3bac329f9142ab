// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Identities as files: Ed25519 keys in PEM (RFC 8410), as `openssl genpkey -algorithm ed25519`
// writes them. Pure; nothing of a private key gets into an error message. Thread safe.

#ifndef VEILSUM_CRYPTO_CERTIFICATES_IDENTITY_PEM_H_
#define VEILSUM_CRYPTO_CERTIFICATES_IDENTITY_PEM_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

// An unencrypted PKCS#8 private key. InvalidArgument for anything else.
absl::StatusOr<IdentityKeyPair> ParseIdentityPem(absl::string_view pem);
SecretBuffer FormatIdentityPem(const IdentityKeyPair& identity);

// A SubjectPublicKeyInfo. InvalidArgument for anything else, and for what
// IdentityPublicKey::Parse refuses.
absl::StatusOr<IdentityPublicKey> ParseIdentityPublicPem(absl::string_view pem);
std::string FormatIdentityPublicPem(const IdentityPublicKey& identity);

// The public key file of an enrolment authority: SubjectPublicKeyInfos, one below the other where
// a new key takes over from an old one. At least one, none twice; InvalidArgument for anything
// else.
absl::StatusOr<std::vector<IdentityPublicKey>> ParseAuthorityPem(absl::string_view pem);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_CERTIFICATES_IDENTITY_PEM_H_
