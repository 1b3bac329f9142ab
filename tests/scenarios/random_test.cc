// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Random cohorts under random faults, some with a liar among them: whatever happens, the invariants
// hold. A session may well abort here, it may never publish a wrong sum or keep anybody waiting.
//
// A failure names its seed; VEILSUM_FIRST_SEED and VEILSUM_SEEDS in the environment
// (--test_env) play that one again, or many more.

#include <cstdint>
#include <cstdlib>
#include <random>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/scenarios/checker.h"
#include "tests/scenarios/in_memory_driver.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  uint32_t Between(uint32_t low, uint32_t high) {
    return low + static_cast<uint32_t>(random_() % (high - low + 1));
  }
  bool OneIn(uint32_t count) { return Between(1, count) == 1; }
  double UpTo(double high) { return std::uniform_real_distribution<>(0, high)(random_); }

 private:
  std::mt19937_64 random_;
};

Scenario RandomScenario(uint64_t seed, Dice& dice) {
  Scenario scenario(absl::StrCat("Random", seed));
  scenario.Clients(dice.Between(3, 10));
  scenario.Seed(seed)
      .MinSurvivors(dice.Between(2, scenario.clients() == 3 ? 2 : 3))
      .Dimension(dice.Between(1, 60))
      .Bits(dice.Between(1, 24))
      .MaxWeight(dice.OneIn(3) ? 1'000'000 : 10);
  if (scenario.clients() >= 4 && dice.OneIn(2)) {
    scenario.Malicious();
    if (scenario.clients() >= 5 && dice.OneIn(3)) scenario.CorruptionRate(0.2);
    if (scenario.corruption_rate() * scenario.clients() >= 2) scenario.MinSurvivors(4);
  } else if (scenario.clients() >= 8 && dice.OneIn(2)) {
    scenario.Harary(0, 0.25);
  } else if (dice.OneIn(2)) {
    scenario.CorruptionRate(0.2);
  }
  for (uint32_t client = 0; client < scenario.clients(); ++client) {
    scenario.Client(client).Weighs(dice.Between(1, 10));
  }
  if (dice.OneIn(3)) {
    constexpr auto kLast = static_cast<uint32_t>(Misbehaviour::kStranger);
    scenario.Client(dice.Between(0, scenario.clients() - 1))
        .Lies(static_cast<Misbehaviour>(dice.Between(1, kLast)));
  }
  return scenario;
}

// Most faults are rare, so that most sessions come to a sum.
Chaos RandomChaos(Dice& dice) {
  Chaos chaos;
  chaos.duplicate = dice.OneIn(2) ? dice.UpTo(0.5) : 0;
  chaos.cut = dice.OneIn(2) ? dice.UpTo(0.1) : 0;
  chaos.vanish = dice.OneIn(2) ? dice.UpTo(0.01) : 0;
  chaos.give_up = dice.OneIn(4) ? dice.UpTo(0.01) : 0;
  chaos.evict = dice.OneIn(3) ? dice.UpTo(0.05) : 0;
  chaos.early_timer = dice.OneIn(4) ? dice.UpTo(0.02) : 0;
  chaos.target_fraction = dice.OneIn(2) ? 1 : 0.4 + dice.UpTo(0.6);
  return chaos;
}

TEST(RandomTest, TheInvariantsHoldWhateverHappens) {
  const uint64_t first = FromEnvironment("VEILSUM_FIRST_SEED", 1);
  const uint64_t count = FromEnvironment("VEILSUM_SEEDS", 1'500);
  uint64_t sums = 0, sums_without_somebody = 0, aborts = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Dice dice(seed);
    const Scenario scenario = RandomScenario(seed, dice);
    InMemoryOptions options;
    options.schedule_seed = seed;
    options.chaos = RandomChaos(dice);
    const Outcome outcome = PlayInMemory(scenario, options);
    CheckInvariants(scenario, outcome);
    if (HasFailure()) return;
    const bool summed = outcome.abort_reason == v1::REASON_UNSPECIFIED;
    ++(summed ? sums : aborts);
    if (summed && outcome.included.size() < scenario.clients()) ++sums_without_somebody;
  }
  // Not a test of anything if nearly all sessions go one way.
  if (count < 100) return;
  EXPECT_GT(sums, count / 4);
  EXPECT_GT(sums_without_somebody, count / 20);
  EXPECT_GT(aborts, count / 20);
}

}  // namespace
}  // namespace veilsum::scenarios
