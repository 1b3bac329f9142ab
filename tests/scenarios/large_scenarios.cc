// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/large_scenarios.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace veilsum::scenarios {
namespace {

// So many vanish before each of these rounds, spread over the roster.
Scenario Losing(Scenario scenario, uint32_t share_keys, uint32_t masked_input, uint32_t unmasking) {
  const std::pair<v1::Round, uint32_t> losses[] = {
      {kShareKeys, share_keys}, {kMaskedInput, masked_input}, {kUnmasking, unmasking}};
  const uint32_t total = share_keys + masked_input + unmasking;
  uint32_t lost = 0;
  for (const auto& [round, count] : losses) {
    for (uint32_t i = 0; i < count; ++i, ++lost) {
      scenario.Client(lost * (scenario.clients() / total)).Vanishes(Before(round));
    }
  }
  return scenario;
}

}  // namespace

std::vector<Scenario> LargeScenarios() {
  return {
      Losing(
          Scenario("FiftyOfThirty").Clients(50).CorruptionRate(0.17).MinSurvivors(20).Threshold(30),
          1, 4, 5),
      Losing(Scenario("HundredOfFiftyOne").Clients(100).Threshold(51).Dimension(100'000), 2, 3, 5),
      Losing(Scenario("MaliciousHundred")
                 .Clients(100)
                 .CorruptionRate(0.1)
                 .MinSurvivors(50)
                 .Malicious()
                 .Threshold(56)
                 .Dimension(10'000),
             2, 3, 5),
      Losing(Scenario("HundredOnAHararyGraph")
                 .Clients(100)
                 .Harary(0.05, 0.1)
                 .MinSurvivors(40)
                 .Threshold(6)
                 .Dimension(100'000),
             2, 3, 5),
  };
}

Scenario ThousandsOfClients(uint32_t clients) {
  const uint32_t lost = clients / 20;
  return Losing(Scenario(absl::StrCat("KRegular", clients))
                    .Clients(clients)
                    .Harary(0.05, 0.05)
                    .MinSurvivors(clients / 2)
                    .Dimension(100'000),
                lost / 5, lost / 2, lost - lost / 5 - lost / 2);
}

}  // namespace veilsum::scenarios
