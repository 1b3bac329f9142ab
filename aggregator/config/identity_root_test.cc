// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/config/identity_root.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/enrolment.h"
#include "crypto/identities/roster_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using ::testing::HasSubstr;

crypto::IdentityKeyPair KeyPair(uint8_t number) {
  return crypto::IdentityKeyPair::Generate(
      [&](absl::Span<uint8_t> out) { std::fill(out.begin(), out.end(), number); });
}

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
  std::ofstream(path) << text;
  return path;
}

const crypto::IdentityPublicKey kMember = KeyPair(1).public_key();
const crypto::IdentityPublicKey kStranger = KeyPair(2).public_key();

TEST(IdentityRootTest, ARosterAdmitsWhomItNames) {
  const std::string file = WriteFile("who.toml", crypto::FormatRosterFile({3, {{kMember, "ann"}}}));
  const absl::StatusOr<IdentityRoot> root = LoadIdentityRoot({.roster = file});
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_TRUE(root->admits(kMember));
  EXPECT_FALSE(root->admits(kStranger));
  EXPECT_EQ(root->enrolment, nullptr);
  EXPECT_EQ(root->roster_version, 3u);
  EXPECT_EQ(root->identities, 1u);
}

TEST(IdentityRootTest, AnAuthoritysSignatureIsAskedFor) {
  const crypto::IdentityKeyPair authority = KeyPair(9);
  const std::string file =
      WriteFile("authority.pem", crypto::FormatIdentityPublicPem(authority.public_key()));
  const absl::StatusOr<IdentityRoot> root =
      LoadIdentityRoot({.authority = file, .roster_version = 5});
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_TRUE(root->admits(kStranger));
  EXPECT_EQ(root->roster_version, 5u);
  ASSERT_NE(root->enrolment, nullptr);
  const crypto::Signature now = crypto::SignEnrolment(authority, kMember, 5).signature;
  const crypto::Signature before = crypto::SignEnrolment(authority, kMember, 4).signature;
  EXPECT_TRUE(root->enrolment(kMember, now.bytes()).ok());
  EXPECT_FALSE(root->enrolment(kStranger, now.bytes()).ok());
  EXPECT_FALSE(root->enrolment(kMember, before.bytes()).ok());
  EXPECT_FALSE(root->enrolment(kMember, {}).ok());
}

TEST(IdentityRootTest, OpenAdmitsAnybodyForNoVersion) {
  const absl::StatusOr<IdentityRoot> root = LoadIdentityRoot({.open = true});
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_TRUE(root->admits(kStranger));
  EXPECT_EQ(root->enrolment, nullptr);
  EXPECT_EQ(root->roster_version, 0u);
}

TEST(IdentityRootTest, ErrorsNameTheFileAndWhatToDo) {
  EXPECT_THAT(std::string(LoadIdentityRoot({.roster = "/none.toml"}).status().message()),
              HasSubstr("/none.toml"));
  const absl::Status bad_roster =
      LoadIdentityRoot({.roster = WriteFile("bad.toml", "version = 0\n")}).status();
  EXPECT_THAT(std::string(bad_roster.message()), HasSubstr("bad.toml:1: version must be"));
  EXPECT_EQ(ReasonOf(bad_roster), v1::REASON_INVALID_ARGUMENT);
  const absl::Status bad_authority =
      LoadIdentityRoot({.authority = WriteFile("bad.pem", "hello"), .roster_version = 1}).status();
  EXPECT_THAT(std::string(bad_authority.message()), HasSubstr("bad.pem: no public key in PEM"));
  EXPECT_THAT(std::string(bad_authority.message()), HasSubstr("`veilsum enroll authority`"));
}

}  // namespace
}  // namespace veilsum::aggregator
