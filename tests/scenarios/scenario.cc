// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/scenario.h"

#include <algorithm>

namespace veilsum::scenarios {
namespace {

// The round that follows, for those who die after one.
v1::Round Next(v1::Round round, v1::Tier tier) {
  const bool skips = round == kMaskedInput && tier != v1::TIER_MALICIOUS;
  return static_cast<v1::Round>(round + (skips ? 2 : 1));
}

// The first round that the client does not answer; one beyond the last if there is none.
v1::Round LeavesIn(const ClientScript& script, v1::Tier tier) {
  if (script.vanishes.has_value()) {
    const When& when = *script.vanishes;
    return when.moment == When::Moment::kAfter ? Next(when.round, tier) : when.round;
  }
  if (script.caller_error != CallerError::kNone) return kAdvertiseKeys;
  const bool lies_itself_out = script.misbehaviour != Misbehaviour::kNone &&
                               (script.told.has_value() || script.dropped.has_value());
  return lies_itself_out ? RoundOf(script.misbehaviour) : Next(kUnmasking, tier);
}

bool TakesNoSeat(const ClientScript& script) {
  return script.too_late || script.misbehaviour == Misbehaviour::kStranger;
}

}  // namespace

std::vector<v1::Round> RoundsOf(v1::Tier tier) {
  if (tier != v1::TIER_MALICIOUS) return {kAdvertiseKeys, kShareKeys, kMaskedInput, kUnmasking};
  return {kAdvertiseKeys, kShareKeys, kMaskedInput, kConsistencyCheck, kUnmasking};
}

Scenario& Scenario::Malicious() {
  tier_ = v1::TIER_MALICIOUS;
  // Of no more than nine clients, so that A is one.
  if (corruption_rate_ == 0) corruption_rate_ = 0.1;
  min_survivors_ = std::max<uint32_t>(min_survivors_, 3);
  return *this;
}

std::optional<Scenario> InMaliciousTier(const Scenario& scenario) {
  Scenario story = scenario;
  story.Named("Malicious" + scenario.name()).Malicious().AnyThreshold();
  if (scenario.graph() != v1::GRAPH_RULE_COMPLETE || scenario.clients() >= 20) return std::nullopt;
  for (uint32_t client = 0; client < scenario.clients(); ++client) {
    if (scenario.script(client).refusal == v1::REASON_UNSUPPORTED) return std::nullopt;
  }
  const bool the_same_end = scenario.abort_reason() == v1::REASON_TOO_FEW_CLIENTS ||
                            scenario.abort_reason() == v1::REASON_DEALER_CHEATED;
  if (scenario.aborts()) return the_same_end ? std::optional(story) : std::nullopt;
  const uint32_t clients = story.TurnoutOf(kAdvertiseKeys).answering;
  const uint32_t threshold = (clients + 1) / 2 + 1;
  const auto included = static_cast<uint32_t>(story.Included().size());
  if (clients < story.min_survivors() || included < std::max(threshold, story.min_survivors()) ||
      story.TurnoutOf(kConsistencyCheck).answering < threshold ||
      story.TurnoutOf(kUnmasking).answering < threshold) {
    return std::nullopt;
  }
  return story.Threshold(threshold);
}

std::vector<Scenario> InMaliciousTier(const std::vector<Scenario>& scenarios) {
  std::vector<Scenario> stories;
  for (const Scenario& scenario : scenarios) {
    std::optional<Scenario> story = InMaliciousTier(scenario);
    if (story.has_value()) stories.push_back(*std::move(story));
  }
  return stories;
}

Scenario& Scenario::Harary(double corrupt, double dropout) {
  graph_ = v1::GRAPH_RULE_HARARY;
  corruption_rate_ = corrupt;
  dropout_rate_ = dropout;
  return *this;
}

// "Faults × rounds": who is gone before its input arrived is left out; afterwards it counts.
Scenario& Scenario::Vanishes(When when) {
  ClientScript& script = this->script();
  script.vanishes = when;
  const bool seated = when.round > kAdvertiseKeys || when.moment == When::Moment::kAfter;
  const bool uploaded = when.round > kMaskedInput ||
                        (when.round == kMaskedInput && when.moment == When::Moment::kAfter);
  const bool unmasked = when.round == kUnmasking && when.moment == When::Moment::kAfter;
  script.included = uploaded;
  if (seated && !unmasked) script.dropped = v1::REASON_NO_ANSWER;
  return *this;
}

Scenario& Scenario::Reconnects(When when) {
  script().reconnects.push_back(when);
  return *this;
}

const ClientScript& Scenario::script(uint32_t client) const {
  static const ClientScript* const honest = new ClientScript;
  const auto found = scripts_.find(client);
  return found == scripts_.end() ? *honest : found->second;
}

std::vector<uint32_t> Scenario::Included() const {
  std::vector<uint32_t> included;
  for (uint32_t client = 0; client < clients_ && !aborts(); ++client) {
    if (script(client).included) included.push_back(client);
  }
  return included;
}

Scenario::Turnout Scenario::TurnoutOf(v1::Round round) const {
  Turnout turnout;
  for (uint32_t client = 0; client < clients_; ++client) {
    const ClientScript& one = script(client);
    if (TakesNoSeat(one)) continue;
    const v1::Round leaves = LeavesIn(one, tier_);
    if (leaves > round) ++turnout.answering;
    // Seats that nobody takes are waited for, whatever the reason.
    const bool quietly = round == kAdvertiseKeys || one.dropped == v1::REASON_NO_ANSWER;
    if (leaves == round && quietly) ++turnout.silent;
  }
  return turnout;
}

uint32_t Scenario::Seats() const {
  uint32_t seats = 0;
  for (uint32_t client = 0; client < clients_; ++client) seats += !TakesNoSeat(script(client));
  return seats;
}

}  // namespace veilsum::scenarios
