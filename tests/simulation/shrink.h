// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From a plan that fails to a small one that fails.
#ifndef VEILSUM_TESTS_SIMULATION_SHRINK_H_
#define VEILSUM_TESTS_SIMULATION_SHRINK_H_

#include <functional>

#include "tests/simulation/plan.h"
#include "tests/simulation/world.h"

namespace veilsum::simulation {

// Leaves out disturbances, in chunks and then one by one, and makes what is left plainer, as long
// as `fails` says that the plan still does.
Plan Shrink(Plan plan, const std::function<bool(const Plan&)>& fails);

// Whether a plan fails in about the same way as `verdict` says: with the same first words.
std::function<bool(const Plan&)> FailsAlike(const Verdict& verdict, WorldOptions options);

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_SHRINK_H_
