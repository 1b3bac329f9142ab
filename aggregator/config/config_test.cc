// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/str_replace.h"
#include "aggregator/config/table_reader.h"
#include "aggregator/config/task_config.h"
#include "aggregator/config/task_rules.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using ::testing::HasSubstr;

constexpr char kGood[] = R"([server]
address = "0.0.0.0:1"
certificate = "c.pem"
private_key = "/k.pem"
[identities]
roster = "who.toml"
[limits]
pending_upload_bytes = 1000000
[[task]]
id = "mean"
dimension = 1000
clip = 2
max_clients = 10
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
  EXPECT_EQ(config->identities.roster, "/etc/veilsum/who.toml");
  EXPECT_EQ(config->operator_listener.address, "");
  EXPECT_EQ(config->data_directory, "");
  EXPECT_EQ(config->drain_seconds, 30u);
  ASSERT_EQ(config->tasks.size(), 1u);
  const v1::Task& task = config->tasks[0];
  EXPECT_EQ(task.task_id(), "mean");
  EXPECT_EQ(task.vector().clip(), 2.0f);
  EXPECT_EQ(task.vector().modulus_bits(), 20u);  // 10 · (2^16 − 1) < 2^20
  EXPECT_EQ(task.tier(), v1::TIER_MALICIOUS);
  EXPECT_EQ(task.graph(), v1::GRAPH_RULE_COMPLETE);
  EXPECT_EQ(task.corruption_rate(), 0.1);
  EXPECT_EQ(task.dropout_rate(), 0.1);
  EXPECT_EQ(task.min_survivors(), 6u);
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
                         line.find(" true") == std::string::npos &&
                         line.find("enrolment_authority") == std::string::npos &&
                         line.find("roster_version") == std::string::npos;
    const bool kept = line.find("on_demand") != std::string::npos && line.rfind("# ", 0) == 0;
    spelt_out += (setting || kept ? line.substr(2) : line) + "\n";
  }
  const absl::StatusOr<Config> full = ParseConfig(spelt_out, "deploy/aggregator.toml", {});
  ASSERT_TRUE(full.ok()) << full.status() << "\n" << spelt_out;
  EXPECT_EQ(full->tasks[0].SerializeAsString(), plain->tasks[0].SerializeAsString());
  EXPECT_EQ(full->limits.pending_upload_bytes, plain->limits.pending_upload_bytes);
  EXPECT_EQ(full->limits.max_connections, plain->limits.max_connections);
  EXPECT_EQ(full->limits.accumulator_bytes, plain->limits.accumulator_bytes);
  EXPECT_EQ(full->limits.least_free_bytes, plain->limits.least_free_bytes);
  EXPECT_EQ(full->data_directory, "deploy/data");
  EXPECT_EQ(full->limits.memory_bytes, plain->limits.memory_bytes);
  EXPECT_EQ(full->limits.least_upload_bytes_per_second,
            plain->limits.least_upload_bytes_per_second);
  EXPECT_EQ(full->core_dumps, plain->core_dumps);
  EXPECT_EQ(full->mask_kernel, plain->mask_kernel);
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

TEST(ParseDocumentTest, TextMayHaveAnyCharacters) {
  const auto document = ParseDocument(
      "\xef\xbb\xbf# \u00e4\na = \"\\\"\u00e4\" # \u00e4\nb = '''\n\u00e4'''''\nc = '\u00e4'\n"
      "\"\u00e4\" = \"\"\n",
      "a.toml");
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->root.size(), 4);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadConfigTest,
    ::testing::Values(
        Bad{"NotToml", "", "[server\n", "a.toml:1:8: not valid TOML"},
        Bad{"StrayCharacter",
            "address =", "\u00e4dress =", "a.toml:2: not valid TOML: a character"},
        Bad{"StrayCharacterBehindStrayQuote", "max_clients = ", "max_clients = 5\"\u00e4",
            "not valid TOML: a character"},
        Bad{"StrayCharacterBehindText", "\"0.0.0.0:1\"", "'''\u00e4'''' \u00e4",
            "a.toml:2: not valid"},
        Bad{"UnknownKey", "address =", "adress =",
            "a.toml:2: server.adress is not a known key; known here: address, "},
        Bad{"UnknownSection", "[limits]", "[limit]", "a.toml:7: limit is not a known key"},
        Bad{"UnknownTaskKey", "clip =", "clipp =", "a.toml:9: task needs the key clip"},
        Bad{"SurplusTaskKey", "clip = 2", "clip = 2\nepochs = 3", "a.toml:13: task.epochs is not"},
        Bad{"WrongType", "\"0.0.0.0:1\"", "1", "a.toml:2: server.address must be a string, is int"},
        Bad{"FractionalCount", "dimension = 1000", "dimension = 1.5",
            "a.toml:11: task.dimension must be a whole number"},
        Bad{"NegativeCount", "dimension = 1000", "dimension = -1", "must be from 1 to"},
        Bad{"SectionIsAValue", "[identities]\nroster", "identities",
            "server.identities is not a known key"},
        Bad{"NoPort", "0.0.0.0:1", "localhost", "server.address must be host:port"},
        Bad{"NoTls", "private_key = \"/k.pem\"", "", "server needs certificate and private_key"},
        Bad{"NoAuthority", "private_key = \"/k.pem\"",
            "private_key = \"/k.pem\"\nrequire_client_certificate = true", "needs client_ca"},
        Bad{"NoIdentities", "roster = \"who.toml\"", "", "identities needs one of three"},
        Bad{"TwoRoots", "roster = \"who.toml\"", "roster = \"who.toml\"\nopen = true",
            "identities needs one of three"},
        Bad{"RosterAndAuthority", "roster = \"who.toml\"",
            "roster = \"who.toml\"\nauthority = \"a.pem\"\nroster_version = 1",
            "identities needs one of three"},
        Bad{"AuthorityWithoutVersion", "roster = \"who.toml\"", "authority = \"a.pem\"",
            "a.toml:5: identities needs roster_version beside authority"},
        Bad{"VersionOfARoster", "roster = \"who.toml\"",
            "roster = \"who.toml\"\nroster_version = 2", "a roster file names its own version"},
        Bad{"VersionNought", "roster = \"who.toml\"", "authority = \"a.pem\"\nroster_version = 0",
            "roster_version must be from 1"},
        Bad{"AnybodyInTheMaliciousTier", "roster = \"who.toml\"", "open = true",
            "a.toml:9: task.tier is malicious (the default), but identities.open"},
        Bad{"OperatorWithoutAuthority", "[identities]",
            "[operator]\naddress = \"127.0.0.1:2\"\n[identities]", "operator needs client_ca"},
        Bad{"BudgetBelowOneUpload", "= 1000000", "= 2000",
            "makes one upload 2503 bytes, more than limits.pending_upload_bytes = 2000"},
        Bad{"MemoryBelowItsUploads", "= 1000000", "= 1000000\nmemory_bytes = 999999",
            "limits.memory_bytes must hold more than pending_upload_bytes = 1000000"},
        Bad{"LeastRateOfAGoodLine", "= 1000000",
            "= 1000000\nleast_upload_bytes_per_second = 1000001",
            "limits.least_upload_bytes_per_second must be from 0 to 1000000"},
        Bad{"BadTaskId", "\"mean\"", "\"Mean\"", "a.toml:9: task.task_id: must be 1 to 64"},
        Bad{"BadClip", "clip = 2", "clip = 0", "task.vector.clip: must be finite"},
        Bad{"ModulusTooWide", "max_clients = 10",
            "max_clients = 1000\nquantisation_bits = 24\nmax_weight = 4294967296",
            "task.vector.modulus_bits"},
        Bad{"DeadlineBeforeLeastTime", "max_clients = 10",
            "max_clients = 10\n[task.share_keys]\nleast_ms = 10\ndeadline_ms = 5",
            "task.share_keys.least_ms"},
        Bad{"TooManyDropouts", "max_clients = 10",
            "max_clients = 10\ntier = \"semi_honest\"\ndropout_rate = 0.5",
            "at most 4 may drop out", v1::REASON_INFEASIBLE_PARAMETERS},
        Bad{"TooManySurvivors", "max_clients = 10", "max_clients = 10\nmin_survivors = 10",
            "fewer than min_survivors", v1::REASON_INFEASIBLE_PARAMETERS},
        Bad{"SumOfTwo", "max_clients = 10", "max_clients = 10\nmin_survivors = 2",
            "a.toml:14: task.min_survivors must be at least 3, is 2: of a sum of two"},
        Bad{"TooFewForTheTier", "max_clients = 10",
            "max_clients = 10\ncorruption_rate = 0.3\nmin_survivors = 4",
            "task.min_survivors: must be at least 5 in the malicious tier, is 4"},
        Bad{"NothingHidden", "max_clients = 10",
            "max_clients = 10\ntier = \"semi_honest\"\ncorruption_rate = 0.3\nmin_survivors = 4",
            "task.min_survivors: of a sum of 4 inputs 1 would be left"},
        Bad{"TwoClients", "max_clients = 10", "max_clients = 2",
            "task.min_survivors: must be at least 3 in the malicious tier"},
        Bad{"NoGraph", "max_clients = 10",
            "max_clients = 10\ntier = \"semi_honest\"\ngraph = \"harary\"\n"
            "corruption_rate = 0.4\ndropout_rate = 0.4",
            "task.graph: a session of max_clients = 10 is not possible",
            v1::REASON_INFEASIBLE_PARAMETERS},
        Bad{"SparseMalicious", "max_clients = 10", "max_clients = 10\ngraph = \"harary\"",
            "task.graph: must be GRAPH_RULE_COMPLETE in the malicious tier"},
        Bad{"NobodyCorrupted", "max_clients = 10", "max_clients = 10\ncorruption_rate = 0",
            "task.corruption_rate: must be greater than 0 in the malicious tier"},
        Bad{"UnknownTier", "max_clients = 10", "max_clients = 10\ntier = \"honest\"",
            "must be one of \"semi_honest\", \"malicious\", is \"honest\""}),
    [](const auto& info) { return info.param.name; });

TEST(ConfigTest, TakesAnAuthorityInsteadOfARoster) {
  const absl::StatusOr<Config> config = Parse(absl::StrReplaceAll(
      kGood, {{"roster = \"who.toml\"", "authority = \"enrolment.pem\"\nroster_version = 4"}}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->identities.authority, "/etc/veilsum/enrolment.pem");
  EXPECT_EQ(config->identities.roster_version, 4u);
}

TEST(ConfigTest, LetsAnybodyInWhereTheAggregatorIsTrusted) {
  const absl::StatusOr<Config> config = Parse(absl::StrReplaceAll(
      kGood, {{"roster = \"who.toml\"", "open = true"},
              {"max_clients = 10", "max_clients = 10\ntier = \"semi_honest\""}}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->identities.open);
}

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
                              "--log.level=error", "--server.data_directory=state"};
  absl::StatusOr<CommandLine> line = ParseCommandLine(5, argv);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->config_file, "a.toml");
  for (auto& [path, value] : line->overrides) overrides[path] = std::move(value);

  const absl::StatusOr<Config> config = Parse(kGood, overrides);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server.address, "h:9");
  EXPECT_EQ(config->drain_seconds, 7u);
  EXPECT_EQ(config->log_level, "error");
  EXPECT_EQ(config->data_directory, "/etc/veilsum/state");
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

TEST(ConfigTest, ValuesMayStandApart) {
  const char* const argv[] = {"aggregator", "--config", "a.toml", "--log.level", "error", "--help"};
  const absl::StatusOr<CommandLine> line = ParseCommandLine(6, argv);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->config_file, "a.toml");
  EXPECT_EQ(line->overrides.at("log.level").text, "error");
  EXPECT_TRUE(line->help);

  const char* const flag[] = {"aggregator", "--config", "--help"};
  EXPECT_EQ(ParseCommandLine(3, flag).status().message(), "the argument --config: has no value");

  const char* const unknown[] = {"aggregator", "--verbose"};
  EXPECT_THAT(std::string(ParseCommandLine(2, unknown).status().message()),
              HasSubstr("--verbose: is not known"));
}

TEST(ConfigTest, RefusesArgumentsThatAreNoFlags) {
  for (const char* argument : {"a.toml", "--config", "--verbose=1"}) {
    const char* const argv[] = {"aggregator", argument};
    EXPECT_FALSE(ParseCommandLine(2, argv).ok()) << argument;
  }
}

TEST(TaskConfigTest, ReadsOneTaskAtTheTopLevel) {
  const absl::StatusOr<v1::Task> task = ParseTaskToml(
      "id = \"a\"\ndimension = 2\nclip = 1.0\nmax_clients = 4\n"
      "audience = \"both\"\n[share_keys]\ndeadline_ms = 1000\n",
      "task.toml");
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->audience(), v1::AUDIENCE_BOTH);
  EXPECT_EQ(task->min_survivors(), 3u);
  EXPECT_EQ(task->share_keys().deadline_ms(), 1000u);
  EXPECT_EQ(task->share_keys().target_fraction(), 1.0);

  const absl::StatusOr<v1::Task> bad = ParseTaskToml("id = 3\n", "task.toml");
  EXPECT_EQ(std::string(bad.status().message()), "task.toml:1: id must be a string, is integer");
}

// What is left when the corrupted take their inputs away must not be one input, whoever asks.
TEST(TaskRulesTest, ADefaultTaskHidesTwoInputsForEveryNumberOfClients) {
  for (uint32_t clients = 3; clients <= 1000; ++clients) {
    v1::Task task;
    SetDefaultPolicies(task);
    task.set_task_id("a");
    task.mutable_vector()->set_dimension(1);
    task.mutable_vector()->set_clip(1);
    task.mutable_vector()->set_quantisation_bits(8);
    task.mutable_vector()->set_max_weight(1);
    task.set_tier(v1::TIER_MALICIOUS);
    task.set_graph(v1::GRAPH_RULE_COMPLETE);
    task.set_corruption_rate(kDefaultCorruptionRate);
    task.set_dropout_rate(kDefaultDropoutRate);
    task.set_max_clients(clients);
    task.set_min_survivors(DefaultMinSurvivors(clients, kDefaultCorruptionRate));
    task.set_audience(v1::AUDIENCE_BOTH);
    const absl::StatusOr<v1::Task> checked = CheckTask(task);
    ASSERT_TRUE(checked.ok()) << clients << " " << checked.status();
  }
}

}  // namespace
}  // namespace veilsum::aggregator
