// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The stories with many clients and long vectors.
#ifndef VEILSUM_TESTS_SCENARIOS_LARGE_SCENARIOS_H_
#define VEILSUM_TESTS_SCENARIOS_LARGE_SCENARIOS_H_

#include <vector>

#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {

// 50/30 with 1, 4 and 5 dropouts in ShareKeys, MaskedInputCollection and Unmasking: 45 inputs.
// 100/51 with 2, 3 and 5 and d = 100,000: 95; the same on a Harary graph.
std::vector<Scenario> LargeScenarios();

// A k-regular graph with d = 100,000, of whose clients 5 % drop out, in every round.
Scenario ThousandsOfClients(uint32_t clients);

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_LARGE_SCENARIOS_H_
