// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The same scenarios as in_memory_test.cc, over gRPC with TLS.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "spdlog/spdlog.h"
#include "tests/scenarios/checker.h"
#include "tests/scenarios/grpc_driver.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {
namespace {

class OverGrpc : public ::testing::TestWithParam<Scenario> {
 protected:
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
};

// Every third: the others differ from one of these, or from the same story in the other tier, in
// what the transport has no part in. All of them are played in memory.
std::vector<Scenario> MaliciousSelection() {
  const std::vector<Scenario> all = MaliciousScenarios();
  std::vector<Scenario> some;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i % 3 == 0 || all[i].name().find("Consistency") != std::string::npos ||
        all[i].name().find("Sign") != std::string::npos) {
      some.push_back(all[i]);
    }
  }
  return some;
}

TEST_P(OverGrpc, KeepsItsPromises) { Check(GetParam(), PlayOverGrpc(GetParam())); }

std::string ParamName(const ::testing::TestParamInfo<Scenario>& info) { return NameOf(info.param); }

INSTANTIATE_TEST_SUITE_P(Named, OverGrpc, ::testing::ValuesIn(NamedScenarios()), ParamName);
INSTANTIATE_TEST_SUITE_P(Dropouts, OverGrpc, ::testing::ValuesIn(DropoutMatrix()), ParamName);
INSTANTIATE_TEST_SUITE_P(Malicious, OverGrpc, ::testing::ValuesIn(MaliciousSelection()), ParamName);
INSTANTIATE_TEST_SUITE_P(Liars, OverGrpc, ::testing::ValuesIn(MisbehaviourScenarios()), ParamName);

}  // namespace
}  // namespace veilsum::scenarios
