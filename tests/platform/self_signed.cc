// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/platform/self_signed.h"

#include <openssl/base.h>
#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#ifndef OPENSSL_IS_BORINGSSL
#error "The system's OpenSSL headers were found instead of BoringSSL's"
#endif

namespace veilsum::platform {
namespace {

constexpr long kValidSeconds = 3600;  // NOLINT(google-runtime-int): X509_gmtime_adj takes a long
constexpr int kX509Version = 2;       // The encoding of version 3.

bssl::UniquePtr<EVP_PKEY> MakeKey() {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (!ec || !key || !EC_KEY_generate_key(ec.get()) || !EVP_PKEY_set1_EC_KEY(key.get(), ec.get())) {
    return nullptr;
  }
  return key;
}

bool AddExtension(X509* certificate, int nid, const char* value) {
  bssl::UniquePtr<X509_EXTENSION> extension(X509V3_EXT_nconf_nid(nullptr, nullptr, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1);
}

bssl::UniquePtr<X509> MakeCertificate(EVP_PKEY* key) {
  static constexpr uint8_t kName[] = "localhost";
  bssl::UniquePtr<X509> certificate(X509_new());
  if (!certificate) return nullptr;
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const bool made = X509_set_version(certificate.get(), kX509Version) &&
                    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1) &&
                    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kValidSeconds) &&
                    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kValidSeconds) &&
                    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, kName, -1, -1, 0) &&
                    X509_set_issuer_name(certificate.get(), name) &&
                    X509_set_pubkey(certificate.get(), key) &&
                    AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE") &&
                    AddExtension(certificate.get(), NID_subject_alt_name, "DNS:localhost") &&
                    X509_sign(certificate.get(), key, EVP_sha256());
  return made ? std::move(certificate) : nullptr;
}

std::string Contents(BIO* bio) {
  const uint8_t* data = nullptr;
  size_t size = 0;
  if (!BIO_mem_contents(bio, &data, &size)) return "";
  return std::string(reinterpret_cast<const char*>(data), size);
}

}  // namespace

absl::StatusOr<SelfSigned> MakeSelfSigned() {
  const bssl::UniquePtr<EVP_PKEY> key = MakeKey();
  if (!key) return absl::InternalError("cannot make a P-256 key");
  const bssl::UniquePtr<X509> certificate = MakeCertificate(key.get());
  if (!certificate) return absl::InternalError("cannot make a certificate");
  const bssl::UniquePtr<BIO> certificate_pem(BIO_new(BIO_s_mem()));
  const bssl::UniquePtr<BIO> key_pem(BIO_new(BIO_s_mem()));
  if (!certificate_pem || !key_pem ||
      !PEM_write_bio_X509(certificate_pem.get(), certificate.get()) ||
      !PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                     nullptr)) {
    return absl::InternalError("cannot encode a certificate and its key");
  }
  return SelfSigned{Contents(certificate_pem.get()), Contents(key_pem.get())};
}

}  // namespace veilsum::platform
