// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A real aggregator is killed at every failpoint, every time that a session passes it, so in every
// phase; then it starts again, and the session goes on. In the end everything is judged.
//
// One argument: the aggregator with failpoints. --all: not just the first pass of each point and
// two in between.

#include "tests/reliability/failpoints.h"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "aggregator/store/failpoint.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/reliability/world.h"

namespace veilsum::reliability {
namespace {

std::string aggregator_binary;
bool all_passes = false;

// How often each point is passed from the start of the process until two sessions have ended.
std::map<std::string, int> CountPasses(World& world) {
  const std::string notes = world.installation.folder() + "/passes";
  EXPECT_TRUE(world.Start({absl::StrCat(kNotePasses, "=", notes)}).ok());
  const absl::Status ended = world.WaitForSessions(2);
  EXPECT_TRUE(ended.ok()) << ended;
  world.process.Kill();
  std::map<std::string, int> passes;
  std::ifstream file(notes);
  for (std::string name; std::getline(file, name);) ++passes[name];
  return passes;
}

void DieAt(World& world, const std::string& point, int pass) {
  const std::string what = absl::StrCat(point, ", pass ", pass);
  // It may die before it is ready.
  const absl::Status ready =
      world.Start({absl::StrCat(kDieAt, "=", point), absl::StrCat(kDieAtPass, "=", pass)});
  ASSERT_TRUE(ready.ok() || ready.code() == absl::StatusCode::kAborted) << what << ready;
  const auto ending = world.process.WaitForEnd(absl::Minutes(1));
  ASSERT_TRUE(ending.ok()) << what << " was not reached";
  ASSERT_EQ(ending->signal, SIGKILL) << what << ": exit code " << ending->exit_code;
  world.history.Killed();
}

std::set<int> Chosen(int passes) {
  std::set<int> chosen = {1, std::max(1, passes / 3), std::max(1, 2 * passes / 3)};
  for (int pass = 1; all_passes && pass <= passes; ++pass) chosen.insert(pass);
  return chosen;
}

TEST(FailpointsTest, KilledAtEachOneInEveryPhase) {
  InstallationOptions small;
  small.least = absl::ZeroDuration();
  small.data_directory = "data";
  World world(aggregator_binary, "failpoints", small);
  world.population.Start();
  const std::map<std::string, int> passes = CountPasses(world);
  for (const char* const point : aggregator::kFailpoints) {
    EXPECT_EQ(passes.count(point), 1u) << point << " is passed by no session";
  }
  int kills = 0;
  for (const auto& [point, count] : passes) {
    for (const int pass : Chosen(count)) {
      DieAt(world, point, pass);
      if (HasFatalFailure()) return;
      ++kills;
    }
  }
  ASSERT_TRUE(world.Start().ok());
  const absl::Status again = world.WaitForSessions(world.auditor.sessions().size() + 1);
  EXPECT_TRUE(again.ok()) << again;
  // The one after may be left with too few clients, as they stop.
  for (const auto& [id, view] : world.auditor.sessions()) {
    EXPECT_EQ(view.session.state(), v1::SESSION_STATE_COMPLETED)
        << Hex(id) << ": " << v1::Reason_Name(view.session.abort_reason()) << " "
        << view.session.abort_detail();
  }
  world.Finish();
  EXPECT_THAT(world.Judged(), testing::IsEmpty());
  std::printf("%d kills at %zu points, %zu sessions, %d of them over a kill, %d aggregations\n",
              kills, passes.size(), world.auditor.sessions().size(), world.history.outlived_kills(),
              world.population.successes());
}

}  // namespace
}  // namespace veilsum::reliability

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 2) return 2;
  veilsum::reliability::aggregator_binary = argv[1];
  veilsum::reliability::all_passes = argc > 2 && std::string(argv[2]) == "--all";
  return RUN_ALL_TESTS();
}
