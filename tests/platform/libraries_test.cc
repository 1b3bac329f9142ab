// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0
//
// One use of each library: its headers compile without warnings and its target links all it needs.

#include <benchmark/benchmark.h>
#include <hwy/highway.h>
#include <hwy/targets.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <asio.hpp>
#include <atomic>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/base/internal/endian.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/numeric/bits.h"
#include "absl/numeric/int128.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "absl/types/variant.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<int> Positive(absl::optional<int> value) {
  if (!value.has_value()) return absl::NotFoundError("no value");
  if (*value <= 0) return absl::InvalidArgumentError(absl::StrFormat("%d is not positive", *value));
  return *value;
}

TEST(Libraries, AbseilStatusAndStrings) {
  EXPECT_EQ(Positive(7).value(), 7);
  EXPECT_EQ(Positive({}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Positive(-1).status().ToString(), "INVALID_ARGUMENT: -1 is not positive");
  EXPECT_EQ(absl::HexStringToBytes(absl::BytesToHexString("ab")), "ab");
  std::string decoded;
  EXPECT_TRUE(absl::Base64Unescape(absl::Base64Escape("ab"), &decoded));
  EXPECT_EQ(absl::StrJoin({1, 2}, ","), "1,2");
  EXPECT_THAT(absl::StrSplit("1,2", ','), ElementsAre("1", "2"));
  uint64_t number = 0;
  EXPECT_TRUE(absl::SimpleAtoi("12", &number));
  EXPECT_EQ(absl::Cord("ab").size(), 2u);
}

TEST(Libraries, AbseilContainersNumbersTime) {
  absl::flat_hash_map<std::string, int> map = {{"a", 1}};
  absl::flat_hash_set<uint64_t> set = {1, 2, 2};
  EXPECT_EQ(map.at("a") + static_cast<int>(set.size()), 3);
  EXPECT_EQ(absl::HashOf(1), absl::HashOf(1));
  EXPECT_EQ(absl::popcount(7u), 3);
  EXPECT_EQ(absl::Uint128High64(absl::uint128(1) << 64), 1u);
  EXPECT_EQ(absl::big_endian::FromHost16(1), 256);
  EXPECT_EQ(absl::FormatTime(absl::UnixEpoch() + absl::Hours(1), absl::UTCTimeZone()),
            "1970-01-01T01:00:00+00:00");
  EXPECT_GT(absl::Now(), absl::UnixEpoch());
  absl::BitGen random;
  EXPECT_LT(absl::Uniform(random, 0, 10), 10);
  absl::variant<int, std::string> variant = "a";
  EXPECT_EQ(absl::get<std::string>(variant), "a");
  const int values[] = {1, 2, 3};
  EXPECT_EQ(absl::MakeConstSpan(values).subspan(1).size(), 2u);
}

TEST(Libraries, AsioRunsWorkInOrderOnStrand) {
  asio::thread_pool pool(2);
  auto strand = asio::make_strand(pool);
  int sum = 0;
  for (int i = 1; i <= 100; ++i) asio::post(strand, [&sum, i] { sum = sum * 31 % 1009 + i; });
  std::atomic<bool> expired = false;
  asio::steady_timer timer(strand, std::chrono::milliseconds(0));
  timer.async_wait([&expired](const asio::error_code& error) { expired = !error; });
  pool.join();
  EXPECT_NE(sum, 0);
  EXPECT_TRUE(expired);
}

TEST(Libraries, ConfigurationCommandLineJson) {
  const toml::parse_result good = toml::parse("[server]\nport = 1");
  ASSERT_TRUE(good);
  EXPECT_EQ(good.table()["server"]["port"].value<int>(), 1);
  EXPECT_FALSE(toml::parse("[server"));
  CLI::App app;
  int port = 0;
  app.add_option("--port", port);
  app.parse("--port 5");
  EXPECT_EQ(port, 5);
  EXPECT_EQ(nlohmann::json::parse(R"({"a": [1, 2]})")["a"].size(), 2u);
  EXPECT_TRUE(nlohmann::json::parse("{", nullptr, /*allow_exceptions=*/false).is_discarded());
}

TEST(Libraries, PrometheusServesOnFreePort) {
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter().Name("a_total").Register(*registry).Add({}).Increment();
  EXPECT_THAT(registry->Collect(), testing::SizeIs(1));
  prometheus::Exposer exposer("127.0.0.1:0");
  exposer.RegisterCollectable(registry);
  EXPECT_THAT(exposer.GetListeningPorts(), testing::SizeIs(1));
}

TEST(Libraries, SpdlogSqliteHighwayBenchmark) {
  spdlog::info("one {}", 1);
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open(":memory:", &database), SQLITE_OK);
  sqlite3_close(database);
  EXPECT_NE(hwy::SupportedTargets(), 0);
  int value = 1;
  benchmark::DoNotOptimize(value);
  EXPECT_THAT(benchmark::GetBenchmarkFilter(), testing::_);
}

TEST(Libraries, DataSetsAreThere) {
  std::ifstream cancer("external/sklearn_data/breast_cancer.csv");
  std::string header;
  ASSERT_TRUE(std::getline(cancer, header));
  EXPECT_THAT(header, HasSubstr("569,30"));
  std::ifstream digits("external/sklearn_data/digits.csv.gz", std::ios::binary);
  EXPECT_EQ(digits.get(), 0x1f);
}

}  // namespace
}  // namespace veilsum
