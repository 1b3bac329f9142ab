// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One world, from a plan to a verdict. The same plan gives the same verdict, on any thread.
#ifndef VEILSUM_TESTS_SIMULATION_WORLD_H_
#define VEILSUM_TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/reason.pb.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/store.h"

namespace veilsum::simulation {

struct WorldOptions {
  Sabotage sabotage = Sabotage::kNone;
  // Let the privacy checker judge too, which takes longer than all the rest.
  bool check_privacy = false;
  // Write to stderr what happens.
  bool trace = false;
};

struct Verdict {
  std::vector<std::string> violations;         // Empty: all is well.
  v1::Reason reason = v1::REASON_UNSPECIFIED;  // Unspecified: the session completed.
  uint64_t steps = 0;
  uint64_t kills = 0;
  uint64_t comparisons = 0;  // Of Restore(log) with a living session.

  bool ok() const { return violations.empty(); }
};

Verdict PlayWorld(const Plan& plan, const WorldOptions& options);

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_WORLD_H_
