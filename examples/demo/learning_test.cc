// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <numeric>

#include "examples/demo/audit.h"
#include "examples/demo/classifier.h"
#include "examples/demo/dataset.h"
#include "examples/demo/files.h"
#include "examples/demo/kill_schedule.h"
#include "gtest/gtest.h"

namespace veilsum::demo {
namespace {

TEST(AuditTest, ReadsElementsBitByBit) {
  // 0b101, 0b010, 0b111 in three bits each, least significant bit first.
  EXPECT_EQ(ReadPacked(std::string("\xd5\x01", 2), 3, 3), (std::vector<uint64_t>{5, 2, 7}));
}

TEST(AuditTest, OneWrongBitIsSeen) {
  const std::vector<std::vector<uint64_t>> inputs = {{1, 2, 3}, {7, 7, 7}};
  EXPECT_TRUE(CheckSum(inputs, {0, 1, 2}, 3).ok());
  EXPECT_FALSE(CheckSum(inputs, {0, 1, 3}, 3).ok());
  EXPECT_FALSE(CheckSum(inputs, {0, 1}, 3).ok());
}

TEST(AuditTest, CorrelationTellsShapeFromNoise) {
  EXPECT_NEAR(Correlation({1, 2, 3}, {2, 4, 6}), 1, 1e-6);
  EXPECT_NEAR(Correlation({1, 2, 1, 2}, {1, 1, 2, 2}), 0, 1e-6);
}

TEST(DatasetTest, RealDataSplitsIntoUnevenPartsWithoutLoss) {
  absl::StatusOr<std::string> csv = ReadFile("external/sklearn_data/breast_cancer.csv");
  ASSERT_TRUE(csv.ok()) << csv.status();
  absl::StatusOr<Dataset> data = ParseBreastCancer(*csv);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->rows(), 569u);
  const Split split = SplitAmong(*data, 10, 6, 1);
  EXPECT_EQ(Pool(split.parts).rows() + split.test.rows(), 569u);
  EXPECT_GT(split.parts.back().rows(), 4 * split.parts.front().rows());

  absl::StatusOr<std::string> digits_csv = ReadFile("examples/demo/digits.csv");
  ASSERT_TRUE(digits_csv.ok()) << digits_csv.status();
  absl::StatusOr<Dataset> digits = ParseDigits(*digits_csv);
  ASSERT_TRUE(digits.ok()) << digits.status();
  EXPECT_EQ(digits->rows(), 1797u);
}

TEST(DatasetTest, BadRowsAreRefused) {
  EXPECT_FALSE(ParseDigits("1,2,3\n").ok());
  EXPECT_FALSE(ParseBreastCancer("569,30\nnot,numbers\n").ok());
}

TEST(ClassifierTest, LearnsRealData) {
  absl::StatusOr<std::string> csv = ReadFile("external/sklearn_data/breast_cancer.csv");
  ASSERT_TRUE(csv.ok()) << csv.status();
  const Split split = SplitAmong(*ParseBreastCancer(*csv), 10, 6, 1);
  for (const size_t hidden : {0, 8}) {
    const Shape shape{30, hidden, 2};
    std::vector<float> weights = InitialWeights(shape, 1);
    ASSERT_EQ(weights.size(), shape.weights());
    Train(shape, Pool(split.parts), {.epochs = 20, .rate = 0.1f, .batch = 16, .seed = 1}, weights);
    EXPECT_GT(Accuracy(shape, weights, split.test), 0.93) << hidden;
  }
}

TEST(KillScheduleTest, EveryProtocolRoundLosesSomebodyInTurnAndThenThreeAtOnce) {
  const std::vector<std::string> rounds = {"A", "B", "C", "D"};
  std::vector<size_t> present(10);
  std::iota(present.begin(), present.end(), 0);
  std::map<std::string, int> seen;
  for (int round = 1; round <= 5; ++round) {
    for (const auto& [participant, where] : KillsIn(round, present, rounds, 1)) seen[where] += 1;
  }
  EXPECT_EQ(seen, (std::map<std::string, int>{{"A", 1}, {"B", 2}, {"C", 2}, {"D", 2}}));
}

}  // namespace
}  // namespace veilsum::demo
