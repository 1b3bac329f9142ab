// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/identities/roster_file.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kOne(64, '7');
const std::string kTwo = std::string(62, '7') + "70";

IdentityPublicKey Identity(const std::string& hex) { return *IdentityPublicKey::FromHex(hex); }

TEST(RosterFileTest, ReadsVersionAndIdentities) {
  const absl::StatusOr<RosterFile> roster = ParseRosterFile(
      absl::StrCat("# ours\r\n\nversion = 12 # the twelfth\n [identities] # who\nann=\"", kOne,
                   "\"\t# a comment\n\"B. O'Hara #2\" = \"", kTwo, "\"\n"),
      "who.toml");
  ASSERT_TRUE(roster.ok()) << roster.status();
  EXPECT_EQ(roster->version, 12u);
  ASSERT_EQ(roster->names.size(), 2u);
  EXPECT_EQ(roster->names.at(Identity(kOne)), "ann");
  EXPECT_EQ(roster->names.at(Identity(kTwo)), "B. O'Hara #2");
}

TEST(RosterFileTest, ReadsWhatItWrites) {
  const RosterFile roster = {7, {{Identity(kOne), "zoe"}, {Identity(kTwo), "Klinik Süd"}}};
  const std::string text = FormatRosterFile(roster);
  const absl::StatusOr<RosterFile> read = ParseRosterFile(text, "who.toml");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->version, 7u);
  EXPECT_EQ(read->names, roster.names);
  EXPECT_LT(text.find("Klinik"), text.find("zoe"));
}

struct Bad {
  std::string text;
  std::string message;
};

class BadRosterFileTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadRosterFileTest, SaysWhereAndWhatToDo) {
  const absl::StatusOr<RosterFile> roster = ParseRosterFile(GetParam().text, "who.toml");
  ASSERT_FALSE(roster.ok());
  EXPECT_EQ(roster.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(roster.status().message()), HasSubstr(GetParam().message));
  EXPECT_THAT(std::string(roster.status().message()), StartsWith("who.toml:"));
}

std::string With(absl::string_view lines) {
  return absl::StrCat("version = 1\n[identities]\nann = \"", kOne, "\"\n", lines);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadRosterFileTest,
    ::testing::Values(
        Bad{"", "who.toml:1: has no version"},
        Bad{absl::StrCat("[identities]\nann = \"", kOne, "\"\n"), "write version = 1"},
        Bad{"version = 1\n", "names nobody"}, Bad{"version = 1\n[identities]\n", "names nobody"},
        Bad{"version = 0\n", "who.toml:1: version must be a whole number from 1"},
        Bad{"version = \"1\"\n", "without quotes"},
        Bad{"version = 9223372036854775808\n", "version must be a whole number"},
        Bad{"version = -1\n", "who.toml:1: expected"},
        Bad{"version = 1_000\n", "who.toml:1: expected"},
        Bad{"version = 1 2\n", "who.toml:1: expected"},
        Bad{"version = 1\nversion = 2\n", "who.toml:2: version is there twice"},
        Bad{"version = 1\n[people]\nann = \"x\"\n", "who.toml:3: people.ann is not known"},
        Bad{"versoin = 1\n", "who.toml:1: versoin is not known; a roster has version = NUMBER"},
        Bad{With(absl::StrCat("bob = \"", kOne, "\"")),
            "who.toml:4: identities.bob has the same identity as ann"},
        Bad{With(absl::StrCat("ann = \"", kTwo, "\"")), "identities.ann is there twice"},
        Bad{With("bob = \"77\""), "who.toml:4: identities.bob is no identity: an identity public"},
        Bad{With(absl::StrCat("bob = \"", std::string(64, '0'), "\"")), "small order"},
        Bad{With("bob = 77"), "it must stand in double quotes"},
        Bad{With("bob = '77'"), "who.toml:4: expected"}, Bad{With("bob"), "who.toml:4: expected"},
        Bad{With("bob ="), "who.toml:4: expected"}, Bad{With("= \"77\""), "who.toml:4: expected"},
        Bad{With("\"\" = \"77\""), "who.toml:4: expected"},
        Bad{With("bob = \"77"), "who.toml:4: expected"},
        Bad{With("bob = \"7\\u0037\""), "who.toml:4: expected"},
        Bad{With(absl::StrCat("\"a\\\\b\" x = \"", kTwo, "\"")), "who.toml:4: expected"},
        Bad{With("bob = \"7\\\\\" 7"), "who.toml:4: expected"},
        Bad{With("a.b = \"77\""), "who.toml:4: expected"},
        Bad{With("[identities]"), "who.toml:4: [identities] is there twice"},
        Bad{With("[[identities]]"), "who.toml:4: expected"},
        Bad{With("[identities"), "who.toml:4: expected"},
        Bad{With(std::string("bob\0 = 1", 8)), "who.toml:4: holds control characters"},
        Bad{With(absl::StrCat(std::string(101, 'b'), " = \"", kTwo, "\"")), "too long a name"}));

TEST(RosterFileTest, KnowsNamesThatCannotStandInTheFile) {
  EXPECT_TRUE(IsRosterName("hospital-1"));
  EXPECT_TRUE(IsRosterName("St. Mary's, 2nd ward"));
  for (const std::string& name : {std::string(), std::string("a\"b"), std::string("a\\b"),
                                  std::string("a\nb"), std::string(101, 'a')}) {
    EXPECT_FALSE(IsRosterName(name)) << name;
  }
}

}  // namespace
}  // namespace veilsum::crypto
