// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/certificates/certificate_request.h"

#include "crypto/certificates/pem.h"
#include "crypto/certificates/x509_parts.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::crypto {

absl::StatusOr<RequestWithKey> MakeCertificateRequest(absl::string_view common_name) {
  if (absl::Status status = CheckCommonName(common_name); !status.ok()) return status;
  const bssl::UniquePtr<EVP_PKEY> key = MakeTlsKey();
  const bssl::UniquePtr<X509_REQ> request(X509_REQ_new());
  RequireX509(request && X509_REQ_set_version(request.get(), 0) &&
                  X509_REQ_set_pubkey(request.get(), key.get()),
              "a certificate request");
  AddCommonName(X509_REQ_get_subject_name(request.get()), common_name);
  RequireX509(X509_REQ_sign(request.get(), key.get(), EVP_sha256()) != 0,
              "signing a certificate request");
  return RequestWithKey{FormatRequest(request.get()), FormatPrivateKey(key.get())};
}

absl::StatusOr<std::string> CommonNameOfRequest(absl::string_view request_pem) {
  const absl::StatusOr<bssl::UniquePtr<X509_REQ>> request = ParseRequest(request_pem);
  if (!request.ok()) return request.status();
  X509_NAME* const subject = X509_REQ_get_subject_name(request->get());
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return absl::InvalidArgumentError("the request names nobody (no common name)");
  const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
  const std::string name = ToString(
      ByteSpan(ASN1_STRING_get0_data(value), static_cast<size_t>(ASN1_STRING_length(value))));
  if (absl::Status status = CheckCommonName(name); !status.ok()) return status;
  return name;
}

}  // namespace veilsum::crypto
