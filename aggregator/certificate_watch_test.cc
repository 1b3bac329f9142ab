// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From files on a disk to the server and the metrics.

#include "aggregator/certificate_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "aggregator/files.h"
#include "aggregator/server_options.h"
#include "crypto/certificates/certificate_authority.h"

namespace veilsum::aggregator {
namespace {

class ExpiryRecorder : public metrics::Recorder {
 public:
  void CertificateExpiry(metrics::Certificate which, double unix_seconds) override {
    if (which == metrics::Certificate::kServer) expiries.push_back(unix_seconds);
  }
  void Ready(metrics::Check check, bool ready) override {
    if (check == metrics::Check::kCertificate) valid = ready;
  }
  std::vector<double> expiries;
  bool valid = false;
};

// A server on certificates in a folder, which is not the test's but the operator's to change.
class CertificateWatchTest : public testing::Test {
 protected:
  CertificateWatchTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    Write(absl::Hours(1));
    config_.server.address = "127.0.0.1:0";
    config_.server.certificate = folder_ + "/server.pem";
    config_.server.private_key = folder_ + "/server.key";
    config_.identities.open = true;
  }

  void SetUp() override {
    const absl::StatusOr<LoadedOptions> loaded = LoadServerOptions(config_);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    auto server = AggregatorServer::Start(loaded->server);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    watch_.emplace(config_, TlsOf(loaded->server), *server_, recorder_, [this] { return now_; });
  }

  // A certificate, from before the start until `valid` after it.
  void Write(absl::Duration valid) {
    const auto made = authority_.IssueServer("aggregator", {{"localhost"}, {}},
                                             {start_ - absl::Hours(1), start_ + valid});
    const absl::string_view key = crypto::AsStringView(crypto::ExposeSecret(made->private_key_pem));
    ASSERT_TRUE(WriteFile(folder_ + "/server.pem", made->certificate_pem).ok());
    ASSERT_TRUE(WriteFile(folder_ + "/server.key", key).ok());
  }

  double UnixTime(absl::Duration after_start) const {
    return static_cast<double>(absl::ToUnixSeconds(start_ + after_start));
  }

  const std::string folder_ = testing::TempDir() + "/certificate_watch";
  const absl::Time start_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const crypto::CertificateAuthority authority_ = *crypto::CertificateAuthority::Create(
      "authority", {start_ - absl::Hours(1), start_ + absl::Hours(100)});
  absl::Time now_ = start_;
  Config config_;
  ExpiryRecorder recorder_;
  std::unique_ptr<AggregatorServer> server_;
  std::optional<CertificateWatch> watch_;
};

TEST_F(CertificateWatchTest, TheMetricFollowsTheFiles) {
  watch_->Look();
  Write(absl::Hours(2));
  watch_->Look();
  watch_->Look();
  EXPECT_EQ(recorder_.expiries,
            (std::vector<double>{UnixTime(absl::Hours(1)), UnixTime(absl::Hours(2))}));
}

TEST_F(CertificateWatchTest, IsNotReadyFromTheEndOfItsCertificateUntilItHasAnother) {
  watch_->Look();
  EXPECT_TRUE(recorder_.valid);
  now_ = start_ + absl::Minutes(61);
  watch_->Look();
  EXPECT_FALSE(recorder_.valid);
  Write(absl::Hours(2));
  watch_->Look();
  EXPECT_TRUE(recorder_.valid);
}

TEST_F(CertificateWatchTest, AClockThatJumpsAndComesBackIsForgiven) {
  now_ = start_ + absl::Hours(24 * 365);
  watch_->Look();
  EXPECT_FALSE(recorder_.valid);
  now_ = start_;
  watch_->Look();
  EXPECT_TRUE(recorder_.valid);
}

}  // namespace
}  // namespace veilsum::aggregator
