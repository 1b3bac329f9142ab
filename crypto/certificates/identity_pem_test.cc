// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/certificates/identity_pem.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "crypto/primitives/bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::HasSubstr;

// The private and public key of RFC 8410, section 10.
constexpr absl::string_view kPrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n";
constexpr absl::string_view kPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n";
constexpr absl::string_view kSeedHex =
    "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
constexpr absl::string_view kPublicHex =
    "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

std::string Text(const SecretBuffer& secret) { return ToString(ExposeSecret(secret)); }

TEST(IdentityPemTest, ReadsTheKeysOfTheRfc) {
  const auto identity = ParseIdentityPem(kPrivatePem);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(absl::BytesToHexString(AsStringView(ExposeSecret(identity->seed()))), kSeedHex);
  EXPECT_EQ(identity->public_key().ToHex(), kPublicHex);
  const auto public_key = ParseIdentityPublicPem(kPublicPem);
  ASSERT_TRUE(public_key.ok()) << public_key.status();
  EXPECT_EQ(*public_key, identity->public_key());
}

TEST(IdentityPemTest, WritesTheKeysOfTheRfc) {
  const auto identity = ParseIdentityPem(kPrivatePem);
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(Text(FormatIdentityPem(*identity)), kPrivatePem);
  EXPECT_EQ(FormatIdentityPublicPem(identity->public_key()), kPublicPem);
}

TEST(IdentityPemTest, SkipsTextBeforeTheKey) {
  EXPECT_TRUE(ParseIdentityPem(absl::StrCat("hospital-1\n", kPrivatePem)).ok());
}

TEST(IdentityPemTest, RefusesGarbage) {
  const std::string private_pem(kPrivatePem);
  const std::string cut = private_pem.substr(0, private_pem.size() / 2);
  const std::string flipped = absl::StrReplaceAll(private_pem, {{"MC4C", "MC5C"}});
  for (const std::string& bad :
       {std::string(), std::string("hello"), cut, flipped, std::string(kPublicPem),
        std::string("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
        std::string("\0\xff", 2)}) {
    EXPECT_EQ(ParseIdentityPem(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  for (const std::string& bad : {std::string(), std::string(kPublicHex), private_pem}) {
    EXPECT_EQ(ParseIdentityPublicPem(bad).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(IdentityPemTest, AnAuthorityMayHaveSeveralKeys) {
  const IdentityKeyPair other = IdentityKeyPair::Generate(
      [](absl::Span<uint8_t> out) { std::fill(out.begin(), out.end(), 7); });
  const std::string two =
      absl::StrCat("old\n", kPublicPem, "new\n", FormatIdentityPublicPem(other.public_key()));
  const auto keys = ParseAuthorityPem(two);
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ(keys->at(0).ToHex(), kPublicHex);
  EXPECT_EQ(keys->at(1), other.public_key());
  for (const std::string& bad :
       {std::string(), std::string(kPrivatePem), absl::StrCat(kPublicPem, kPublicPem),
        two.substr(0, two.size() - 40)}) {
    EXPECT_EQ(ParseAuthorityPem(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(IdentityPemTest, RefusesKeysOfAnotherKind) {
  constexpr absl::string_view kCurve25519 =  // X25519, from RFC 8410's neighbour OID 1.3.101.110
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
      "-----END PRIVATE KEY-----\n";
  const absl::Status refused = ParseIdentityPem(kCurve25519).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("another kind"));
}

TEST(IdentityPemTest, RefusesAPublicKeyOfSmallOrder) {
  constexpr absl::string_view kIdentityPoint =  // y = 1
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
      "-----END PUBLIC KEY-----\n";
  const absl::Status refused = ParseIdentityPublicPem(kIdentityPoint).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("small order"));
}

TEST(IdentityPemTest, ErrorsShowNothingOfTheKey) {
  std::string damaged(kPrivatePem);
  damaged.insert(damaged.find("BCIE"), "!");
  const absl::Status refused = ParseIdentityPem(damaged).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), ::testing::Not(HasSubstr("INTuctv5")));
}

}  // namespace
}  // namespace veilsum::crypto
