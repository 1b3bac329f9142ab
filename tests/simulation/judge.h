// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Whether a world that is over ended as it must.
#ifndef VEILSUM_TESTS_SIMULATION_JUDGE_H_
#define VEILSUM_TESTS_SIMULATION_JUDGE_H_

#include <cstdint>
#include <vector>

#include "tests/simulation/network.h"
#include "tests/simulation/participant.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/store.h"
#include "tests/simulation/witness.h"

namespace veilsum::simulation {

struct Aftermath {
  const Plan& plan;
  Witness& witness;
  const Store& store;
  const Network& network;
  const std::vector<Participant>& participants;
  uint64_t disturbed_until;  // When the last disturbance was over.
  uint64_t kills;
};

// Violations go to the witness.
void JudgeEnd(const Aftermath& after);

// With the one client that the session allows for corrupted, and those that were bent, in league
// with whoever saw all messages.
void JudgePrivacy(const Plan& plan, Witness& witness, const Network& network,
                  const std::vector<Participant>& participants);

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_JUDGE_H_
