// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "aggregator/config/roster.h"
#include "aggregator/config/task_config.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using ::testing::HasSubstr;

constexpr char kGood[] = R"([server]
address = "0.0.0.0:1"
certificate = "c.pem"
private_key = "/k.pem"
[identities]
file = "who.toml"
[limits]
pending_upload_bytes = 1000000
[[task]]
id = "mean"
dimension = 1000
clip = 2
max_clients = 10
min_survivors = 6
)";

absl::StatusOr<Config> Parse(absl::string_view text, Overrides overrides = {}) {
  return ParseConfig(text, "/etc/veilsum/a.toml", std::move(overrides));
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ConfigTest, ReadsAFileAndFillsInDefaults) {
  const absl::StatusOr<Config> config = Parse(kGood);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server.address, "0.0.0.0:1");
  EXPECT_EQ(config->server.certificate, "/etc/veilsum/c.pem");
  EXPECT_EQ(config->server.private_key, "/k.pem");
  EXPECT_EQ(config->identities_file, "/etc/veilsum/who.toml");
  EXPECT_EQ(config->operator_listener.address, "");
  EXPECT_EQ(config->drain_seconds, 30u);
  ASSERT_EQ(config->tasks.size(), 1u);
  const v1::Task& task = config->tasks[0];
  EXPECT_EQ(task.task_id(), "mean");
  EXPECT_EQ(task.vector().clip(), 2.0f);
  EXPECT_EQ(task.vector().modulus_bits(), 20u);  // 10 · (2^16 − 1) < 2^20
  EXPECT_EQ(task.tier(), v1::TIER_SEMI_HONEST);
  EXPECT_TRUE(task.sessions_on_demand());
  EXPECT_EQ(task.masked_input().deadline_ms(), 600'000u);
}

TEST(ConfigTest, TheSampleIsGoodAndNamesOnlyDefaultsInItsComments) {
  const std::string sample = ReadFile("deploy/aggregator.toml");
  const absl::StatusOr<Config> plain = ParseConfig(sample, "deploy/aggregator.toml", {});
  ASSERT_TRUE(plain.ok()) << plain.status();
  ASSERT_EQ(plain->tasks.size(), 1u);
  // With the comment signs taken from every line `# key = value` it means the same, apart from
  // keys that exclude what is set.
  std::string spelt_out;
  std::istringstream lines(sample);
  for (std::string line; std::getline(lines, line);) {
    const bool setting = line.rfind("# ", 0) == 0 && line.find(" = ") != std::string::npos &&
                         line.find(':') == std::string::npos &&
                         line.find(" true") == std::string::npos;
    const bool kept = line.find("on_demand") != std::string::npos && line.rfind("# ", 0) == 0;
    spelt_out += (setting || kept ? line.substr(2) : line) + "\n";
  }
  const absl::StatusOr<Config> full = ParseConfig(spelt_out, "deploy/aggregator.toml", {});
  ASSERT_TRUE(full.ok()) << full.status() << "\n" << spelt_out;
  EXPECT_EQ(full->tasks[0].SerializeAsString(), plain->tasks[0].SerializeAsString());
  EXPECT_EQ(full->limits.pending_upload_bytes, plain->limits.pending_upload_bytes);
  EXPECT_EQ(full->limits.max_connections, plain->limits.max_connections);
  EXPECT_EQ(full->operator_listener.certificate, plain->operator_listener.certificate);
}

struct Bad {
  std::string name;
  std::string from;
  std::string to;
  std::string message;
  v1::Reason reason = v1::REASON_INVALID_ARGUMENT;
};

class BadConfigTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadConfigTest, IsRefusedWithPlaceAndAdvice) {
  const Bad& bad = GetParam();
  std::string text = kGood;
  if (bad.from.empty()) {
    text = bad.to;
  } else {
    ASSERT_THAT(text, HasSubstr(bad.from));
    text = absl::StrReplaceAll(text, {{bad.from, bad.to}});
  }
  const absl::StatusOr<Config> config = Parse(text);
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(bad.message));
  EXPECT_EQ(ReasonOf(config.status()), bad.reason);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadConfigTest,
    ::testing::Values(
        Bad{"NotToml", "", "[server\n", "a.toml:1:8: not valid TOML"},
        Bad{"UnknownKey", "address =", "adress =",
            "a.toml:2: server.adress is not a known key; known here: address, "},
        Bad{"UnknownSection", "[limits]", "[limit]", "a.toml:7: limit is not a known key"},
        Bad{"UnknownTaskKey", "clip =", "clipp =", "a.toml:9: task needs the key clip"},
        Bad{"SurplusTaskKey", "clip = 2", "clip = 2\nepochs = 3", "a.toml:13: task.epochs is not"},
        Bad{"WrongType", "\"0.0.0.0:1\"", "1", "a.toml:2: server.address must be a string, is int"},
        Bad{"FractionalCount", "dimension = 1000", "dimension = 1.5",
            "a.toml:11: task.dimension must be a whole number"},
        Bad{"NegativeCount", "dimension = 1000", "dimension = -1", "must be from 1 to"},
        Bad{"SectionIsAValue", "[identities]\nfile", "identities",
            "server.identities is not a known key"},
        Bad{"NoPort", "0.0.0.0:1", "localhost", "server.address must be host:port"},
        Bad{"NoTls", "private_key = \"/k.pem\"", "", "server needs certificate and private_key"},
        Bad{"NoAuthority", "private_key = \"/k.pem\"",
            "private_key = \"/k.pem\"\nrequire_client_certificate = true", "needs client_ca"},
        Bad{"NoIdentities", "file = \"who.toml\"", "", "identities needs either file"},
        Bad{"TwoRosters", "file = \"who.toml\"", "file = \"who.toml\"\nopen = true",
            "identities needs either file"},
        Bad{"OperatorWithoutAuthority", "[identities]",
            "[operator]\naddress = \"127.0.0.1:2\"\n[identities]", "operator needs client_ca"},
        Bad{"BudgetBelowOneUpload", "= 1000000", "= 2000",
            "makes one upload 2503 bytes, more than limits.pending_upload_bytes = 2000"},
        Bad{"BadTaskId", "\"mean\"", "\"Mean\"", "a.toml:9: task.task_id: must be 1 to 64"},
        Bad{"BadClip", "clip = 2", "clip = 0", "task.vector.clip: must be finite"},
        Bad{"ModulusTooWide", "max_clients = 10",
            "max_clients = 1000\nquantisation_bits = 24\nmax_weight = 4294967296",
            "task.vector.modulus_bits"},
        Bad{"DeadlineBeforeLeastTime", "min_survivors = 6",
            "min_survivors = 6\n[task.share_keys]\nleast_ms = 10\ndeadline_ms = 5",
            "task.share_keys.least_ms"},
        Bad{"TooManyDropouts", "min_survivors = 6", "min_survivors = 6\ndropout_rate = 0.5",
            "at most 4 may drop out", v1::REASON_INFEASIBLE_PARAMETERS},
        Bad{"TooManySurvivors", "min_survivors = 6", "min_survivors = 10",
            "fewer than min_survivors", v1::REASON_INFEASIBLE_PARAMETERS},
        Bad{"NoGraph", "min_survivors = 6",
            "min_survivors = 2\ngraph = \"harary\"\ncorruption_rate = 0.4\ndropout_rate = 0.4",
            "task.graph: a session of max_clients = 10 is not possible",
            v1::REASON_INFEASIBLE_PARAMETERS},
        Bad{"Malicious", "min_survivors = 6", "min_survivors = 6\ntier = \"malicious\"",
            "a.toml:9: task.tier: the malicious tier is not available yet", v1::REASON_UNSUPPORTED},
        Bad{"UnknownTier", "min_survivors = 6", "min_survivors = 6\ntier = \"honest\"",
            "must be one of \"semi_honest\", \"malicious\", is \"honest\""}),
    [](const auto& info) { return info.param.name; });

TEST(ConfigTest, RefusesTwoTasksOfOneName) {
  const std::string text = kGood;
  const absl::StatusOr<Config> config = Parse(text + text.substr(text.find("[[task]]")));
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("\"mean\" is taken"));
}

TEST(ConfigTest, FlagsAndVariablesOverrideTheFile) {
  const char* const environment[] = {"HOME=/", "VEILSUM_SERVER_DRAIN_SECONDS=7",
                                     "VEILSUM_LOG_LEVEL=debug", nullptr};
  Overrides overrides = OverridesFromEnvironment(environment);
  const char* const argv[] = {"aggregator", "--config=a.toml", "--server.address=h:9",
                              "--log.level=error"};
  absl::StatusOr<CommandLine> line = ParseCommandLine(4, argv);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->config_file, "a.toml");
  for (auto& [path, value] : line->overrides) overrides[path] = std::move(value);

  const absl::StatusOr<Config> config = Parse(kGood, overrides);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server.address, "h:9");
  EXPECT_EQ(config->drain_seconds, 7u);
  EXPECT_EQ(config->log_level, "error");
}

TEST(ConfigTest, MistakesInOverridesNameTheirOrigin) {
  const char* const environment[] = {"VEILSUM_SERVER_DRAIN_SECONDS=soon", nullptr};
  absl::StatusOr<Config> config = Parse(kGood, OverridesFromEnvironment(environment));
  EXPECT_EQ(std::string(config.status().message()),
            "the environment variable VEILSUM_SERVER_DRAIN_SECONDS: server.drain_seconds must be a "
            "whole number");

  const char* const argv[] = {"aggregator", "--server.adress=h:9"};
  config = Parse(kGood, ParseCommandLine(2, argv)->overrides);
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("the flag --server.adress: server.adress is not a known key"));
}

TEST(ConfigTest, RefusesArgumentsThatAreNoFlags) {
  for (const char* argument : {"a.toml", "--config", "--verbose=1"}) {
    const char* const argv[] = {"aggregator", argument};
    EXPECT_FALSE(ParseCommandLine(2, argv).ok()) << argument;
  }
}

TEST(TaskConfigTest, ReadsOneTaskAtTheTopLevel) {
  const absl::StatusOr<v1::Task> task = ParseTaskToml(
      "id = \"a\"\ndimension = 2\nclip = 1.0\nmax_clients = 4\nmin_survivors = 3\n"
      "audience = \"both\"\n[share_keys]\ndeadline_ms = 1000\n",
      "task.toml");
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->audience(), v1::AUDIENCE_BOTH);
  EXPECT_EQ(task->share_keys().deadline_ms(), 1000u);
  EXPECT_EQ(task->share_keys().target_fraction(), 1.0);

  const absl::StatusOr<v1::Task> bad = ParseTaskToml("id = 3\n", "task.toml");
  EXPECT_EQ(std::string(bad.status().message()), "task.toml:1: id must be a string, is integer");
}

TEST(RosterTest, NamesEveryKeyOnce) {
  const std::string one(64, '7');
  const std::string two = absl::StrCat(std::string(62, '7'), "70");
  const auto file = [](absl::string_view a, absl::string_view b) {
    return absl::StrCat("[identities]\nann = \"", a, "\"\nbob = \"", b, "\"\n");
  };
  const absl::StatusOr<IdentityNames> names = ParseIdentities(file(one, two), "who.toml");
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(names->size(), 2u);

  const std::vector<std::pair<std::string, std::string>> bad = {
      {file(one, one), "who.toml:3: identities.bob has the same public key as ann"},
      {file(one, "77"), "who.toml:3: identities.bob is no public key"},
      {"[identities]\n", "who.toml"},
      {"[people]\n", "who.toml:1: people is not a known key"},
  };
  for (const auto& [text, message] : bad) {
    EXPECT_THAT(std::string(ParseIdentities(text, "who.toml").status().message()),
                HasSubstr(message));
  }
}

}  // namespace
}  // namespace veilsum::aggregator
