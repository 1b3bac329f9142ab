// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/identities/enrolment.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

IdentityKeyPair KeyPair(uint8_t number) {
  return IdentityKeyPair::Generate(
      [&](absl::Span<uint8_t> out) { std::fill(out.begin(), out.end(), number); });
}

class EnrolmentTest : public ::testing::Test {
 protected:
  absl::Status Check(const IdentityPublicKey& identity, uint64_t version, ByteSpan signature) {
    return CheckEnrolment({authority_.public_key()}, identity, version, signature);
  }

  IdentityKeyPair authority_ = KeyPair(1);
  IdentityPublicKey member_ = KeyPair(2).public_key();
  Enrolment enrolment_ = SignEnrolment(authority_, member_, 5);
};

TEST_F(EnrolmentTest, AnAuthoritysSignatureVouchesForIdentityAndVersion) {
  const ByteSpan signature = enrolment_.signature.bytes();
  EXPECT_TRUE(Check(member_, 5, signature).ok());
  EXPECT_EQ(Check(member_, 6, signature).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Check(KeyPair(3).public_key(), 5, signature).code(),
            absl::StatusCode::kUnauthenticated);
  Bytes flipped(signature.begin(), signature.end());
  flipped[40] ^= 1;
  EXPECT_EQ(Check(member_, 5, flipped).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Check(member_, 5, signature.first(63)).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Check(member_, 5, {}).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(Check(member_, 6, signature).message()),
              HasSubstr("`veilsum enroll sign`"));
}

TEST_F(EnrolmentTest, AnyOfTheAuthoritiesWillDo) {
  const ByteSpan signature = enrolment_.signature.bytes();
  const IdentityPublicKey other = KeyPair(4).public_key();
  EXPECT_TRUE(CheckEnrolment({other, authority_.public_key()}, member_, 5, signature).ok());
  EXPECT_FALSE(CheckEnrolment({other}, member_, 5, signature).ok());
  EXPECT_FALSE(CheckEnrolment({}, member_, 5, signature).ok());
}

TEST_F(EnrolmentTest, AnIdentityDoesNotVouchForItself) {
  const IdentityKeyPair member = KeyPair(2);
  EXPECT_FALSE(Check(member_, 5, SignEnrolment(member, member_, 5).signature.bytes()).ok());
}

TEST_F(EnrolmentTest, ReadsWhatItWrites) {
  const absl::StatusOr<Enrolment> read =
      ParseEnrolmentFile(FormatEnrolmentFile(enrolment_), "enrolment.toml");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->identity, member_);
  EXPECT_EQ(read->version, 5u);
  EXPECT_EQ(read->signature, enrolment_.signature);
}

TEST_F(EnrolmentTest, SaysWhatIsWrongWithAFile) {
  const std::string good = FormatEnrolmentFile(enrolment_);
  const std::vector<std::vector<std::string>> bad = {
      {"version = 5", "", "enrolment.toml:1: lacks version; ask the authority"},
      {"identity", "idenity", "enrolment.toml:3: idenity is not known"},
      {"version = 5", "version = 0", "enrolment.toml:4: version must be a whole number"},
      {"signature = \"", "signature = \"0", "signature does not read: a signature in text is 128"},
      {member_.ToHex(), "77", "identity does not read: an identity public key in text is 64"},
      {"version = 5", "[x]\nversion = 5", "x.version is not known"},
  };
  for (const std::vector<std::string>& change : bad) {
    const std::string text = absl::StrReplaceAll(good, {{change[0], change[1]}});
    const absl::StatusOr<Enrolment> read = ParseEnrolmentFile(text, "enrolment.toml");
    ASSERT_FALSE(read.ok()) << change[1];
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(change[2]));
    EXPECT_THAT(std::string(read.status().message()), StartsWith("enrolment.toml:"));
  }
}

}  // namespace
}  // namespace veilsum::crypto
