// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Plays a scenario for real: an aggregator with TLS on the loopback, and every client a
// ParticipantRunner over a connection of its own, all in this process. Nothing sleeps: phases close
// when the last client that will answer has answered, and only where a scenario is about a deadline
// does it wait for one.
#ifndef VEILSUM_TESTS_SCENARIOS_GRPC_DRIVER_H_
#define VEILSUM_TESTS_SCENARIOS_GRPC_DRIVER_H_

#include "tests/scenarios/outcome.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {

Outcome PlayOverGrpc(const Scenario& scenario);

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_GRPC_DRIVER_H_
