// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Requests for a TLS certificate (PKCS#10, RFC 2986): made where the private key stays, signed by
// an authority elsewhere (certificate_authority.h). Pure but for the randomness of BoringSSL's
// generator, as there. Thread safe.

#ifndef VEILSUM_CRYPTO_CERTIFICATES_CERTIFICATE_REQUEST_H_
#define VEILSUM_CRYPTO_CERTIFICATES_CERTIFICATE_REQUEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

// Both in PEM; the key is PKCS#8, not encrypted.
struct RequestWithKey {
  std::string request_pem;
  SecretBuffer private_key_pem;
};

// A new key on P-256 and a request for a certificate of this name. It asks for nothing else: what
// the certificate is good for, the authority decides. InvalidArgument for a common name that is
// empty or above 64 bytes.
absl::StatusOr<RequestWithKey> MakeCertificateRequest(absl::string_view common_name);

// The name that a request asks for. InvalidArgument for what is no request, is not signed by the
// key that it is for, or has no good common name.
absl::StatusOr<std::string> CommonNameOfRequest(absl::string_view request_pem);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_CERTIFICATES_CERTIFICATE_REQUEST_H_
