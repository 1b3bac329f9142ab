// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {
namespace {

// Never says a word that the aggregator counts, in this round or any later one.
bool SilentFrom(const ClientScript& script, v1::Round round) {
  if (!script.vanishes.has_value()) return false;
  const When& when = *script.vanishes;
  if (when.round < round) return true;
  return when.round == round && when.moment != When::Moment::kAfter;
}

}  // namespace

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

uint32_t Scenario::Answering(v1::Round round) const {
  uint32_t answering = 0;
  for (uint32_t client = 0; client < clients_; ++client) {
    const ClientScript& one = script(client);
    const bool seatless = one.too_late || one.caller_error != CallerError::kNone ||
                          one.misbehaviour == Misbehaviour::kStranger;
    if (!seatless && !SilentFrom(one, round)) ++answering;
  }
  return answering;
}

uint32_t Scenario::Seats() const {
  uint32_t seats = clients_;
  for (uint32_t client = 0; client < clients_; ++client) {
    const ClientScript& one = script(client);
    if (one.too_late || one.misbehaviour == Misbehaviour::kStranger) --seats;
  }
  return seats;
}

}  // namespace veilsum::scenarios
