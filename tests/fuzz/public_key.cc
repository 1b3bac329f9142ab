// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Public keys and signatures as they are advertised.
#include <algorithm>
#include <string>

#include "crypto/primitives/identity.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/labels.h"
#include "tests/fuzz/harness.h"

namespace veilsum::fuzz {
namespace {

template <class Purpose>
absl::StatusOr<crypto::AgreementPublicKey<Purpose>> ParseKey(crypto::ByteSpan data) {
  auto key = crypto::AgreementPublicKey<Purpose>::Parse(data);
  if (key.ok()) Require(key->bytes() == data, "a key has one encoding");
  return key;
}

}  // namespace

void FuzzOne(crypto::ByteSpan data) {
  crypto::Digest digest{};
  const crypto::ByteSpan first = data.subspan(0, 32);
  if (const auto identity = crypto::IdentityPublicKey::Parse(first); identity.ok()) {
    const auto again = crypto::IdentityPublicKey::FromHex(identity->ToHex());
    Require(again.ok() && *again == *identity, "an identity can be read back");
    const auto signature =
        crypto::Signature::Parse(data.size() > 32 ? data.subspan(32) : crypto::ByteSpan());
    if (signature.ok()) {
      Require(!Verify(*identity, crypto::kLabelMessageSignature, digest, *signature).ok(),
              "nobody made up a signature");
    }
  }
  (void)crypto::IdentityPublicKey::FromHex(crypto::AsStringView(data));
  // With a key that passed, no agreement comes to nothing.
  if (const auto key = ParseKey<crypto::ChannelPurpose>(first); key.ok()) {
    const auto own = crypto::ChannelPrivateKey::Generate(
        [](absl::Span<uint8_t> out) { std::fill(out.begin(), out.end(), uint8_t{7}); });
    Require(crypto::AgreeChannel(own, *key).ok(), "keys that pass agree on something");
  }
  (void)ParseKey<crypto::MaskPurpose>(first);
}

}  // namespace veilsum::fuzz
