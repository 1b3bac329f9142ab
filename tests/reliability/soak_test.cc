// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The soak, short; and that its judge sees what an aggregator loses that stores nothing.

#include "tests/reliability/soak.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::reliability {
namespace {

std::string aggregator;
PrivateLoopback* loopback = nullptr;

SoakOptions Short() {
  SoakOptions options;
  options.aggregator = aggregator;
  options.loopback = loopback;
  options.clients = 8;
  options.kills = 6;
  options.dimension = 20'000;
  options.longest_peace = absl::Seconds(3);
  return options;
}

TEST(SoakTest, NothingIsLostOrCountedTwice) {
  const SoakReport report = RunSoak(Short());
  EXPECT_THAT(report.violations, testing::IsEmpty()) << report.Text();
  EXPECT_GT(report.completed, 0) << report.Text();
  EXPECT_EQ(report.kills, Short().kills);
  EXPECT_GT(report.durable_receipts, 0) << report.Text();
  EXPECT_GT(report.sums_read_again, 0u) << report.Text();
}

TEST(SoakTest, AggregatorThatStoresNothingIsFoundOut) {
  SoakOptions options = Short();
  options.durable = false;
  const SoakReport report = RunSoak(options);
  EXPECT_THAT(report.violations, testing::Contains(testing::HasSubstr("does not know it")));
  EXPECT_EQ(report.durable_receipts, 0);
}

}  // namespace
}  // namespace veilsum::reliability

int main(int argc, char** argv) {
  const auto loopback = veilsum::reliability::PrivateLoopback::Enter();
  veilsum::reliability::loopback = loopback.get();
  testing::InitGoogleTest(&argc, argv);
  if (argc < 2) return 2;
  veilsum::reliability::aggregator = argv[1];
  return RUN_ALL_TESTS();
}
