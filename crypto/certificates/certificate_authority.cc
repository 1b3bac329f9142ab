// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/certificates/certificate_authority.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "crypto/certificates/pem.h"
#include "crypto/certificates/x509_parts.h"

namespace veilsum::crypto {
namespace {

constexpr int kX509Version = 2;           // The encoding of version 3.
constexpr size_t kMaxDnsNameBytes = 253;  // RFC 1035.
constexpr size_t kSerialBytes = 16;       // RFC 5280 allows 20.

enum class Kind { kAuthority, kServer, kClient };

bool IsDnsName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxDnsNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '*' || c == '_';
         });
}

absl::Status SetTime(ASN1_TIME* out, absl::Time time) {
  if (ASN1_TIME_set(out, absl::ToTimeT(time)) != nullptr) return absl::OkStatus();
  ERR_clear_error();
  return absl::InvalidArgumentError("a certificate's times are in the years 1950 to 9999");
}

absl::Status SetValidity(X509* certificate, const Validity& validity) {
  if (validity.not_after < validity.not_before) {
    return absl::InvalidArgumentError("the certificate would expire before it becomes valid");
  }
  absl::Status status = SetTime(X509_getm_notBefore(certificate), validity.not_before);
  status.Update(SetTime(X509_getm_notAfter(certificate), validity.not_after));
  return status;
}

void SetSerial(X509* certificate) {
  std::array<uint8_t, kSerialBytes> bytes;
  RAND_bytes(bytes.data(), bytes.size());
  bytes[0] = (bytes[0] & 0x7f) | 0x40;  // Positive, and always of the same length.
  const bssl::UniquePtr<BIGNUM> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  RequireX509(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)),
              "a serial number");
}

// `issuer` is `certificate` itself if it is self-signed; its key must be set.
void AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, nid, value));
  RequireX509(extension && X509_add_ext(certificate, extension.get(), -1),
              "a certificate extension");
}

void AddExtensions(X509* certificate, X509* issuer, Kind kind) {
  AddExtension(certificate, issuer, NID_subject_key_identifier, "hash");
  AddExtension(certificate, issuer, NID_authority_key_identifier, "keyid");
  if (kind == Kind::kAuthority) {
    AddExtension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    AddExtension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    return;
  }
  AddExtension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  // One that signs itself cannot say that it signs no certificates: verifiers would not find its
  // issuer.
  if (issuer != certificate) {
    AddExtension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
  }
  AddExtension(certificate, issuer, NID_ext_key_usage,
               kind == Kind::kServer ? "serverAuth" : "clientAuth");
}

void AddName(GENERAL_NAMES* names, int type, bssl::UniquePtr<ASN1_STRING> value) {
  bssl::UniquePtr<GENERAL_NAME> name(GENERAL_NAME_new());
  RequireX509(value && name, "a subject alternative name");
  GENERAL_NAME_set0_value(name.get(), type, value.release());
  RequireX509(bssl::PushToStack(names, std::move(name)), "a subject alternative name");
}

absl::Status AddServerNames(X509* certificate, const ServerNames& server) {
  if (server.dns_names.empty() && server.ip_addresses.empty()) {
    return absl::InvalidArgumentError("a server certificate needs a DNS name or an IP address");
  }
  const bssl::UniquePtr<GENERAL_NAMES> names(GENERAL_NAMES_new());
  RequireX509(names != nullptr, "subject alternative names");
  for (const std::string& dns_name : server.dns_names) {
    if (!IsDnsName(dns_name)) {
      return absl::InvalidArgumentError(absl::StrCat("\"", dns_name, "\" is no DNS name"));
    }
    bssl::UniquePtr<ASN1_STRING> value(ASN1_STRING_type_new(V_ASN1_IA5STRING));
    RequireX509(value && ASN1_STRING_set(value.get(), dns_name.data(), dns_name.size()),
                "a DNS name");
    AddName(names.get(), GEN_DNS, std::move(value));
  }
  for (const std::string& address : server.ip_addresses) {
    bssl::UniquePtr<ASN1_STRING> value(a2i_IPADDRESS(address.c_str()));
    ERR_clear_error();
    if (!value) {
      return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" is no IP address"));
    }
    AddName(names.get(), GEN_IPADD, std::move(value));
  }
  RequireX509(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0),
              "subject alternative names");
  return absl::OkStatus();
}

struct Wish {
  Kind kind;
  absl::string_view common_name;
  Validity validity;
  const ServerNames* names = nullptr;  // Of a server.
};

// A certificate for `key`, signed by `issuer` with `issuer_key`, or by itself if `issuer` is null.
absl::StatusOr<bssl::UniquePtr<X509>> MakeCertificate(const Wish& wish, EVP_PKEY* key, X509* issuer,
                                                      EVP_PKEY* issuer_key) {
  if (absl::Status status = CheckCommonName(wish.common_name); !status.ok()) return status;
  bssl::UniquePtr<X509> certificate(X509_new());
  RequireX509(certificate && X509_set_version(certificate.get(), kX509Version), "a certificate");
  SetSerial(certificate.get());
  if (absl::Status status = SetValidity(certificate.get(), wish.validity); !status.ok()) {
    return status;
  }
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  AddCommonName(subject, wish.common_name);
  RequireX509(
      X509_set_issuer_name(certificate.get(), issuer ? X509_get_subject_name(issuer) : subject) &&
          X509_set_pubkey(certificate.get(), key),
      "a certificate's names");
  AddExtensions(certificate.get(), issuer ? issuer : certificate.get(), wish.kind);
  if (wish.names != nullptr) {
    absl::Status status = AddServerNames(certificate.get(), *wish.names);
    if (!status.ok()) return status;
  }
  RequireX509(X509_sign(certificate.get(), issuer_key, EVP_sha256()), "signing a certificate");
  return certificate;
}

absl::StatusOr<CertificateWithKey> MakeWithKey(const Wish& wish, X509* issuer,
                                               EVP_PKEY* issuer_key) {
  const bssl::UniquePtr<EVP_PKEY> key = MakeTlsKey();
  absl::StatusOr<bssl::UniquePtr<X509>> certificate =
      MakeCertificate(wish, key.get(), issuer, issuer_key ? issuer_key : key.get());
  if (!certificate.ok()) return certificate.status();
  return CertificateWithKey{FormatCertificate(certificate->get()), FormatPrivateKey(key.get())};
}

// For the key that the request is for.
absl::StatusOr<std::string> SignRequest(absl::string_view request_pem, const Wish& wish,
                                        X509* issuer, EVP_PKEY* issuer_key) {
  const absl::StatusOr<bssl::UniquePtr<X509_REQ>> request = ParseRequest(request_pem);
  if (!request.ok()) return request.status();
  const bssl::UniquePtr<EVP_PKEY> key(X509_REQ_get_pubkey(request->get()));
  RequireX509(key != nullptr, "a request's key");
  absl::StatusOr<bssl::UniquePtr<X509>> certificate =
      MakeCertificate(wish, key.get(), issuer, issuer_key);
  if (!certificate.ok()) return certificate.status();
  return FormatCertificate(certificate->get());
}

}  // namespace

struct CertificateAuthority::Parts {
  bssl::UniquePtr<EVP_PKEY> key;
  bssl::UniquePtr<X509> certificate;
};

CertificateAuthority::CertificateAuthority(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}
CertificateAuthority::CertificateAuthority(CertificateAuthority&&) noexcept = default;
CertificateAuthority& CertificateAuthority::operator=(CertificateAuthority&&) noexcept = default;
CertificateAuthority::~CertificateAuthority() = default;

absl::StatusOr<CertificateAuthority> CertificateAuthority::Create(absl::string_view common_name,
                                                                  const Validity& validity) {
  auto parts = std::make_unique<Parts>();
  parts->key = MakeTlsKey();
  absl::StatusOr<bssl::UniquePtr<X509>> certificate = MakeCertificate(
      {Kind::kAuthority, common_name, validity}, parts->key.get(), nullptr, parts->key.get());
  if (!certificate.ok()) return certificate.status();
  parts->certificate = *std::move(certificate);
  return CertificateAuthority(std::move(parts));
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::FromPem(
    absl::string_view certificate_pem, absl::string_view private_key_pem) {
  auto certificates = ParseCertificates(certificate_pem);
  if (!certificates.ok()) return certificates.status();
  auto key = ParsePrivateKey(private_key_pem);
  if (!key.ok()) return key.status();
  auto parts = std::make_unique<Parts>(Parts{*std::move(key), std::move(certificates->front())});
  if (absl::Status fits = CheckKeyFits(certificate_pem, private_key_pem); !fits.ok()) return fits;
  if (X509_check_ca(parts->certificate.get()) == 0) {
    return absl::InvalidArgumentError("the certificate is not that of an authority");
  }
  return CertificateAuthority(std::move(parts));
}

std::string CertificateAuthority::certificate_pem() const {
  return FormatCertificate(parts_->certificate.get());
}

SecretBuffer CertificateAuthority::private_key_pem() const {
  return FormatPrivateKey(parts_->key.get());
}

absl::StatusOr<CertificateWithKey> CertificateAuthority::IssueServer(
    absl::string_view common_name, const ServerNames& names, const Validity& validity) const {
  return MakeWithKey({Kind::kServer, common_name, validity, &names}, parts_->certificate.get(),
                     parts_->key.get());
}

absl::StatusOr<CertificateWithKey> CertificateAuthority::IssueClient(
    absl::string_view common_name, const Validity& validity) const {
  return MakeWithKey({Kind::kClient, common_name, validity}, parts_->certificate.get(),
                     parts_->key.get());
}

absl::StatusOr<std::string> CertificateAuthority::SignServer(absl::string_view request_pem,
                                                             absl::string_view common_name,
                                                             const ServerNames& names,
                                                             const Validity& validity) const {
  return SignRequest(request_pem, {Kind::kServer, common_name, validity, &names},
                     parts_->certificate.get(), parts_->key.get());
}

absl::StatusOr<std::string> CertificateAuthority::SignClient(absl::string_view request_pem,
                                                             absl::string_view common_name,
                                                             const Validity& validity) const {
  return SignRequest(request_pem, {Kind::kClient, common_name, validity}, parts_->certificate.get(),
                     parts_->key.get());
}

absl::StatusOr<CertificateWithKey> MakeSelfSignedClient(absl::string_view common_name,
                                                        const Validity& validity) {
  return MakeWithKey({Kind::kClient, common_name, validity}, nullptr, nullptr);
}

absl::Status CheckKeyFits(absl::string_view certificate_pem, absl::string_view private_key_pem) {
  const auto certificates = ParseCertificates(certificate_pem);
  if (!certificates.ok()) return certificates.status();
  const auto key = ParsePrivateKey(private_key_pem);
  if (!key.ok()) return key.status();
  const bool fits = X509_check_private_key(certificates->front().get(), key->get());
  ERR_clear_error();
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError("the private key does not belong to the certificate");
}

absl::StatusOr<absl::Time> NotAfter(absl::string_view pem) {
  const auto certificates = ParseCertificates(pem);
  if (!certificates.ok()) return certificates.status();
  const bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  RequireX509(epoch != nullptr, "a time");
  absl::Time earliest = absl::InfiniteFuture();
  for (const bssl::UniquePtr<X509>& certificate : *certificates) {
    int days = 0;
    int seconds = 0;
    if (!ASN1_TIME_diff(&days, &seconds, epoch.get(), X509_get0_notAfter(certificate.get()))) {
      ERR_clear_error();
      return absl::InvalidArgumentError("a certificate's time of expiry does not parse");
    }
    earliest =
        std::min(earliest, absl::UnixEpoch() + days * absl::Hours(24) + absl::Seconds(seconds));
  }
  return earliest;
}

absl::Status CheckKeyPair(absl::string_view certificate_pem, absl::string_view private_key_pem) {
  const auto certificates = ParseCertificates(certificate_pem);
  if (!certificates.ok()) return certificates.status();
  const auto key = ParsePrivateKey(private_key_pem);
  if (!key.ok()) return key.status();
  const bool matches = X509_check_private_key(certificates->front().get(), key->get());
  ERR_clear_error();
  if (matches) return absl::OkStatus();
  return absl::FailedPreconditionError("the private key does not belong to the certificate");
}

}  // namespace veilsum::crypto
