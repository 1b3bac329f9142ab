// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/certificates/x509_parts.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "crypto/primitives/failure.h"

namespace veilsum::crypto {
namespace {

constexpr size_t kMaxCommonNameBytes = 64;

}  // namespace

void RequireX509(bool ok, const char* what) {
  if (!ok) AbortOnCryptoFailure(what);
}

absl::Status CheckCommonName(absl::string_view name) {
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
  if (!name.empty() && name.size() <= kMaxCommonNameBytes && printable) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "a certificate's common name is 1 to ", kMaxCommonNameBytes, " printable ASCII characters"));
}

void AddCommonName(X509_NAME* subject, absl::string_view name) {
  RequireX509(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                         reinterpret_cast<const uint8_t*>(name.data()),
                                         static_cast<int>(name.size()), -1, 0),
              "a common name");
}

bssl::UniquePtr<EVP_PKEY> MakeTlsKey() {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  RequireX509(
      ec && key && EC_KEY_generate_key(ec.get()) && EVP_PKEY_set1_EC_KEY(key.get(), ec.get()),
      "making a P-256 key");
  return key;
}

}  // namespace veilsum::crypto
