// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// BoringSSL's PEM and X.509 objects to and from text; for this folder only. Every function leaves
// BoringSSL's error queue empty.

#ifndef VEILSUM_CRYPTO_CERTIFICATES_PEM_H_
#define VEILSUM_CRYPTO_CERTIFICATES_PEM_H_

#include "crypto/primitives/boringssl.h"
// boringssl.h goes first: it makes sure that these are BoringSSL's.
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

// All certificates of `pem`, in order, at least one. InvalidArgument for anything else.
absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> ParseCertificates(absl::string_view pem);

// The first private key of `pem`: PKCS#8 or the older forms by kind of key, not encrypted.
absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> ParsePrivateKey(absl::string_view pem);
absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> ParsePublicKey(absl::string_view pem);
// All public keys of `pem`, in order, at least one.
absl::StatusOr<std::vector<bssl::UniquePtr<EVP_PKEY>>> ParsePublicKeys(absl::string_view pem);

// The first certificate request of `pem`. InvalidArgument also if it is not signed by the key that
// it is for, or if that is too weak for TLS.
absl::StatusOr<bssl::UniquePtr<X509_REQ>> ParseRequest(absl::string_view pem);

// Objects that exist can be written, unless memory has run out: then the process ends.
std::string FormatCertificate(X509* certificate);
std::string FormatRequest(X509_REQ* request);
SecretBuffer FormatPrivateKey(EVP_PKEY* key);  // PKCS#8
std::string FormatPublicKey(EVP_PKEY* key);    // SubjectPublicKeyInfo

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_CERTIFICATES_PEM_H_
