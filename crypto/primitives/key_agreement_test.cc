// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/key_agreement.h"

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/hex_testing.h"
#include "crypto/primitives/secret.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::HasSubstr;

// Agreement across purposes does not compile.
template <class Own, class Peer>
concept Agreeable = requires(const Own& own, const Peer& peer) {
  AgreeChannel(own, peer);
}
|| requires(const Own& own, const Peer& peer) { AgreeMask(own, peer); };
static_assert(Agreeable<ChannelPrivateKey, ChannelPublicKey>);
static_assert(Agreeable<MaskKeyPair, MaskPublicKey>);
static_assert(!Agreeable<ChannelPrivateKey, MaskPublicKey>);
static_assert(!Agreeable<MaskPrivateKey, ChannelPublicKey>);
static_assert(!Agreeable<MaskKeyPair, ChannelPublicKey>);
static_assert(!std::is_constructible_v<MaskPublicKey, ChannelPublicKey>);
static_assert(!std::equality_comparable_with<MaskPublicKey, ChannelPublicKey>);
static_assert(!std::is_copy_constructible_v<ChannelKeyPair>);

std::string AgreeHex(ByteSpan private_key, ByteSpan public_key) {
  return Hex(ExposeSecret(
      *AgreeMask(*MaskPrivateKey::FromBytes(private_key), *MaskPublicKey::Parse(public_key))));
}

// RFC 7748, section 5.2.
TEST(KeyAgreementTest, AgreesAsTheRfcDoes) {
  EXPECT_EQ(AgreeHex(FromHex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                     FromHex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  // The RFC gives this one with the unused top bit of u set (…93), which Parse refuses.
  EXPECT_EQ(AgreeHex(FromHex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                     FromHex("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a413")),
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST(KeyAgreementTest, AThousandIterationsOfTheRfc) {
  Bytes scalar(32, 0);
  scalar[0] = 9;
  Bytes point = scalar;
  for (int i = 0; i < 1000; ++i) {
    Bytes next = FromHex(AgreeHex(scalar, point));
    point = std::exchange(scalar, std::move(next));
  }
  EXPECT_EQ(Hex(scalar), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

// RFC 7748, section 6.1.
TEST(KeyAgreementTest, DiffieHellmanOfTheRfc) {
  const auto alice = ChannelKeyPair::FromPrivate(*ChannelPrivateKey::FromBytes(
      FromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")));
  const auto bob = ChannelKeyPair::FromPrivate(*ChannelPrivateKey::FromBytes(
      FromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")));
  EXPECT_EQ(Hex(alice.public_key.bytes()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(Hex(bob.public_key.bytes()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const char* kShared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  EXPECT_EQ(Hex(ExposeSecret(*AgreeChannel(alice, bob.public_key))), kShared);
  EXPECT_EQ(Hex(ExposeSecret(*AgreeChannel(bob.private_key, alice.public_key))), kShared);
}

// Every u-coordinate whose order divides 8, in each of its encodings (https://cr.yp.to/ecdh.html).
TEST(PublicKeyTest, RefusesPointsOfSmallOrder) {
  for (const char* u : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    // BoringSSL agrees that these are the ones: the agreement is all zeros.
    Bytes shared(32);
    EXPECT_FALSE(internal::Agree(Bytes(32, 0x11), FromHex(u), absl::MakeSpan(shared)));
    for (uint8_t top_bit : {0x00, 0x80}) {
      Bytes encoding = FromHex(u);
      encoding[31] |= top_bit;
      EXPECT_EQ(ChannelPublicKey::Parse(encoding).status().code(),
                absl::StatusCode::kInvalidArgument)
          << Hex(encoding);
      EXPECT_FALSE(MaskPublicKey::Parse(encoding).ok());
    }
  }
}

// The same key under another encoding would slip through a search for reused keys.
TEST(PublicKeyTest, RefusesOtherEncodingsOfAKey) {
  const MaskKeyPair pair = MaskKeyPair::FromPrivate(*MaskPrivateKey::FromBytes(Bytes(32, 5)));
  Bytes encoding(pair.public_key.bytes().begin(), pair.public_key.bytes().end());
  ASSERT_TRUE(MaskPublicKey::Parse(encoding).ok());
  encoding[31] |= 0x80;
  EXPECT_THAT(MaskPublicKey::Parse(encoding).status().message(), HasSubstr("canonical"));
  // u = 9, the base point, plus p.
  EXPECT_TRUE(MaskPublicKey::Parse(
                  FromHex("0900000000000000000000000000000000000000000000000000000000000000"))
                  .ok());
  EXPECT_FALSE(MaskPublicKey::Parse(
                   FromHex("f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"))
                   .ok());
}

TEST(PublicKeyTest, RefusesAnotherLength) {
  for (size_t size : {0u, 31u, 33u}) {
    EXPECT_THAT(ChannelPublicKey::Parse(Bytes(size, 9)).status().message(),
                HasSubstr("a channel public key is 32 bytes"));
  }
}

TEST(KeyAgreementTest, RefusesOnesOwnKey) {
  const auto pair = ChannelKeyPair::FromPrivate(*ChannelPrivateKey::FromBytes(Bytes(32, 5)));
  EXPECT_EQ(AgreeChannel(pair, pair.public_key).status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto mask = MaskKeyPair::FromPrivate(*MaskPrivateKey::FromBytes(Bytes(32, 5)));
  EXPECT_FALSE(AgreeMask(mask, mask.public_key).ok());
}

TEST(MaskKeyPairTest, DependsOnMAlone) {
  const auto m = *MaskPrivateSeed::FromBytes(Bytes(32, 1));
  const auto other = *MaskPrivateSeed::FromBytes(Bytes(32, 2));
  EXPECT_EQ(DeriveMaskKeyPair(m).public_key, DeriveMaskKeyPair(m.Clone()).public_key);
  EXPECT_NE(DeriveMaskKeyPair(m).public_key, DeriveMaskKeyPair(other).public_key);
  EXPECT_FALSE(ConstantTimeEqual(ExposeSecret(DeriveMaskKeyPair(m).private_key), ExposeSecret(m)));
}

}  // namespace
}  // namespace veilsum::crypto
