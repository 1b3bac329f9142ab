// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Every scenario in memory, each under several schedules.

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/scenarios/checker.h"
#include "tests/scenarios/in_memory_driver.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {
namespace {

constexpr uint64_t kSchedules = 6;

class InMemory : public ::testing::TestWithParam<Scenario> {};

TEST_P(InMemory, KeepsItsPromises) {
  for (uint64_t seed = 1; seed <= kSchedules; ++seed) {
    SCOPED_TRACE(absl::StrCat("schedule seed ", seed));
    InMemoryOptions options;
    options.schedule_seed = seed;
    if (GetParam().dimension() > 10'000) options.chunk_bytes = 64 << 10;
    Check(GetParam(), PlayInMemory(GetParam(), options));
    if (HasFatalFailure()) return;
  }
}

std::string ParamName(const ::testing::TestParamInfo<Scenario>& info) { return NameOf(info.param); }

INSTANTIATE_TEST_SUITE_P(Named, InMemory, ::testing::ValuesIn(NamedScenarios()), ParamName);
INSTANTIATE_TEST_SUITE_P(Dropouts, InMemory, ::testing::ValuesIn(DropoutMatrix()), ParamName);
INSTANTIATE_TEST_SUITE_P(Malicious, InMemory, ::testing::ValuesIn(MaliciousScenarios()), ParamName);
INSTANTIATE_TEST_SUITE_P(Liars, InMemory, ::testing::ValuesIn(MisbehaviourScenarios()), ParamName);

// Scenario 7: three answers of four suffice, and whoever comes with the fourth is told success,
// though the operator may have been told that it was missed.
TEST(InMemoryTest, TheFourthAnswerIsToldSuccess) {
  const Scenario scenario =
      Scenario("FourthAnswer").Clients(4).Threshold(3).Client(3).IsDropped(v1::REASON_NO_ANSWER);
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("schedule seed ", seed));
    InMemoryOptions options;
    options.schedule_seed = seed;
    options.slow_client = 3;
    options.chaos.target_fraction = 0.75;
    Check(scenario, PlayInMemory(scenario, options));
  }
}

}  // namespace
}  // namespace veilsum::scenarios
