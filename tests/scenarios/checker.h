// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Judges outcomes: the invariants that hold for every session, and what one scenario promises.
// Every function reports with gtest's failures.
//
//   I1 the sum is exactly that of the published set's inputs   I2 nobody counts twice
//   I4 one survivor set per session                            I5 nobody gives both shares of a
//   peer I6 the same result bytes for everybody                     I7 no effect after a refusal I9
//   every session ends
#ifndef VEILSUM_TESTS_SCENARIOS_CHECKER_H_
#define VEILSUM_TESTS_SCENARIOS_CHECKER_H_

#include "tests/scenarios/outcome.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {

void CheckInvariants(const Scenario& scenario, const Outcome& outcome);

// The invariants, and whatever the scenario expects.
void Check(const Scenario& scenario, const Outcome& outcome);

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_CHECKER_H_
