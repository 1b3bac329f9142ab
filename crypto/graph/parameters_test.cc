// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/graph/parameters.h"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::HasSubstr;

GraphRequest Sparse(Tier tier, uint32_t clients, double corrupt, double dropout) {
  return {tier, GraphRule::kHarary, clients, corrupt, dropout};
}

GraphRequest Complete(uint32_t clients, double corrupt, double dropout) {
  return {Tier::kMalicious, GraphRule::kComplete, clients, corrupt, dropout};
}

std::string Answer(const GraphRequest& request) {
  const auto parameters = PlanGraph(request);
  if (!parameters.ok()) return "infeasible,";
  return absl::StrCat(parameters->degree, ",", parameters->threshold);
}

TEST(FloorOfRateTest, CountsDecimalRatesAsPeopleDo) {
  EXPECT_EQ(FloorOfRate(0, 100), 0u);
  EXPECT_EQ(FloorOfRate(0.29, 100), 29u);  // 0.29 · 100 is a little less in binary.
  EXPECT_EQ(FloorOfRate(0.299, 100), 29u);
  EXPECT_EQ(FloorOfRate(0.999999999, 1'000'000'000), 999'999'999u);
}

TEST(PlanGraphTest, ReproducesTheGoldenTable) {
  std::ifstream table("tests/vectors/v1/graph_parameters.csv");
  std::string line;
  ASSERT_TRUE(std::getline(table, line));
  ASSERT_EQ(line, "tier,n,gamma,delta,k,t");
  int rows = 0;
  for (; std::getline(table, line); ++rows) {
    const std::vector<std::string> field = absl::StrSplit(line, ',');
    ASSERT_EQ(field.size(), 6u) << line;
    GraphRequest request;
    request.rule = GraphRule::kHarary;
    request.tier = field[0] == "semi_honest" ? Tier::kSemiHonest : Tier::kSemiMalicious;
    ASSERT_TRUE(absl::SimpleAtoi(field[1], &request.clients));
    ASSERT_TRUE(absl::SimpleAtod(field[2], &request.corrupt));
    ASSERT_TRUE(absl::SimpleAtod(field[3], &request.dropout));
    EXPECT_EQ(Answer(request), absl::StrCat(field[4], ",", field[5])) << line;
  }
  EXPECT_EQ(rows, 128);
}

// Computed with exact rational arithmetic and a scan over every k.
TEST(PlanGraphTest, AgreesWithExactArithmetic) {
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 393, 0.55, 0.38)), "366,217");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 18, 0.11, 0.12)), "6,4");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 28, 0.36, 0.19)), "22,17");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 35, 0.22, 0.14)), "16,12");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 450, 0.08, 0.42)), "infeasible,");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 248, 0.30, 0.43)), "166,74");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 31, 0.16, 0.38)), "infeasible,");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 30, 0.33, 0.34)), "infeasible,");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 461, 0.18, 0.17)), "164,113");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 402, 0.01, 0.29)), "132,69");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 86, 0.40, 0.09)), "50,43");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 51, 0.47, 0.15)), "32,24");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 23, 0.30, 0.07)), "10,9");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 429, 0.24, 0.40)), "infeasible,");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 5, 0.35, 0.08)), "2,2");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 34, 0.15, 0.32)), "26,16");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 42, 0.39, 0.06)), "22,20");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 262, 0.45, 0.13)), "110,81");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 454, 0.35, 0.06)), "74,57");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 55, 0.41, 0.24)), "50,37");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 356, 0.56, 0.33)), "316,199");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 9, 0.06, 0.00)), "2,2");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiMalicious, 18, 0.56, 0.01)), "12,12");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 166, 0.09, 0.40)), "52,15");
}

TEST(PlanGraphTest, HararyThresholdIsAtLeastTwo) {
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 10, 0, 0)), "2,2");
}

TEST(PlanGraphTest, CompleteGraphTakesAMajorityOfTheHonest) {
  EXPECT_EQ(Answer(Complete(10, 0, 0.2)), "9,6");
  EXPECT_EQ(Answer(Complete(11, 0, 0.2)), "10,6");
  EXPECT_EQ(Answer(Complete(10, 0.01, 0.2)), "9,6");  // A = 1 although floor(γn) = 0
  EXPECT_EQ(Answer(Complete(11, 0.01, 0.2)), "10,7");
  EXPECT_EQ(Answer(Complete(100, 0.1, 0.3)), "99,56");
  EXPECT_EQ(Answer(Complete(100, 0.29, 0.3)), "99,65");  // 0.29 · 100 is below 29 in binary
  EXPECT_EQ(Answer(Complete(2, 0, 0)), "1,2");
  EXPECT_EQ(Answer({Tier::kSemiHonest, GraphRule::kComplete, 100, 0.1, 0.3}), "99,56");
}

// Two sets of t clients, one told that u survived, the other that it dropped out, would share an
// honest client: it opens one secret only.
TEST(PlanGraphTest, CompleteThresholdStopsTwoAnswers) {
  for (uint32_t n = 2; n < 200; ++n) {
    for (double corrupt : {0.0, 0.001, 0.1, 0.33, 0.5, 0.8}) {
      const auto parameters = PlanGraph(Complete(n, corrupt, 0));
      if (!parameters.ok()) continue;
      const auto corrupted = static_cast<uint32_t>(std::floor(corrupt * n));
      EXPECT_GT(2 * parameters->threshold, n + corrupted) << n << " " << corrupt;
      EXPECT_LE(parameters->threshold, n);
    }
  }
}

TEST(PlanGraphTest, RefusesDropoutsThatTheCompleteGraphCannotTolerate) {
  EXPECT_EQ(Answer(Complete(10, 0.1, 0.4)), "9,6");
  EXPECT_EQ(PlanGraph(Complete(5, 0.1, 0.4)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const auto too_many = PlanGraph({Tier::kSemiHonest, GraphRule::kComplete, 100, 0.2, 0.41});
  EXPECT_EQ(too_many.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(too_many.status().message()), HasSubstr("at most 39 may drop out"));
}

TEST(PlanGraphTest, RefusesRatesThatAreNoFractions) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (double rate : {-0.1, 1.0, 1.5, 0.9999999999, nan, infinity, -infinity}) {
    for (GraphRule rule : {GraphRule::kComplete, GraphRule::kHarary}) {
      EXPECT_EQ(PlanGraph({Tier::kSemiHonest, rule, 100, rate, 0}).status().code(),
                absl::StatusCode::kInvalidArgument)
          << rate;
      EXPECT_EQ(PlanGraph({Tier::kSemiHonest, rule, 100, 0, rate}).status().code(),
                absl::StatusCode::kInvalidArgument)
          << rate;
    }
  }
}

TEST(PlanGraphTest, RefusesTooFewAndTooManyClients) {
  EXPECT_EQ(PlanGraph(Complete(0, 0, 0)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PlanGraph(Complete(1, 0, 0)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PlanGraph(Sparse(Tier::kSemiHonest, kMaxHararyClients + 1, 0, 0)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(PlanGraph(Complete(0xffffffffu, 0.1, 0.1)).ok());
}

TEST(PlanGraphTest, RefusesUpperTiersAboveTheirRates) {
  EXPECT_TRUE(PlanGraph(Complete(100, 0.1, 0.4)).ok());
  const absl::Status refused = PlanGraph(Complete(100, 0.1, 0.401)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("above 0.9"));
  EXPECT_EQ(PlanGraph(Sparse(Tier::kSemiMalicious, 1000, 0.33, 0.33)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(PlanGraph(Sparse(Tier::kSemiHonest, 1000, 0.33, 0.33)).ok());
}

TEST(PlanGraphTest, RefusesSparseGraphsWhereNoneWillDo) {
  const absl::Status refused = PlanGraph(Sparse(Tier::kSemiHonest, 35, 0.6, 0.39)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("use the complete graph"));
  // k = 2 would do, but that is everybody: not sparse.
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 2, 0, 0)), "infeasible,");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 3, 0, 0)), "infeasible,");
  EXPECT_EQ(Answer(Sparse(Tier::kSemiHonest, 4, 0, 0)), "2,2");
  EXPECT_EQ(PlanGraph(Sparse(Tier::kSemiHonest, 100, 0.5, 0.5)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(PlanGraph(Sparse(Tier::kMalicious, 1000, 0.1, 0.1)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(DescribePlanTest, CompleteGraphNeverFailsWithinItsLimits) {
  const GraphRequest request = Complete(100, 0.1, 0.3);
  const PlanReport report = DescribePlan(request, *PlanGraph(request), 70);
  EXPECT_EQ(report.least_honest_inputs, 60u);
  EXPECT_EQ(report.dropouts_tolerated, 44u);
  EXPECT_TRUE(std::isinf(report.log2_connectivity_failure));
  EXPECT_TRUE(std::isinf(report.log2_privacy_failure));
  EXPECT_TRUE(std::isinf(report.log2_correctness_failure));
  EXPECT_EQ(DescribePlan(request, *PlanGraph(request), 5).least_honest_inputs, 0u);
}

TEST(DescribePlanTest, HararyGraphKeepsItsBounds) {
  for (Tier tier : {Tier::kSemiHonest, Tier::kSemiMalicious}) {
    for (uint32_t n : {100u, 1000u, 100000u}) {
      const GraphRequest request = Sparse(tier, n, 0.1, 0.1);
      const auto parameters = PlanGraph(request);
      ASSERT_TRUE(parameters.ok());
      const PlanReport report = DescribePlan(request, *parameters, n / 2);
      EXPECT_LE(report.log2_connectivity_failure, -41);
      EXPECT_LE(report.log2_privacy_failure, -41);
      EXPECT_LE(report.log2_correctness_failure, -20);
      EXPECT_EQ(report.least_honest_inputs, n / 2 - n / 10);
      EXPECT_EQ(report.dropouts_tolerated, n / 10);
      GraphParameters lower = *parameters;  // is not private any more
      --lower.threshold;
      EXPECT_GT(DescribePlan(request, lower, n).log2_privacy_failure, -41);
    }
  }
}

TEST(DescribePlanTest, SurvivesParametersOfAnotherRequest) {
  for (uint32_t degree : {0u, 1u, 99u, 100u, 0xffffffffu}) {
    for (uint32_t threshold : {0u, 1u, 100u, 0xffffffffu}) {
      for (GraphRule rule : {GraphRule::kComplete, GraphRule::kHarary}) {
        const PlanReport report =
            DescribePlan({Tier::kSemiMalicious, rule, 100, 0.1, 0.1}, {degree, threshold}, 50);
        EXPECT_LE(report.log2_privacy_failure, 0);
      }
    }
  }
}

}  // namespace
}  // namespace veilsum::crypto
