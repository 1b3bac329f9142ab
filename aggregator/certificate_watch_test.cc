// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From files on a disk to the server and the metrics.

#include "aggregator/certificate_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
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
  std::vector<double> expiries;
};

TEST(CertificateWatchTest, TheMetricFollowsTheFiles) {
  const std::string folder = testing::TempDir() + "/certificate_watch";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  const absl::Time start = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const auto authority = crypto::CertificateAuthority::Create(
      "authority", {start - absl::Hours(1), start + absl::Hours(100)});
  const auto write = [&](absl::Duration valid) {
    const auto made = authority->IssueServer("aggregator", {{"localhost"}, {}},
                                             {start - absl::Hours(1), start + valid});
    const absl::string_view key = crypto::AsStringView(crypto::ExposeSecret(made->private_key_pem));
    ASSERT_TRUE(WriteFile(folder + "/server.pem", made->certificate_pem).ok());
    ASSERT_TRUE(WriteFile(folder + "/server.key", key).ok());
  };
  write(absl::Hours(1));

  Config config;
  config.server.address = "127.0.0.1:0";
  config.server.certificate = folder + "/server.pem";
  config.server.private_key = folder + "/server.key";
  config.identities.open = true;
  const absl::StatusOr<LoadedOptions> loaded = LoadServerOptions(config);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const auto server = AggregatorServer::Start(loaded->server);
  ASSERT_TRUE(server.ok()) << server.status();

  ExpiryRecorder recorder;
  CertificateWatch watch(config, TlsOf(loaded->server), **server, recorder);
  watch.Look();
  write(absl::Hours(2));
  watch.Look();
  watch.Look();
  EXPECT_EQ(
      recorder.expiries,
      (std::vector<double>{static_cast<double>(absl::ToUnixSeconds(start + absl::Hours(1))),
                           static_cast<double>(absl::ToUnixSeconds(start + absl::Hours(2)))}));
}

}  // namespace
}  // namespace veilsum::aggregator
