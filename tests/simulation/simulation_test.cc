// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A few thousand worlds on every run, those that failed once, and worlds with a fault built in,
// which must be found.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "tests/simulation/memo.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/shrink.h"
#include "tests/simulation/world.h"

namespace veilsum::simulation {
namespace {

constexpr uint32_t kMostClientsOfWorlds = 8;

TEST(PlanTest, IsTheSameAfterText) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Plan plan = MakePlan(seed, kMostClientsOfWorlds);
    const auto again = ParsePlan(ToText(plan));
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << ToText(plan);
    EXPECT_EQ(*again, plan) << ToText(plan);
  }
}

TEST(PlanTest, RefusesWhatIsNoPlan) {
  for (const char* text :
       {"clients", "clients=x", "fish=3", "clients=3 | fish@3", "clients=3 | kill", "clients=1",
        "clients=3 | kill@3 c=1", "clients=3 | vanish@3 client=3", "clients=3 seats=2"}) {
    EXPECT_FALSE(ParsePlan(text).ok()) << text;
  }
}

TEST(WorldTest, IsTheSameEachTime) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Plan plan = MakePlan(seed, kMostClientsOfWorlds);
    const Verdict once = PlayWorld(plan, {});
    const Verdict again = PlayWorld(plan, {});
    EXPECT_EQ(once.steps, again.steps);
    EXPECT_EQ(once.reason, again.reason);
  }
}

TEST(WorldTest, IsTheSameWithoutMemo) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Plan plan = MakePlan(seed, kMostClientsOfWorlds);
    SetMemo(false);
    const Verdict without = PlayWorld(plan, {});
    SetMemo(true);
    const Verdict with = PlayWorld(plan, {});
    EXPECT_EQ(with.steps, without.steps);
    EXPECT_EQ(with.reason, without.reason);
  }
  EXPECT_GT(MemoSize(), 0u);
}

TEST(WorldTest, CompletesUndisturbed) {
  for (const char* text :
       {"clients=3 seats=3 min_survivors=2", "clients=3 seats=3 malicious=1 min_survivors=3",
        "clients=6 seats=7 harary=1 min_survivors=2 dimension=8",
        "clients=8 seats=8 malicious=1 min_survivors=3 dimension=32 for_operator_only=1"}) {
    WorldOptions options;
    options.check_privacy = true;
    const Verdict verdict = PlayWorld(ParsePlan(text).value(), options);
    EXPECT_TRUE(verdict.ok()) << verdict.violations[0];
    EXPECT_EQ(verdict.reason, v1::REASON_UNSPECIFIED) << text;
    EXPECT_EQ(verdict.comparisons, 1u);
  }
}

TEST(WorldTest, HoldsUnderDisturbances) {
  uint64_t completed = 0;
  uint64_t kills = 0;
  uint64_t comparisons = 0;
  for (uint64_t seed = 1; seed <= 3'000; ++seed) {
    WorldOptions options;
    options.check_privacy = seed % 16 == 0;
    const Plan plan = MakePlan(seed, kMostClientsOfWorlds);
    const Verdict verdict = PlayWorld(plan, options);
    ASSERT_TRUE(verdict.ok()) << verdict.violations[0] << "\n" << ToText(plan);
    if (verdict.reason == v1::REASON_UNSPECIFIED) ++completed;
    kills += verdict.kills;
    comparisons += verdict.comparisons;
  }
  // Or it would not say much.
  EXPECT_GT(completed, 1'500u);
  EXPECT_GT(kills, 1'000u);
  EXPECT_GT(comparisons, 1'000u);
}

TEST(RegressionTest, AllHold) {
  int replayed = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/simulation/regressions")) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line[0] == '#') continue;
      const auto plan = ParsePlan(line);
      ASSERT_TRUE(plan.ok()) << entry.path() << ": " << plan.status();
      WorldOptions options;
      options.check_privacy = true;
      const Verdict verdict = PlayWorld(*plan, options);
      EXPECT_TRUE(verdict.ok()) << entry.path() << ": " << verdict.violations[0];
      ++replayed;
    }
  }
  EXPECT_GT(replayed, 0);
}

// ---- Does it find what is wrong? ----

class SabotageTest : public testing::TestWithParam<Sabotage> {};

TEST_P(SabotageTest, IsFoundAndShrunk) {
  WorldOptions options;
  options.sabotage = GetParam();
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    const Plan plan = MakePlan(seed, 4);
    const Verdict verdict = PlayWorld(plan, options);
    if (verdict.ok()) continue;
    const Plan shrunk = Shrink(plan, FailsAlike(verdict, options));
    EXPECT_LE(shrunk.disturbances.size(), 5u) << ToText(shrunk);
    EXPECT_FALSE(PlayWorld(shrunk, options).ok()) << ToText(shrunk);
    EXPECT_TRUE(PlayWorld(shrunk, {}).ok()) << "not the sabotage: " << ToText(shrunk);
    return;
  }
  FAIL() << "nothing was found";
}

INSTANTIATE_TEST_SUITE_P(All, SabotageTest,
                         testing::Values(Sabotage::kEarlyAcknowledgement,
                                         Sabotage::kReleasedEffects, Sabotage::kForgottenIncluded,
                                         Sabotage::kLateCheckpoint, Sabotage::kSplitBatch));

}  // namespace
}  // namespace veilsum::simulation
