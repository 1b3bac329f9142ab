// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/identity.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/primitives/boringssl.h"
#include "crypto/primitives/curve25519_field.h"
#include "crypto/primitives/failure.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::crypto {
namespace {

// The y-coordinates of the eight points of small order: 0 (order 4), 1 (the identity), −1 (order
// 2) and the two of order 8. Each goes with both signs of x.
constexpr internal::Coordinate kSmallOrderY[] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

Bytes SignedMessage(absl::string_view domain_label, const Digest& digest) {
  return CanonicalEncoding(domain_label).Add(digest).bytes();
}

}  // namespace

absl::StatusOr<IdentityPublicKey> IdentityPublicKey::Parse(ByteSpan bytes) {
  if (bytes.size() != kSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("an identity public key is ", kSize, " bytes, not ", bytes.size()));
  }
  IdentityPublicKey key;
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  internal::Coordinate y = key.bytes_;
  y[31] &= 0x7f;  // The top bit is the sign of x.
  if (!internal::IsCanonical(y)) {
    return absl::InvalidArgumentError("the identity public key is not in its canonical encoding");
  }
  if (std::find(std::begin(kSmallOrderY), std::end(kSmallOrderY), y) != std::end(kSmallOrderY)) {
    return absl::InvalidArgumentError("the identity public key is a point of small order");
  }
  return key;
}

absl::StatusOr<IdentityPublicKey> IdentityPublicKey::FromHex(absl::string_view hex) {
  const bool all_digits = std::all_of(hex.begin(), hex.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
  if (hex.size() != 2 * kSize || !all_digits) {
    return absl::InvalidArgumentError(
        absl::StrCat("an identity public key in text is ", 2 * kSize, " hexadecimal digits"));
  }
  return Parse(AsBytes(absl::HexStringToBytes(hex)));
}

std::string IdentityPublicKey::ToHex() const {
  return absl::BytesToHexString(AsStringView(bytes_));
}

absl::StatusOr<Signature> Signature::Parse(ByteSpan bytes) {
  if (bytes.size() != kSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("a signature is ", kSize, " bytes, not ", bytes.size()));
  }
  Signature signature;
  std::copy(bytes.begin(), bytes.end(), signature.bytes_.begin());
  return signature;
}

IdentityKeyPair::IdentityKeyPair(IdentityPrivateKey seed, ExpandedKey expanded,
                                 IdentityPublicKey public_key)
    : seed_(std::move(seed)), expanded_(std::move(expanded)), public_key_(public_key) {}

IdentityKeyPair IdentityKeyPair::FromSeed(const IdentityPrivateKey& seed) {
  IdentityPublicKey public_key;
  ExpandedKey expanded = ExpandedKey::Generate([&](absl::Span<uint8_t> out) {
    ED25519_keypair_from_seed(public_key.bytes_.data(), out.data(), ExposeSecret(seed).data());
  });
  return IdentityKeyPair(seed.Clone(), std::move(expanded), public_key);
}

Signature Sign(const IdentityKeyPair& key, absl::string_view domain_label, const Digest& digest) {
  const Bytes message = SignedMessage(domain_label, digest);
  Signature signature;
  if (ED25519_sign(signature.bytes_.data(), message.data(), message.size(),
                   ExposeSecret(key.expanded_).data()) != 1) {
    AbortOnCryptoFailure("Ed25519 signing");
  }
  return signature;
}

absl::Status Verify(const IdentityPublicKey& key, absl::string_view domain_label,
                    const Digest& digest, const Signature& signature) {
  const Bytes message = SignedMessage(domain_label, digest);
  if (ED25519_verify(message.data(), message.size(), signature.bytes().data(),
                     key.bytes().data()) != 1) {
    ERR_clear_error();
    return absl::UnauthenticatedError("the signature does not verify under this identity key");
  }
  return absl::OkStatus();
}

}  // namespace veilsum::crypto
