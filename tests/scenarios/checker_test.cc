// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A checker that finds nothing is worth nothing: good outcomes, bent in one place each.

#include "tests/scenarios/checker.h"

#include <functional>
#include <string>

#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "tests/scenarios/in_memory_driver.h"

namespace veilsum::scenarios {
namespace {

Scenario OneDropsOut() {
  return Scenario("OneDropsOut").Clients(4).Threshold(3).Client(2).Vanishes(Before(kMaskedInput));
}

// The failures of a check, as one text.
std::string FailuresOf(const std::function<void(Outcome&)>& bend) {
  static const Scenario* const scenario = new Scenario(OneDropsOut());
  Outcome outcome = PlayInMemory(*scenario);
  bend(outcome);
  ::testing::TestPartResultArray results;
  {
    ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    Check(*scenario, outcome);
  }
  std::string text;
  for (int i = 0; i < results.size(); ++i) text += results.GetTestPartResult(i).message();
  return text;
}

TEST(CheckerTest, HasNothingAgainstAGoodOutcome) {
  EXPECT_EQ(FailuresOf([](Outcome&) {}), "");
}

struct Bend {
  const char* found;  // In the failure.
  std::function<void(Outcome&)> bend;
};

TEST(CheckerTest, FindsWhatIsWrong) {
  const Bend bends[] = {
      {"I1", [](Outcome& outcome) { outcome.packed_sum[5] ^= 1; }},
      {"I1",
       [](Outcome& outcome) {
         outcome.included = {0, 1, 1};
       }},
      {"I2",
       [](Outcome& outcome) {
         outcome.included = {0, 1, 1};
       }},
      {"I4",
       [](Outcome& outcome) {
         outcome.clients[0].evidence.survivor_bitmaps.insert(std::string("\x0F"));
       }},
      {"I5",
       [](Outcome& outcome) {
         v1::Unmasking& body = outcome.clients[1].evidence.unmaskings[0];
         v1::RevealedShare other = body.shares(0);
         other.set_mask_key_share(std::string(other.self_mask_share()));
         *body.add_shares() = other;
       }},
      {"I6", [](Outcome& outcome) { outcome.clients[3].mean_digest[0] ^= 1; }},
      {"I7", [](Outcome& outcome) { outcome.violations.push_back("I7: whatever a driver saw"); }},
      {"I9", [](Outcome& outcome) { outcome.finished = false; }},
      {"I9", [](Outcome& outcome) { outcome.clients[1].ended = false; }},
      {"I10", [](Outcome& outcome) { outcome.clients[0].evidence.view->Uploaded("update", {1}); }},
      {"dropped client 2", [](Outcome& outcome) { outcome.dropped.clear(); }},
      {"dropped client 0", [](Outcome& outcome) { outcome.dropped[0] = v1::REASON_NO_ANSWER; }},
      {"was told", [](Outcome& outcome) { outcome.clients[0].status = absl::AbortedError(""); }},
      {"REASON_TOO_FEW_CLIENTS",
       [](Outcome& outcome) { outcome.abort_reason = v1::REASON_TOO_FEW_CLIENTS; }},
      {"threshold", [](Outcome& outcome) { outcome.threshold = 2; }},
      {"another's result", [](Outcome& outcome) { outcome.clients[2] = outcome.clients[0]; }},
  };
  for (const Bend& bend : bends) {
    const std::string failures = FailuresOf(bend.bend);
    EXPECT_NE(failures.find(bend.found), std::string::npos) << bend.found << ": " << failures;
  }
}

}  // namespace
}  // namespace veilsum::scenarios
