// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/identity.h"

#include <algorithm>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/types/span.h"
#include "crypto/primitives/boringssl.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/hex_testing.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/secret.h"
#include "crypto/primitives/transcript_hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::HasSubstr;

static_assert(!std::is_copy_constructible_v<IdentityKeyPair>);
static_assert(!std::is_default_constructible_v<IdentityPublicKey>);

IdentityKeyPair PairOf(const char* seed) {
  return IdentityKeyPair::FromSeed(*IdentityPrivateKey::FromBytes(FromHex(seed)));
}

// RFC 8032, section 7.1: tests 1 to 3.
struct RfcCase {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
constexpr RfcCase kRfcCases[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(IdentityTest, PublicKeysAreThoseOfTheRfc) {
  for (const RfcCase& rfc : kRfcCases) {
    EXPECT_EQ(PairOf(rfc.seed).public_key().ToHex(), rfc.public_key);
  }
}

// The RFC signs bare messages, which Sign never does: its vectors hold for what lies below.
TEST(IdentityTest, TheSchemeIsThatOfTheRfc) {
  for (const RfcCase& rfc : kRfcCases) {
    const Bytes message = FromHex(rfc.message);
    const Bytes expanded = FromHex(std::string(rfc.seed) + rfc.public_key);
    Bytes signature(64);
    ASSERT_EQ(ED25519_sign(signature.data(), message.data(), message.size(), expanded.data()), 1);
    EXPECT_EQ(Hex(signature), rfc.signature);
  }
}

TEST(IdentityTest, SignsTheLabelledEncodingOfTheDigest) {
  const RfcCase& rfc = kRfcCases[0];
  const Digest digest = Sha256(AsBytes("body"));
  const Bytes message = CanonicalEncoding(kLabelEntrySignature).Add(digest).bytes();
  const Bytes expanded = FromHex(std::string(rfc.seed) + rfc.public_key);
  Bytes expected(64);
  ASSERT_EQ(ED25519_sign(expected.data(), message.data(), message.size(), expanded.data()), 1);
  EXPECT_EQ(Sign(PairOf(rfc.seed), kLabelEntrySignature, digest).bytes(), ByteSpan(expected));
}

TEST(IdentityTest, VerifiesOnlyTheSignedKeyLabelAndDigest) {
  const IdentityKeyPair key = PairOf(kRfcCases[0].seed);
  const Digest digest = Sha256(AsBytes("body"));
  const Signature signature = Sign(key, kLabelEntrySignature, digest);
  EXPECT_TRUE(Verify(key.public_key(), kLabelEntrySignature, digest, signature).ok());
  EXPECT_EQ(Verify(key.public_key(), kLabelMessageSignature, digest, signature).code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_FALSE(
      Verify(key.public_key(), kLabelEntrySignature, Sha256(AsBytes("Body")), signature).ok());
  EXPECT_FALSE(
      Verify(PairOf(kRfcCases[1].seed).public_key(), kLabelEntrySignature, digest, signature).ok());
  for (size_t i = 0; i < Signature::kSize; ++i) {
    Bytes altered(signature.bytes().begin(), signature.bytes().end());
    altered[i] ^= 1;
    EXPECT_FALSE(
        Verify(key.public_key(), kLabelEntrySignature, digest, *Signature::Parse(altered)).ok());
  }
}

TEST(SignatureTest, RefusesAnotherLength) {
  for (size_t size : {0u, 63u, 65u}) EXPECT_FALSE(Signature::Parse(Bytes(size)).ok());
}

// A signature that verifies under a point of small order needs no private key: with S = 0 the
// equation is R = −hA, and R = −hA takes only eight values. The scheme itself accepts it.
TEST(IdentityPublicKeyTest, PointsOfSmallOrderWouldVerifyForgeries) {
  const Bytes identity_point =
      FromHex("0100000000000000000000000000000000000000000000000000000000000000");
  Bytes forgery(64);
  forgery[0] = 1;  // R is the identity, S is 0.
  const Bytes message(10, 3);
  EXPECT_EQ(ED25519_verify(message.data(), message.size(), forgery.data(), identity_point.data()),
            1);
  EXPECT_FALSE(IdentityPublicKey::Parse(identity_point).ok());
}

TEST(IdentityPublicKeyTest, RefusesPointsOfSmallOrderInEveryEncoding) {
  for (const char* y : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    for (uint8_t sign : {0x00, 0x80}) {
      Bytes encoding = FromHex(y);
      encoding[31] |= sign;
      EXPECT_EQ(IdentityPublicKey::Parse(encoding).status().code(),
                absl::StatusCode::kInvalidArgument)
          << Hex(encoding);
    }
  }
}

TEST(IdentityPublicKeyTest, AcceptsBothSignsOfX) {
  std::set<int> signs;
  for (uint8_t i = 0; i < 16; ++i) {
    const auto pair = IdentityKeyPair::FromSeed(*IdentityPrivateKey::FromBytes(Bytes(32, i)));
    const auto parsed = IdentityPublicKey::Parse(pair.public_key().bytes());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, pair.public_key());
    signs.insert(parsed->bytes()[31] >> 7);
  }
  EXPECT_EQ(signs.size(), 2u);
}

TEST(IdentityPublicKeyTest, ReadsAndWritesHexadecimalText) {
  const std::string hex = kRfcCases[0].public_key;
  auto key = IdentityPublicKey::FromHex(absl::AsciiStrToUpper(hex));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->ToHex(), hex);
  for (const std::string& bad : {std::string(), hex.substr(1), hex + "0", "g" + hex.substr(1)}) {
    EXPECT_THAT(IdentityPublicKey::FromHex(bad).status().message(), HasSubstr("64 hexadecimal"));
  }
}

TEST(IdentityPublicKeyTest, IsOrderedBytewise) {
  std::vector<IdentityPublicKey> keys;
  for (const RfcCase& rfc : kRfcCases) keys.push_back(PairOf(rfc.seed).public_key());
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(keys[0].ToHex().substr(0, 2), "3d");
  EXPECT_EQ(keys[1].ToHex().substr(0, 2), "d7");
  EXPECT_EQ(keys[2].ToHex().substr(0, 2), "fc");
}

TEST(IdentityKeyPairTest, GeneratesFromTheCallback) {
  const IdentityKeyPair key = IdentityKeyPair::Generate([](absl::Span<uint8_t> out) {
    const Bytes seed = FromHex(kRfcCases[0].seed);
    std::copy(seed.begin(), seed.end(), out.begin());
  });
  EXPECT_EQ(key.public_key().ToHex(), kRfcCases[0].public_key);
  EXPECT_EQ(key.Clone().public_key(), key.public_key());
  EXPECT_EQ(Hex(ExposeSecret(key.seed())), kRfcCases[0].seed);
}

}  // namespace
}  // namespace veilsum::crypto
