// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Many clients and long vectors over gRPC with TLS.

#include "gtest/gtest.h"
#include "spdlog/spdlog.h"
#include "tests/scenarios/checker.h"
#include "tests/scenarios/grpc_driver.h"
#include "tests/scenarios/large_scenarios.h"

namespace veilsum::scenarios {
namespace {

TEST(LargeGrpcTest, TheSumIsExact) {
  spdlog::set_level(spdlog::level::off);
  for (const Scenario& scenario : LargeScenarios()) Check(scenario, PlayOverGrpc(scenario));
}

}  // namespace
}  // namespace veilsum::scenarios
