// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// PEM files with keys of identities and authorities.
#include <string>

#include "crypto/certificates/identity_pem.h"
#include "tests/fuzz/harness.h"

namespace veilsum::fuzz {

void FuzzOne(crypto::ByteSpan data) {
  const absl::string_view pem = crypto::AsStringView(data);
  if (const auto key = crypto::ParseIdentityPem(pem); key.ok()) {
    const crypto::SecretBuffer written = crypto::FormatIdentityPem(*key);
    const auto again = crypto::ParseIdentityPem(crypto::AsStringView(ExposeSecret(written)));
    Require(again.ok() && again->public_key() == key->public_key(), "a key can be read back");
  }
  if (const auto key = crypto::ParseIdentityPublicPem(pem); key.ok()) {
    const auto again = crypto::ParseIdentityPublicPem(crypto::FormatIdentityPublicPem(*key));
    Require(again.ok() && *again == *key, "a public key can be read back");
  }
  if (const auto keys = crypto::ParseAuthorityPem(pem); keys.ok()) {
    Require(!keys->empty(), "an authority has a key");
  }
}

}  // namespace veilsum::fuzz
