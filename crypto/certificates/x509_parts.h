// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Pieces that certificates and requests for them have in common; for this folder only.

#ifndef VEILSUM_CRYPTO_CERTIFICATES_X509_PARTS_H_
#define VEILSUM_CRYPTO_CERTIFICATES_X509_PARTS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "crypto/certificates/pem.h"

namespace veilsum::crypto {

// Everything BoringSSL may refuse where this is asked is a lack of memory, once the arguments have
// been checked: ends the process.
void RequireX509(bool ok, const char* what);

// InvalidArgument unless 1 to 64 printable ASCII characters (RFC 5280, ub-common-name).
absl::Status CheckCommonName(absl::string_view name);
// Adds one that was checked.
void AddCommonName(X509_NAME* subject, absl::string_view name);

// ECDSA on P-256, from BoringSSL's generator.
bssl::UniquePtr<EVP_PKEY> MakeTlsKey();

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_CERTIFICATES_X509_PARTS_H_
