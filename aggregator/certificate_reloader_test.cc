// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/certificate_reloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace veilsum::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CertificateReloaderTest : public ::testing::Test {
 protected:
  static ServerTls Tls(const std::string& certificate, const std::string& key) {
    return {TlsOptions{certificate, key, "", false}, std::nullopt};
  }
  CertificateReloader::Steps Steps() {
    return {
        [this] { return files_; },
        [this](const ServerTls& tls) {
          const TlsOptions& options = *tls.participants;
          if (options.certificate_chain != options.private_key) {
            return absl::FailedPreconditionError("no pair");
          }
          served_.push_back(options.certificate_chain);
          return absl::OkStatus();
        },
        [this](const ServerTls& tls) { reported_.push_back(tls.participants->certificate_chain); },
        [this](const absl::Status& why) { refused_.emplace_back(why.message()); }};
  }

  absl::StatusOr<ServerTls> files_ = Tls("old", "old");
  std::vector<std::string> served_;
  std::vector<std::string> reported_;
  std::vector<std::string> refused_;
  CertificateReloader reloader_{Tls("old", "old"), Steps()};
};

TEST_F(CertificateReloaderTest, WhatIsNewIsTakenOverOnce) {
  reloader_.Look();
  EXPECT_THAT(served_, IsEmpty());
  files_ = Tls("new", "new");
  reloader_.Look();
  reloader_.Look();
  EXPECT_THAT(served_, ElementsAre("new"));
  EXPECT_THAT(reported_, ElementsAre("new"));
  EXPECT_THAT(refused_, IsEmpty());
}

TEST_F(CertificateReloaderTest, ACertificateWaitsForItsKeyWithoutAWord) {
  files_ = Tls("new", "old");
  reloader_.Look();
  files_ = absl::InvalidArgumentError("half a file");
  reloader_.Look();
  files_ = Tls("new", "new");
  reloader_.Look();
  EXPECT_THAT(served_, ElementsAre("new"));
  EXPECT_THAT(refused_, IsEmpty());
}

TEST_F(CertificateReloaderTest, ATroubleThatLastsIsSaidOnceUntilItIsOver) {
  files_ = Tls("new", "old");
  for (int i = 0; i < 5; ++i) reloader_.Look();
  EXPECT_THAT(refused_, ElementsAre("no pair"));
  EXPECT_THAT(reported_, IsEmpty());
  files_ = Tls("old", "old");
  reloader_.Look();
  files_ = Tls("new", "old");
  for (int i = 0; i < 5; ++i) reloader_.Look();
  files_ = absl::InvalidArgumentError("gone");
  for (int i = 0; i < 5; ++i) reloader_.Look();
  EXPECT_THAT(refused_, ElementsAre("no pair", "no pair", "gone"));
  EXPECT_THAT(served_, IsEmpty());
}

}  // namespace
}  // namespace veilsum::aggregator
