// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The admin port over HTTP, as a Prometheus server and promtool see it.

#include <sys/wait.h>

#include <asio.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "metrics/admin_server.h"
#include "metrics/prometheus_recorder.h"

namespace veilsum::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// One server for all tests, since civetweb takes its time to stop; what it answers is the present
// test's.
class ScrapeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = AdminServer::Start("127.0.0.1:0", {[] { return present_->recorder_.Scrape(); },
                                                      [] { return present_->recorder_.NotReady(); },
                                                      [] { return present_->status_; }});
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  static void TearDownTestSuite() { server_ = nullptr; }
  ScrapeTest() { present_ = this; }

  // The whole answer: status line, headers, body.
  std::string Request(const std::string& method, const std::string& path) {
    asio::ip::tcp::iostream stream("127.0.0.1", absl::StrCat(server_->port()));
    stream << method << " " << path << " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
           << std::flush;
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }
  std::string Get(const std::string& path) { return Request("GET", path); }
  std::string Body(const std::string& path) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(Get(path), absl::MaxSplits("\r\n\r\n", 1));
    return parts.second;
  }

  PrometheusRecorder recorder_{{"0.1.0", "1.51.1", "portable", "memory"}};
  std::string status_ = "3 sessions";
  static inline std::unique_ptr<AdminServer> server_;
  static inline ScrapeTest* present_ = nullptr;
};

// Metric families by name, with their types.
std::map<std::string, std::string> Families(const std::string& scrape) {
  std::map<std::string, std::string> types;
  for (absl::string_view line : absl::StrSplit(scrape, '\n')) {
    if (!absl::ConsumePrefix(&line, "# TYPE ")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    types[words[0]] = words[1];
  }
  return types;
}

// The rows "| `name` | type |" of the document's tables.
std::map<std::string, std::string> DocumentedFamilies() {
  std::ifstream document("docs/metrics.md");
  std::map<std::string, std::string> types;
  std::string line;
  while (std::getline(document, line)) {
    const std::vector<std::string> cells = absl::StrSplit(line, " | ");
    if (cells.size() < 4 || !absl::StartsWith(cells[0], "| `")) continue;
    types[cells[0].substr(3, cells[0].size() - 4)] = cells[1];
  }
  return types;
}

TEST_F(ScrapeTest, ServesExactlyTheDocumentedMetrics) {
  const std::map<std::string, std::string> documented = DocumentedFamilies();
  EXPECT_GE(documented.size(), 30u);
  EXPECT_EQ(Families(Body("/metrics")), documented);
}

TEST_F(ScrapeTest, PassesPromtool) {
  const std::string file = absl::StrCat(std::getenv("TEST_TMPDIR"), "/scrape.txt");
  std::ofstream(file) << Body("/metrics");
  const int status = std::system(absl::StrCat("promtool check metrics < ", file, " 2>&1").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 0) << "promtool (Debian package prometheus) finds fault, or is "
                                       "not in PATH; its words are above";
}

TEST_F(ScrapeTest, EveryLabelCombinationIsThereAtZero) {
  const std::set<std::string> lines = absl::StrSplit(Body("/metrics"), '\n');
  const std::vector<std::string> phases = {
      "advertise_keys", "share_keys", "masked_input_collection", "consistency_check", "unmasking"};
  for (const std::string& phase : phases) {
    EXPECT_EQ(lines.count(absl::StrCat("secagg_sessions_active{phase=\"", phase, "\"} 0")), 1u);
    EXPECT_EQ(lines.count(absl::StrCat("secagg_dropouts_total{phase=\"", phase,
                                       "\",reason=\"no_answer\"} 0")),
              1u);
    for (const char* result :
         {"accepted", "duplicate", "conflict", "late", "wrong_session", "not_member", "malformed",
          "oversized", "bad_signature", "rate_limited"}) {
      EXPECT_EQ(lines.count(absl::StrCat("secagg_messages_total{phase=\"", phase, "\",result=\"",
                                         result, "\"} 0")),
                1u)
          << phase << " " << result;
    }
  }
  for (const char* reason :
       {"too_few_clients", "below_threshold", "dealer_cheated", "infeasible_parameters",
        "aborted_by_operator", "internal", "shutdown", "storage_failed", "other"}) {
    EXPECT_EQ(lines.count(absl::StrCat("secagg_sessions_total{outcome=\"aborted\",reason=\"",
                                       reason, "\"} 0")),
              1u)
        << reason;
  }
  EXPECT_EQ(lines.count("secagg_sessions_total{outcome=\"completed\",reason=\"none\"} 0"), 1u);
}

TEST_F(ScrapeTest, HealthIsAnAnswer) { EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200")); }

TEST_F(ScrapeTest, ReadinessSaysWhyNot) {
  const std::string not_ready = Get("/readyz");
  EXPECT_THAT(not_ready, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(not_ready, HasSubstr("certificate"));
  for (Check check : {Check::kStore, Check::kDisk, Check::kCertificate, Check::kMemory}) {
    recorder_.Ready(check, true);
  }
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200"));
  recorder_.Draining(true);
  EXPECT_THAT(Body("/readyz"), HasSubstr("draining"));
}

TEST_F(ScrapeTest, ThePageIsEscaped) {
  status_ = "task <b> & more";
  const std::string page = Get("/");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(page, HasSubstr("text/html"));
  EXPECT_THAT(page, HasSubstr("task &lt;b&gt; &amp; more"));
}

TEST_F(ScrapeTest, ServesNothingElse) {
  for (const char* path : {"/metrics/", "/etc/passwd", "/../../etc/passwd", "/index.html"}) {
    EXPECT_THAT(Get(path), StartsWith("HTTP/1.1 404")) << path;
  }
  EXPECT_THAT(Request("POST", "/metrics"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(Request("HEAD", "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ScrapeTest, TheAddressIsFreeOnceItHasStopped) {
  const AdminHandlers handlers = {[] { return ""; }, [] { return std::vector<std::string>(); },
                                  [] { return ""; }};
  auto first = AdminServer::Start("127.0.0.1:0", handlers);
  ASSERT_TRUE(first.ok()) << first.status();
  const int port = (*first)->port();
  {
    asio::ip::tcp::iostream stream("127.0.0.1", absl::StrCat(port));
    stream << "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" << std::flush;
    const std::string answer(std::istreambuf_iterator<char>(stream), {});
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  }
  first->reset();
  const auto second = AdminServer::Start(absl::StrCat("127.0.0.1:", port), handlers);
  EXPECT_TRUE(second.ok()) << second.status();
}

TEST_F(ScrapeTest, SaysWhyItCannotListen) {
  const std::string address = absl::StrCat("127.0.0.1:", server_->port());
  const auto second = AdminServer::Start(
      address, {[] { return ""; }, [] { return std::vector<std::string>(); }, [] { return ""; }});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
}

}  // namespace
}  // namespace veilsum::metrics
