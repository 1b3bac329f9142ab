// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/certificates/pem.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "crypto/primitives/failure.h"

namespace veilsum::crypto {
namespace {

constexpr int kLeastRsaBits = 2048;

bssl::UniquePtr<BIO> Reader(absl::string_view text) {
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) AbortOnCryptoFailure("BIO_new_mem_buf");
  return bio;
}

bssl::UniquePtr<BIO> Writer() {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  if (!bio) AbortOnCryptoFailure("BIO_new");
  return bio;
}

// Points into the BIO, which overwrites its memory when it is freed.
ByteSpan Contents(BIO* bio) {
  const uint8_t* data = nullptr;
  size_t size = 0;
  if (!BIO_mem_contents(bio, &data, &size)) AbortOnCryptoFailure("BIO_mem_contents");
  return ByteSpan(data, size);
}

// Empties the error queue; true if there was nothing left to read when it happened.
bool AtTheEnd() {
  const uint32_t error = ERR_peek_last_error();
  ERR_clear_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

absl::Status NoSuchThing(absl::string_view what, absl::string_view text) {
  return absl::InvalidArgumentError(
      AtTheEnd() ? absl::StrCat("no ", what, " in PEM found in ", text.size(), " bytes")
                 : absl::StrCat("the PEM of the ", what, " is damaged or of no known kind"));
}

// No callback that could ask a terminal for a passphrase.
int NoPassphrase(char*, int, int, void*) { return 0; }

template <class T, class Read>
absl::StatusOr<bssl::UniquePtr<T>> ParseOne(absl::string_view what, absl::string_view pem,
                                            Read read) {
  if (pem.size() > std::numeric_limits<int>::max()) {
    return absl::InvalidArgumentError(absl::StrCat("the PEM of the ", what, " is too long"));
  }
  const bssl::UniquePtr<BIO> bio = Reader(pem);
  bssl::UniquePtr<T> parsed(read(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!parsed) return NoSuchThing(what, pem);
  ERR_clear_error();
  return parsed;
}

// Blocks of other kinds between them are passed over.
template <class T, class Read>
absl::StatusOr<std::vector<bssl::UniquePtr<T>>> ParseAll(absl::string_view what,
                                                         absl::string_view pem, Read read) {
  if (pem.size() > std::numeric_limits<int>::max()) {
    return absl::InvalidArgumentError(absl::StrCat("the PEM of the ", what, " is too long"));
  }
  const bssl::UniquePtr<BIO> bio = Reader(pem);
  std::vector<bssl::UniquePtr<T>> all;
  while (T* one = read(bio.get(), nullptr, NoPassphrase, nullptr)) all.emplace_back(one);
  if (all.empty()) return NoSuchThing(what, pem);
  if (!AtTheEnd()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the PEM of ", what, " number ", all.size() + 1, " is damaged"));
  }
  return all;
}

}  // namespace

absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> ParseCertificates(absl::string_view pem) {
  return ParseAll<X509>("certificate", pem, PEM_read_bio_X509);
}

absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> ParsePrivateKey(absl::string_view pem) {
  return ParseOne<EVP_PKEY>("unencrypted private key", pem, PEM_read_bio_PrivateKey);
}

absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> ParsePublicKey(absl::string_view pem) {
  return ParseOne<EVP_PKEY>("public key", pem, PEM_read_bio_PUBKEY);
}

absl::StatusOr<std::vector<bssl::UniquePtr<EVP_PKEY>>> ParsePublicKeys(absl::string_view pem) {
  return ParseAll<EVP_PKEY>("public key", pem, PEM_read_bio_PUBKEY);
}

absl::StatusOr<bssl::UniquePtr<X509_REQ>> ParseRequest(absl::string_view pem) {
  auto request = ParseOne<X509_REQ>("certificate request", pem, PEM_read_bio_X509_REQ);
  if (!request.ok()) return request.status();
  const bssl::UniquePtr<EVP_PKEY> key(X509_REQ_get_pubkey(request->get()));
  const bool signed_by_itself = key && X509_REQ_verify(request->get(), key.get()) == 1;
  ERR_clear_error();
  if (!signed_by_itself) {
    return absl::InvalidArgumentError(
        "the certificate request is not signed by the key that it is for");
  }
  if (EVP_PKEY_id(key.get()) == EVP_PKEY_RSA && EVP_PKEY_bits(key.get()) < kLeastRsaBits) {
    return absl::InvalidArgumentError(absl::StrCat("the key of the certificate request is too ",
                                                   "weak: RSA takes ", kLeastRsaBits, " bits"));
  }
  return request;
}

std::string FormatCertificate(X509* certificate) {
  const bssl::UniquePtr<BIO> bio = Writer();
  if (!PEM_write_bio_X509(bio.get(), certificate)) AbortOnCryptoFailure("PEM of a certificate");
  return ToString(Contents(bio.get()));
}

std::string FormatRequest(X509_REQ* request) {
  const bssl::UniquePtr<BIO> bio = Writer();
  if (!PEM_write_bio_X509_REQ(bio.get(), request)) AbortOnCryptoFailure("PEM of a request");
  return ToString(Contents(bio.get()));
}

SecretBuffer FormatPrivateKey(EVP_PKEY* key) {
  const bssl::UniquePtr<BIO> bio = Writer();
  if (!PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr)) {
    AbortOnCryptoFailure("PEM of a private key");
  }
  return SecretBuffer::CopyOf(Contents(bio.get()));
}

std::string FormatPublicKey(EVP_PKEY* key) {
  const bssl::UniquePtr<BIO> bio = Writer();
  if (!PEM_write_bio_PUBKEY(bio.get(), key)) AbortOnCryptoFailure("PEM of a public key");
  return ToString(Contents(bio.get()));
}

}  // namespace veilsum::crypto
