// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aggregator/cli/command_line.h"
#include "aggregator/cli/exit_code.h"
#include "aggregator/config/config.h"
#include "aggregator/config/identity_root.h"
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

class InitCommandTest : public ::testing::Test {
 protected:
  InitCommandTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(std::getenv("TEST_TMPDIR"), "/", test->name());
  }

  int Init(const std::string& flags = "") {
    std::ostringstream out;
    std::ostringstream err;
    Console console = {out, err};
    const int code = RunVeilsum(
        absl::StrSplit(absl::StrCat("init ", folder_, flags.empty() ? "" : " ", flags), ' '),
        console);
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  std::string Read(const std::string& path) {
    const absl::StatusOr<std::string> contents = ReadFile(folder_ + "/" + path);
    EXPECT_TRUE(contents.ok()) << contents.status();
    return contents.value_or("");
  }

  std::string folder_;
  std::string out_;
  std::string err_;
};

TEST_F(InitCommandTest, TheAggregatorTakesWhatItMakes) {
  for (const int clients : {3, 4, 10, 100, 1001}) {
    folder_ = absl::StrCat(std::getenv("TEST_TMPDIR"), "/takes-", clients);
    ASSERT_EQ(Init(absl::StrCat("--clients ", clients)), kDone) << err_;
    const auto config = ParseConfig(Read("aggregator.toml"), folder_ + "/aggregator.toml", {});
    ASSERT_TRUE(config.ok()) << config.status();
    ASSERT_EQ(config->tasks.size(), 1u);
    EXPECT_EQ(config->tasks[0].max_clients(), static_cast<uint32_t>(std::min(clients, 1000)));
    EXPECT_EQ(config->tasks[0].tier(), v1::TIER_MALICIOUS);
    EXPECT_EQ(config->data_directory, folder_ + "/data");
    const auto root = LoadIdentityRoot(config->identities);
    ASSERT_TRUE(root.ok()) << root.status();
    EXPECT_EQ(root->identities, static_cast<size_t>(clients));
    EXPECT_EQ(root->roster_version, 1u);
    for (const std::string& path :
         {config->server.certificate, config->server.private_key, config->server.client_ca,
          config->operator_listener.client_ca, config->identities.roster}) {
      EXPECT_TRUE(fs::exists(path)) << path;
    }
  }
}

TEST_F(InitCommandTest, EveryClientHasTheRosterOfAllIdentities) {
  ASSERT_EQ(Init("--clients 3"), kDone) << err_;
  const auto roster = crypto::ParseRosterFile(Read("roster.toml"), "roster.toml");
  ASSERT_TRUE(roster.ok()) << roster.status();
  EXPECT_EQ(roster->names.size(), 3u);
  for (const auto& [key, name] : roster->names) {
    const std::string folder = "clients/" + name + "/";
    const auto identity = crypto::ParseIdentityPem(Read(folder + "identity.pem"));
    ASSERT_TRUE(identity.ok()) << identity.status();
    EXPECT_EQ(identity->public_key(), key);
    EXPECT_EQ(Read(folder + "roster.toml"), Read("roster.toml"));
    EXPECT_EQ(Read(folder + "tls_authority.pem"), Read("tls/authority.pem"));
  }
}

TEST_F(InitCommandTest, AnAuthorityVouchesForEveryClient) {
  ASSERT_EQ(Init("--clients 3 --authority"), kDone) << err_;
  EXPECT_FALSE(fs::exists(folder_ + "/roster.toml"));
  const auto config = ParseConfig(Read("aggregator.toml"), folder_ + "/aggregator.toml", {});
  ASSERT_TRUE(config.ok()) << config.status();
  const auto root = LoadIdentityRoot(config->identities);
  ASSERT_TRUE(root.ok()) << root.status();
  for (const char* name : {"client-01", "client-02", "client-03"}) {
    const std::string folder = absl::StrCat("clients/", name, "/");
    const auto identity = crypto::ParseIdentityPem(Read(folder + "identity.pem"));
    const auto enrolment = crypto::ParseEnrolmentFile(Read(folder + "enrolment.toml"), "e");
    ASSERT_TRUE(identity.ok() && enrolment.ok()) << identity.status() << enrolment.status();
    EXPECT_EQ(enrolment->identity, identity->public_key());
    EXPECT_EQ(enrolment->version, root->roster_version);
    EXPECT_TRUE(root->enrolment(identity->public_key(), enrolment->signature.bytes()).ok());
    EXPECT_EQ(Read(folder + "enrolment_authority.pem"), Read("enrolment/authority.pem"));
  }
  const auto authority = crypto::ParseIdentityPem(Read("enrolment/authority.key"));
  ASSERT_TRUE(authority.ok()) << authority.status();
  EXPECT_EQ(crypto::FormatIdentityPublicPem(authority->public_key()),
            Read("enrolment/authority.pem"));
}

TEST_F(InitCommandTest, OnlyTheOwnerReadsPrivateKeys) {
  ASSERT_EQ(Init("--clients 3"), kDone) << err_;
  int secrets = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path().string();
    std::ifstream file(path);
    std::stringstream contents;
    contents << file.rdbuf();
    const bool secret = contents.str().find("PRIVATE KEY") != std::string::npos;
    secrets += secret ? 1 : 0;
    const fs::perms wanted = secret ? fs::perms::owner_read | fs::perms::owner_write
                                    : fs::perms::owner_read | fs::perms::owner_write |
                                          fs::perms::group_read | fs::perms::others_read;
    // A umask may take away more, from the others.
    EXPECT_EQ(entry.status().permissions() & ~wanted, fs::perms::none) << path;
  }
  EXPECT_EQ(secrets, 3 + 3 * 2);  // Authority, server, operator; two for each client.
}

TEST_F(InitCommandTest, CertificatesLastAsLongAsAskedFor) {
  ASSERT_EQ(Init("--clients 3 --days 30"), kDone) << err_;
  const auto server = crypto::NotAfter(Read("tls/server.pem"));
  const auto client = crypto::NotAfter(Read("clients/client-03/certificate.pem"));
  ASSERT_TRUE(server.ok() && client.ok());
  EXPECT_EQ(*server, *client);
  const auto authority =
      crypto::CertificateAuthority::FromPem(Read("tls/authority.pem"), Read("tls/authority.key"));
  EXPECT_TRUE(authority.ok()) << authority.status();
}

TEST_F(InitCommandTest, OverwritesNothing) {
  ASSERT_EQ(Init("--clients 3"), kDone) << err_;
  const std::string before = Read("tls/server.key");
  EXPECT_EQ(Init("--clients 3"), kRefused);
  EXPECT_THAT(err_, HasSubstr("ALREADY_EXISTS"));
  EXPECT_EQ(Read("tls/server.key"), before);
  // Not even half of it, when one file is in the way.
  folder_ += "-half";
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/operator.toml") << "mine";
  EXPECT_EQ(Init("--clients 3"), kRefused);
  EXPECT_FALSE(fs::exists(folder_ + "/tls"));
  EXPECT_EQ(Read("operator.toml"), "mine");
}

TEST_F(InitCommandTest, SaysWhatToDoNextInThreeStepsAtMost) {
  ASSERT_EQ(Init("--clients 3"), kDone) << err_;
  EXPECT_THAT(out_, HasSubstr("aggregator --config=" + folder_ + "/aggregator.toml"));
  EXPECT_THAT(out_, HasSubstr("veilsum session watch --config " + folder_));
  EXPECT_THAT(Read("README"), HasSubstr("clients/NAME/"));
  EXPECT_LE(std::count(out_.begin(), out_.end(), '\n'), 16);
}

TEST_F(InitCommandTest, RefusesWhatItCannotMake) {
  for (const char* flags :
       {"--clients 2", "--clients 10001", "--days 0", "--host a,b", "--host="}) {
    EXPECT_EQ(Init(flags), kWrongUse) << flags;
    EXPECT_FALSE(fs::exists(folder_)) << flags;
  }
  folder_ = "/proc/veilsum";
  EXPECT_EQ(Init("--clients 3"), kWrongUse);
  EXPECT_THAT(err_, HasSubstr("cannot make the folder /proc/veilsum"));
}

TEST_F(InitCommandTest, KnowsNamesFromAddresses) {
  EXPECT_EQ(Init("--clients 3 --host aggregator.example.org --host 10.0.0.7 --host ::7"), kDone)
      << err_;
}

}  // namespace
}  // namespace veilsum::aggregator::cli
