// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// X.509 certificates for TLS (RFC 5280): a development authority and what it issues, all with
// ECDSA keys on P-256. Production takes any PEM; this is what makes a first round take no more
// than one command.
//
// Pure but for one thing: keys, serial numbers and signatures take their randomness from
// BoringSSL's generator, since its X.509 code lets nothing else be injected. No clock: a caller
// passes the times. Const methods are thread safe.

#ifndef VEILSUM_CRYPTO_CERTIFICATES_CERTIFICATE_AUTHORITY_H_
#define VEILSUM_CRYPTO_CERTIFICATES_CERTIFICATE_AUTHORITY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

// Whole seconds, both ends included.
struct Validity {
  absl::Time not_before;
  absl::Time not_after;
};

// Both in PEM; the key is PKCS#8, not encrypted.
struct CertificateWithKey {
  std::string certificate_pem;
  SecretBuffer private_key_pem;
};

// What clients may call a server: it must have at least one name or address.
struct ServerNames {
  std::vector<std::string> dns_names;     // "localhost", "aggregator.example.org", "*.example.org"
  std::vector<std::string> ip_addresses;  // "127.0.0.1", "::1"
};

class CertificateAuthority {
 public:
  // A new key and a certificate that it signs itself. InvalidArgument for a common name that is
  // empty or above 64 bytes, and for a validity that is empty or outside the years 1950 to 9999.
  static absl::StatusOr<CertificateAuthority> Create(absl::string_view common_name,
                                                     const Validity& validity);
  // One that was made before. InvalidArgument unless the certificate is an authority's and the key
  // belongs to it.
  static absl::StatusOr<CertificateAuthority> FromPem(absl::string_view certificate_pem,
                                                      absl::string_view private_key_pem);

  CertificateAuthority(CertificateAuthority&&) noexcept;
  CertificateAuthority& operator=(CertificateAuthority&&) noexcept;
  ~CertificateAuthority();

  std::string certificate_pem() const;
  SecretBuffer private_key_pem() const;

  // Errors as those of Create, and InvalidArgument naming the name or address that is none.
  absl::StatusOr<CertificateWithKey> IssueServer(absl::string_view common_name,
                                                 const ServerNames& names,
                                                 const Validity& validity) const;
  absl::StatusOr<CertificateWithKey> IssueClient(absl::string_view common_name,
                                                 const Validity& validity) const;

  // For a key that stays where its request was made (certificate_request.h), in PEM. Of the request
  // only the key counts; names and purpose are the authority's to give. Errors as above, and
  // InvalidArgument for what is no request signed by its own key.
  absl::StatusOr<std::string> SignServer(absl::string_view request_pem,
                                         absl::string_view common_name, const ServerNames& names,
                                         const Validity& validity) const;
  absl::StatusOr<std::string> SignClient(absl::string_view request_pem,
                                         absl::string_view common_name,
                                         const Validity& validity) const;

 private:
  struct Parts;
  explicit CertificateAuthority(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// A client certificate that vouches for itself and can issue nothing: an aggregator that trusts
// exactly this one knows its operator. Errors as those of Create.
absl::StatusOr<CertificateWithKey> MakeSelfSignedClient(absl::string_view common_name,
                                                        const Validity& validity);

// InvalidArgument unless both parse and the private key belongs to the first certificate.
absl::Status CheckKeyFits(absl::string_view certificate_pem, absl::string_view private_key_pem);

// When the first of the certificates in `pem` to expire does. InvalidArgument if there is none, or
// one that does not parse.
absl::StatusOr<absl::Time> NotAfter(absl::string_view pem);

// OK if `private_key_pem` is the key of the first certificate in `certificate_pem`. InvalidArgument
// if one of them does not parse; FailedPrecondition if both are good, but not for each other.
absl::Status CheckKeyPair(absl::string_view certificate_pem, absl::string_view private_key_pem);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_CERTIFICATES_CERTIFICATE_AUTHORITY_H_
