// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aggregator/cli/command_line.h"
#include "aggregator/cli/exit_code.h"
#include "aggregator/files.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/enrolment.h"
#include "crypto/identities/roster_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// Each test works in a folder of its own, in which it stands.
class EnrollCommandTest : public ::testing::Test {
 protected:
  EnrollCommandTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string folder = absl::StrCat(std::getenv("TEST_TMPDIR"), "/", test->name());
    fs::create_directories(folder);
    fs::current_path(folder);
  }

  int Run(const std::string& line) {
    std::ostringstream out;
    std::ostringstream err;
    Console console = {out, err};
    const int code = RunVeilsum(absl::StrSplit(line, ' '), console);
    out_ = out.str();
    err_ = err.str();
    // A private key is in its file and nowhere else.
    EXPECT_THAT(out_ + err_, Not(HasSubstr("PRIVATE")));
    return code;
  }
  int Enroll(const std::string& line) { return Run("enroll " + line); }
  // Prints the identity.
  std::string MakeIdentity(const std::string& file) {
    EXPECT_EQ(Enroll("identity " + file), kDone) << err_;
    return std::string(absl::StripAsciiWhitespace(out_));
  }
  static std::string Read(const std::string& path) {
    const absl::StatusOr<std::string> contents = ReadFile(path);
    EXPECT_TRUE(contents.ok()) << contents.status();
    return contents.value_or("");
  }
  static crypto::RosterFile Roster(const std::string& path) {
    const auto roster = crypto::ParseRosterFile(Read(path), path);
    EXPECT_TRUE(roster.ok()) << roster.status();
    return roster.value_or(crypto::RosterFile());
  }
  static std::string NameOf(const crypto::RosterFile& roster, const std::string& hex) {
    const auto found = roster.names.find(*crypto::IdentityPublicKey::FromHex(hex));
    return found == roster.names.end() ? "" : found->second;
  }
  static bool OnlyTheOwnerReads(const std::string& path) {
    const fs::perms others = fs::perms::group_all | fs::perms::others_all;
    return (fs::status(path).permissions() & others) == fs::perms::none;
  }

  std::string out_;
  std::string err_;
};

TEST_F(EnrollCommandTest, MakesAnIdentityOfWhichOnlyThePublicPartIsSeen) {
  const std::string hex = MakeIdentity("identity.pem");
  const auto identity = crypto::ParseIdentityPem(Read("identity.pem"));
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->public_key().ToHex(), hex);
  EXPECT_TRUE(OnlyTheOwnerReads("identity.pem"));
  EXPECT_NE(MakeIdentity("another.pem"), hex);
}

TEST_F(EnrollCommandTest, OverwritesNoKey) {
  MakeIdentity("identity.pem");
  const std::string before = Read("identity.pem");
  EXPECT_EQ(Enroll("identity identity.pem"), kRefused);
  EXPECT_THAT(err_, HasSubstr("identity.pem is there already and nothing is overwritten; choose"));
  EXPECT_EQ(Enroll("authority identity.pem public.pem"), kRefused);
  EXPECT_EQ(Enroll("request identity.pem request.pem --name a"), kRefused);
  EXPECT_EQ(Read("identity.pem"), before);
  // Nor is a key made whose public part then has no place.
  EXPECT_EQ(Enroll("authority new.key identity.pem"), kRefused);
  EXPECT_EQ(Enroll("request new.key identity.pem --name a"), kRefused);
  EXPECT_FALSE(fs::exists("new.key"));
  fs::create_symlink("nowhere", "link.pem");
  EXPECT_EQ(Enroll("identity link.pem"), kRefused);
  EXPECT_EQ(Enroll("identity none/identity.pem"), kWrongUse);
  EXPECT_THAT(err_, HasSubstr("none/identity.pem"));
}

TEST_F(EnrollCommandTest, AnAuthorityEnrolsAnIdentityForAVersion) {
  const std::string member = MakeIdentity("identity.pem");
  ASSERT_EQ(Enroll("authority authority.key authority.pem"), kDone) << err_;
  EXPECT_TRUE(OnlyTheOwnerReads("authority.key"));
  EXPECT_THAT(Read("authority.pem"), HasSubstr("BEGIN PUBLIC KEY"));
  ASSERT_EQ(
      Enroll("sign enrolment.toml --authority authority.key --version 3 --identity " + member),
      kDone)
      << err_;
  const auto enrolment = crypto::ParseEnrolmentFile(Read("enrolment.toml"), "e");
  const auto keys = crypto::ParseAuthorityPem(Read("authority.pem"));
  ASSERT_TRUE(enrolment.ok() && keys.ok());
  EXPECT_EQ(enrolment->identity.ToHex(), member);
  EXPECT_TRUE(
      crypto::CheckEnrolment(*keys, enrolment->identity, 3, enrolment->signature.bytes()).ok());

  EXPECT_EQ(Enroll("show enrolment.toml --authority authority.pem"), kDone) << err_;
  EXPECT_THAT(out_, HasSubstr("roster version 3\nsigned by this authority"));
  EXPECT_EQ(Enroll("show enrolment.toml"), kDone);
  EXPECT_THAT(out_, HasSubstr("was not checked"));
  ASSERT_EQ(Enroll("authority other.key other.pem"), kDone);
  EXPECT_EQ(Enroll("show enrolment.toml --authority other.pem"), kRefused);
  EXPECT_THAT(err_, HasSubstr("NOT_ENROLLED"));
}

TEST_F(EnrollCommandTest, SaysWhatIsWrongWithASigning) {
  const std::string member = MakeIdentity("identity.pem");
  ASSERT_EQ(Enroll("authority authority.key authority.pem"), kDone);
  const std::string own(absl::StripAsciiWhitespace(out_));
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"--authority authority.pem --version 1 --identity " + member,
       "authority.pem: no unencrypted private key in PEM"},
      {"--authority none.key --version 1 --identity " + member, "cannot read none.key"},
      {"--authority authority.key --version 1 --identity 77", "--identity: an identity public key"},
      {"--authority authority.key --version 1 --identity " + own, "the authority's own key"},
      {"--authority authority.key --version 0 --identity " + member, "--version"},
      {"--authority authority.key --identity " + member, "--version is required"},
  };
  for (const auto& [flags, message] : wrong) {
    EXPECT_EQ(Enroll("sign e.toml " + flags), kWrongUse) << flags;
    EXPECT_THAT(err_, HasSubstr(message));
    EXPECT_FALSE(fs::exists("e.toml"));
  }
}

TEST_F(EnrollCommandTest, ARosterHasANewVersionForEveryChange) {
  const std::string a = MakeIdentity("a.pem");
  const std::string b = MakeIdentity("b.pem");
  const std::string c = MakeIdentity("c.pem");
  ASSERT_EQ(Enroll("roster r.toml --add ann=" + a + " --add bob=" + b), kDone) << err_;
  EXPECT_EQ(out_, "r.toml version 1: 2 identities\n");
  ASSERT_EQ(Enroll("roster r.toml --add cyd=" + c), kDone) << err_;
  crypto::RosterFile roster = Roster("r.toml");
  EXPECT_EQ(roster.version, 2u);
  EXPECT_EQ(roster.names.size(), 3u);

  const std::string d = MakeIdentity("d.pem");
  ASSERT_EQ(Enroll("roster r.toml --rotate ann=" + d + " --revoke bob"), kDone) << err_;
  roster = Roster("r.toml");
  EXPECT_EQ(roster.version, 3u);
  EXPECT_EQ(NameOf(roster, d), "ann");
  EXPECT_EQ(NameOf(roster, c), "cyd");
  EXPECT_EQ(NameOf(roster, a), "");
  EXPECT_EQ(NameOf(roster, b), "");
  EXPECT_FALSE(fs::exists("r.toml.new"));

  // The key that was bob's may come back under another name, in one step.
  ASSERT_EQ(Enroll("roster r.toml --revoke cyd --add dot=" + c), kDone) << err_;
  EXPECT_EQ(NameOf(Roster("r.toml"), c), "dot");
}

TEST_F(EnrollCommandTest, RefusesChangesThatMakeNoSense) {
  const std::string a = MakeIdentity("a.pem");
  const std::string b = MakeIdentity("b.pem");
  ASSERT_EQ(Enroll("roster r.toml --add ann=" + a), kDone) << err_;
  const std::string before = Read("r.toml");
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "r.toml: nothing to change: give --add"},
      {" --add ann=" + b, "--add ann: the name is taken; --rotate"},
      {" --add bob=" + a, "--add bob: this is the identity of ann"},
      {" --add bob", "--add bob: has no \"=\"; it takes NAME=IDENTITY"},
      {" --add bob=77", "--add bob=77: an identity public key in text is 64"},
      {" --add =" + b, "--add : a name is 1 to 100"},
      {" --add b\"ob=" + b, "without quotes"},
      {" --rotate bob=" + b, "--rotate bob: nobody has this name"},
      {" --rotate ann=" + a, "the key that it has already"},
      {" --revoke bob", "--revoke bob: nobody has this name; `veilsum enroll show`"},
      {" --revoke ann", "nobody would be left"},
  };
  for (const auto& [flags, message] : wrong) {
    EXPECT_EQ(Enroll("roster r.toml" + flags), kWrongUse) << flags;
    EXPECT_THAT(err_, HasSubstr(message));
    EXPECT_EQ(Read("r.toml"), before) << flags;
  }
  EXPECT_EQ(Enroll("roster none.toml --revoke ann"), kWrongUse);
  EXPECT_EQ(Enroll("roster a.pem --add ann=" + a), kWrongUse);  // A PEM file is no roster.
  EXPECT_THAT(err_, HasSubstr("a.pem:1: expected"));
  EXPECT_THAT(Read("a.pem"), HasSubstr("PRIVATE"));
}

TEST_F(EnrollCommandTest, ATlsKeyStaysWhereItWasMade) {
  ASSERT_EQ(Run("init house --clients 3"), kDone) << err_;
  const std::string ca = " --ca house/tls/authority.pem --ca-key house/tls/authority.key";
  ASSERT_EQ(Enroll("request own.key own.csr --name hospital-1"), kDone) << err_;
  EXPECT_TRUE(OnlyTheOwnerReads("own.key"));
  EXPECT_EQ(Enroll("show own.csr"), kDone);
  EXPECT_THAT(out_, HasSubstr("certificate of the name \"hospital-1\""));
  ASSERT_EQ(Enroll("certificate own.csr own.pem --days 30" + ca), kDone) << err_;
  EXPECT_THAT(err_, HasSubstr("A client's certificate for \"hospital-1\", 30 days"));
  EXPECT_TRUE(crypto::NotAfter(Read("own.pem")).ok());
  EXPECT_EQ(Enroll("certificate own.csr server.pem --host sum.example.org --host ::1" + ca), kDone);
  EXPECT_THAT(err_, HasSubstr("A server's certificate"));
  EXPECT_EQ(Enroll("certificate own.csr own.pem" + ca), kRefused);

  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"own.key x.pem" + ca, "own.key: no certificate request in PEM"},
      {"own.csr x.pem --ca own.pem --ca-key own.key", "is not that of an authority"},
      {"own.csr x.pem --ca house/tls/authority.pem --ca-key own.key", "does not belong"},
      {"own.csr x.pem --host a,b" + ca, "is no DNS name"},
      {"own.csr x.pem --days 0" + ca, "--days"},
      {"own.csr x.pem", "--ca is required"},
  };
  for (const auto& [flags, message] : wrong) {
    EXPECT_EQ(Enroll("certificate " + flags), kWrongUse) << flags;
    EXPECT_THAT(err_, HasSubstr(message));
    EXPECT_FALSE(fs::exists("x.pem"));
  }
}

TEST_F(EnrollCommandTest, ShowsWhatAFileHolds) {
  ASSERT_EQ(Run("init house --clients 3"), kDone) << err_;
  const auto identity =
      crypto::ParseIdentityPem(Read("house/clients/client-01/identity.pem"))->public_key().ToHex();
  EXPECT_EQ(Enroll("show house/roster.toml"), kDone) << err_;
  EXPECT_THAT(out_, HasSubstr("roster, version 1, 3 identities"));
  EXPECT_THAT(out_, HasSubstr(identity + "  client-01\n"));
  EXPECT_EQ(Enroll("show house/tls/server.pem"), kDone);
  EXPECT_THAT(out_, HasSubstr("TLS certificate, valid until 20"));
  EXPECT_EQ(Enroll("show house/clients/client-01/identity.pem"), kDone);
  EXPECT_EQ(out_, "private key of the identity (or enrolment authority) " + identity + "\n");
  fs::permissions("house/clients/client-01/identity.pem", fs::perms::group_read,
                  fs::perm_options::add);
  EXPECT_EQ(Enroll("show house/clients/client-01/identity.pem"), kDone);
  EXPECT_THAT(out_, HasSubstr("`chmod 600 house/clients/client-01/identity.pem`"));
  EXPECT_EQ(Enroll("show house/tls/server.key"), kDone);
  EXPECT_THAT(out_, HasSubstr("for TLS"));
}

TEST_F(EnrollCommandTest, SaysWhenAFileHoldsNothingItKnows) {
  EXPECT_TRUE(WriteFile("a.txt", "hello\n").ok());
  EXPECT_EQ(Enroll("show a.txt"), kWrongUse);
  EXPECT_THAT(err_, HasSubstr("a.txt: is neither a PEM file, nor a roster"));
  EXPECT_TRUE(WriteFile("r.toml", "version = 1\n[identities]\nann = \"7\"\n").ok());
  EXPECT_EQ(Enroll("show r.toml"), kWrongUse);
  EXPECT_THAT(err_, HasSubstr("r.toml:3: identities.ann is no identity"));
  EXPECT_TRUE(WriteFile("e.toml", "signature = \"7\"\n").ok());
  EXPECT_EQ(Enroll("show e.toml"), kWrongUse);
  EXPECT_THAT(err_, HasSubstr("e.toml:1: signature does not read"));
  EXPECT_EQ(Enroll("show none"), kWrongUse);
  EXPECT_EQ(Enroll("show ."), kWrongUse);
  EXPECT_THAT(err_, HasSubstr("it is no key file"));
  EXPECT_EQ(Enroll(""), kWrongUse);
}

}  // namespace
}  // namespace veilsum::aggregator::cli
