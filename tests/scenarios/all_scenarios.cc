// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The stories, in prose as far as C++ goes. What is not said of a client is that it does its part,
// is in the sum and gets the result.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {
namespace {

using Scenarios = std::vector<Scenario>;

void Append(Scenarios& all, Scenarios more) {
  for (Scenario& scenario : more) all.push_back(std::move(scenario));
}

std::string NameOf(When when) {
  static constexpr const char* kMoments[] = {"Before", "RightAfterSending", "After", "Midway"};
  static constexpr const char* kNames[] = {
      "", "AdvertiseKeys", "ShareKeys", "MaskedInput", "ConsistencyCheck", "Unmasking"};
  return absl::StrCat(kMoments[static_cast<int>(when.moment)], kNames[when.round]);
}

// Four clients of whom three are needed.
Scenario FourOfThree(std::string name) {
  return Scenario(std::move(name)).Clients(4).Threshold(3).MinSurvivors(3);
}

// clang-format off: one line for each client reads better.
Scenarios Dropouts() {
  return {
      FourOfThree("EverybodyAnswers"),
      // Its seat stays empty, so that three share among themselves.
      FourOfThree("OneNeverAdvertises").Client(2).Vanishes(Before(kAdvertiseKeys)).Threshold(2),
      FourOfThree("OneComesTooLate")
          .Client(1)
          .ComesTooLate()
          .IsLeftOut()
          .IsTold(v1::REASON_SESSION_FULL)
          .Threshold(2),
      FourOfThree("OneSilentInShareKeys").Client(2).Vanishes(Before(kShareKeys)),
      FourOfThree("OneSilentInMaskedInput").Client(0).Vanishes(Before(kMaskedInput)),
      FourOfThree("OneDiesInTheMiddleOfItsUpload").Client(3).Vanishes(MidUpload()),
      FourOfThree("OneUploadsThenDies").Client(1).Vanishes(After(kMaskedInput)),
      FourOfThree("ThreeAnswersSuffice").Client(3).Vanishes(Before(kUnmasking)),
      FourOfThree("OneDiesBeforeTheResult").Client(3).Vanishes(After(kUnmasking)),
      Scenario("OneInEachRound")
          .Clients(10)
          .Threshold(6)
          .Client(4)
          .Vanishes(Before(kShareKeys))
          .Client(0)
          .Vanishes(Before(kMaskedInput))
          .Client(9)
          .Vanishes(Before(kUnmasking)),
  };
}

Scenarios Aborts() {
  return {
      FourOfThree("TwoNeverAdvertise")
          .Client(0)
          .Vanishes(Before(kAdvertiseKeys))
          .Client(3)
          .Vanishes(Before(kAdvertiseKeys))
          .Threshold(0)
          .Aborts(v1::REASON_TOO_FEW_CLIENTS),
      FourOfThree("TwoGiveUpInAdvertiseKeys")
          .Client(1)
          .ErrsAsCaller(CallerError::kNan)
          .IsTold(v1::REASON_INVALID_ARGUMENT)
          .Client(2)
          .ErrsAsCaller(CallerError::kNan)
          .IsTold(v1::REASON_INVALID_ARGUMENT)
          .Threshold(0)
          .Aborts(v1::REASON_TOO_FEW_CLIENTS),
      FourOfThree("TwoAdvertiseAndDie")
          .Client(1)
          .Vanishes(Before(kShareKeys))
          .Client(2)
          .Vanishes(Before(kShareKeys))
          .Aborts(v1::REASON_TOO_FEW_CLIENTS),
      FourOfThree("TwoShareAndDie")
          .Client(1)
          .Vanishes(Before(kMaskedInput))
          .Client(2)
          .Vanishes(Before(kMaskedInput))
          .Aborts(v1::REASON_TOO_FEW_CLIENTS),
      Scenario("MasksThatCannotBeRemoved")
          .Clients(5)
          .Threshold(3)
          .Client(0)
          .Vanishes(Before(kMaskedInput))
          .Client(1)
          .Vanishes(Before(kMaskedInput))
          .Client(2)
          .Vanishes(Before(kMaskedInput))
          .Aborts(v1::REASON_BELOW_THRESHOLD),
      Scenario("TooFewUnmask")
          .Clients(5)
          .Threshold(3)
          .Client(0)
          .Vanishes(Before(kUnmasking))
          .Client(1)
          .Vanishes(Before(kUnmasking))
          .Client(2)
          .Vanishes(Before(kUnmasking))
          .Aborts(v1::REASON_BELOW_THRESHOLD),
      Scenario("NoParametersForThoseWhoCame")
          .Clients(6)
          .Harary(0, 0.17)
          .Client(0)
          .Vanishes(Before(kAdvertiseKeys))
          .Client(1)
          .Vanishes(Before(kAdvertiseKeys))
          .Client(2)
          .Vanishes(Before(kAdvertiseKeys))
          .Threshold(0)
          .Aborts(v1::REASON_INFEASIBLE_PARAMETERS),
  };
}

Scenarios Vectors() {
  return {
      Scenario("WeightedMean")
          .Clients(5)
          .Client(0)
          .Weighs(10)
          .Client(1)
          .Weighs(3)
          .Client(4)
          .Weighs(7),
      Scenario("WeightedMeanWithADropout")
          .Clients(5)
          .Client(0)
          .Weighs(10)
          .Vanishes(Before(kMaskedInput))
          .Client(1)
          .Weighs(3),
      Scenario("LanesOfSixteenBits")
          .Clients(5)
          .Bits(8)
          .MaxWeight(1)
          .Client(1)
          .Vanishes(Before(kMaskedInput)),
      Scenario("LanesOfThirtyTwoBits")
          .Clients(5)
          .Bits(16)
          .MaxWeight(100)
          .Client(1)
          .Weighs(100)
          .Client(2)
          .Vanishes(Before(kMaskedInput)),
      Scenario("LanesOfSixtyFourBits")
          .Clients(5)
          .Bits(24)
          .MaxWeight(1'000'000)
          .Client(1)
          .Weighs(1'000'000)
          .Client(2)
          .Vanishes(Before(kMaskedInput)),
      Scenario("OneElement").Clients(3).Dimension(1),
      Scenario("ManyChunks").Clients(3).Dimension(200'000).Bits(16),
  };
}

// clang-format on

Scenarios Reconnecting() {
  Scenarios all;
  std::vector<When> points = {MidUpload()};
  for (const v1::Round round : RoundsOf(v1::TIER_SEMI_HONEST)) {
    points.insert(points.end(), {Before(round), RightAfterSending(round), After(round)});
  }
  for (const When when : points) {
    all.push_back(
        FourOfThree(absl::StrCat("ReconnectsAt", NameOf(when))).Client(1).Reconnects(when));
    Scenario everybody = FourOfThree(absl::StrCat("AllReconnectAt", NameOf(when)));
    for (uint32_t client = 0; client < 4; ++client) everybody.Client(client).Reconnects(when);
    all.push_back(std::move(everybody));
  }
  Scenario always = FourOfThree("ReconnectsAllTheTime").Client(2);
  for (const When when : points) always.Reconnects(when);
  all.push_back(std::move(always));
  return all;
}

Scenarios CallerErrors() {
  constexpr std::pair<CallerError, const char*> kErrors[] = {
      {CallerError::kShortUpdate, "ShortUpdate"},
      {CallerError::kLongUpdate, "LongUpdate"},
      {CallerError::kNan, "Nan"},
      {CallerError::kInfinity, "Infinity"},
      {CallerError::kNoWeight, "NoWeight"},
      {CallerError::kTooMuchWeight, "TooMuchWeight"},
  };
  Scenarios all;
  for (const auto& [error, name] : kErrors) {
    all.push_back(FourOfThree(absl::StrCat("Caller", name))
                      .Client(1)
                      .ErrsAsCaller(error)
                      .IsLeftOut()
                      .IsTold(v1::REASON_INVALID_ARGUMENT)
                      .Threshold(2)
                      .Client(3)
                      .WaitsFor(1, kAdvertiseKeys));
  }
  return all;
}

// How many of n may be gone for good.
uint32_t Tolerance(uint32_t clients) { return clients - (clients / 2 + 1); }

// ---- What happens in the malicious tier alone ----

// Gone or back around the round of signatures.
Scenarios AroundTheConsistencyCheck() {
  Scenarios all;
  for (const When when : {Before(kConsistencyCheck), RightAfterSending(kConsistencyCheck),
                          After(kConsistencyCheck)}) {
    all.push_back(
        FourOfThree(absl::StrCat("ReconnectsAt", NameOf(when))).Client(1).Reconnects(when));
    Scenario everybody = FourOfThree(absl::StrCat("AllReconnectAt", NameOf(when)));
    for (uint32_t client = 0; client < 4; ++client) everybody.Client(client).Reconnects(when);
    all.push_back(std::move(everybody));
  }
  Scenario always = FourOfThree("ReconnectsInEveryRound").Client(2).Reconnects(MidUpload());
  for (const v1::Round round : RoundsOf(v1::TIER_MALICIOUS)) {
    always.Reconnects(Before(round)).Reconnects(RightAfterSending(round)).Reconnects(After(round));
  }
  all.push_back(std::move(always));
  // It has signed, and is not needed any more.
  all.push_back(FourOfThree("OneSignsThenDies").Client(1).Vanishes(After(kConsistencyCheck)));
  all.push_back(FourOfThree("OneNeverSigns").Client(2).Vanishes(Before(kConsistencyCheck)));
  return all;
}

Scenarios MaliciousAborts() {
  return {
      FourOfThree("TooFewSign")
          .Client(0)
          .Vanishes(Before(kConsistencyCheck))
          .Client(3)
          .Vanishes(Before(kConsistencyCheck))
          .Aborts(v1::REASON_BELOW_THRESHOLD),
      FourOfThree("TooFewAnswerAfterSigning")
          .Client(0)
          .Vanishes(Before(kUnmasking))
          .Client(3)
          .Vanishes(Before(kUnmasking))
          .Aborts(v1::REASON_BELOW_THRESHOLD),
      // Three of seven are as many as promised, and fewer than could ever sign.
      Scenario("TooFewSurvive")
          .Clients(7)
          .Client(0)
          .Vanishes(Before(kMaskedInput))
          .Client(1)
          .Vanishes(Before(kMaskedInput))
          .Client(2)
          .Vanishes(Before(kMaskedInput))
          .Client(3)
          .Vanishes(Before(kMaskedInput))
          .Aborts(v1::REASON_BELOW_THRESHOLD),
  };
}

// n − t with A = 1.
uint32_t MaliciousTolerance(uint32_t clients) { return clients - ((clients + 1) / 2 + 1); }

Scenario SomeVanish(Scenario scenario, uint32_t count, When when) {
  // Spread over the roster, so that lower and higher positions are among them.
  for (uint32_t i = 0; i < count; ++i) {
    scenario.Client((1 + 3 * i) % scenario.clients()).Vanishes(when);
  }
  return scenario;
}

}  // namespace

std::vector<Scenario> NamedScenarios() {
  Scenarios all = Dropouts();
  Append(all, Aborts());
  Append(all, Vectors());
  Append(all, Reconnecting());
  Append(all, CallerErrors());
  return all;
}

std::vector<Scenario> DropoutMatrix() {
  Scenarios all;
  std::vector<When> points = {MidUpload()};
  for (const v1::Round round : RoundsOf(v1::TIER_SEMI_HONEST)) {
    points.insert(points.end(), {Before(round), After(round)});
  }
  for (uint32_t clients : {5, 7, 8}) {
    for (const When when : points) {
      for (uint32_t count = 1; count <= Tolerance(clients); ++count) {
        const std::string name = absl::StrCat(count, "Of", clients, "Vanish", NameOf(when));
        all.push_back(SomeVanish(Scenario("Complete" + name).Clients(clients), count, when));
      }
    }
  }
  for (const When when : points) {
    for (uint32_t count = 1; count <= 2; ++count) {
      // δ = 0.25 of 8: a graph of degree 4, of whose neighbours 2 are needed.
      all.push_back(SomeVanish(Scenario(absl::StrCat("Harary", count, "Of8Vanish", NameOf(when)))
                                   .Clients(8)
                                   .Harary(0, 0.25),
                               count, when));
    }
    all.push_back(SomeVanish(Scenario(absl::StrCat("HararyWithCorruption1Of9Vanish", NameOf(when)))
                                 .Clients(9)
                                 .MinSurvivors(3)
                                 .Harary(0.12, 0.12),
                             1, when));
  }
  return all;
}

namespace {

// Of the matrix above, the columns of the round that is not there.
Scenarios MaliciousDropouts() {
  Scenarios all = InMaliciousTier(DropoutMatrix());
  for (const uint32_t clients : {5, 7, 8}) {
    for (const When when : {Before(kConsistencyCheck), After(kConsistencyCheck)}) {
      for (uint32_t count = 1; count <= MaliciousTolerance(clients); ++count) {
        const std::string name = absl::StrCat(count, "Of", clients, "Vanish", NameOf(when));
        all.push_back(SomeVanish(Scenario("MaliciousComplete" + name).Clients(clients).Malicious(),
                                 count, when));
      }
    }
  }
  return all;
}

}  // namespace

std::vector<Scenario> MaliciousScenarios() {
  Scenarios all = InMaliciousTier(NamedScenarios());
  Append(all, InMaliciousTier(AroundTheConsistencyCheck()));
  Append(all, MaliciousDropouts());
  Append(all, InMaliciousTier(MisbehaviourScenarios()));
  for (Scenario& scenario : MaliciousAborts()) {
    all.push_back(scenario.Named("Malicious" + scenario.name()).Malicious());
  }
  Append(all, ConsistencyLiars());
  return all;
}

}  // namespace veilsum::scenarios
