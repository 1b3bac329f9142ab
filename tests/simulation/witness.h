// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Who sees everything that leaves the aggregator, and everything that becomes durable, and knows
// what may not be. It outlives every process.
#ifndef VEILSUM_TESTS_SIMULATION_WITNESS_H_
#define VEILSUM_TESTS_SIMULATION_WITNESS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "aggregator/protocol/durable_session.h"
#include "aggregator/protocol/events.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/store.h"

namespace veilsum::simulation {

class Witness {
 public:
  Witness(const Clock& clock, Store& store, bool trace);

  // ---- The aggregator ----

  // Before an effect is carried out: what it depends on must be durable.
  void Effect(const aggregator::Effect& effect);
  void EffectOf(const aggregator::Reply& reply);
  void EffectOf(const aggregator::Send& send);
  void EffectOf(const aggregator::PhaseStarted& started);
  void EffectOf(const aggregator::PhaseClosed& closed);
  void EffectOf(const aggregator::ClientDropped& dropped);
  void EffectOf(const aggregator::Unmask& unmask);
  void EffectOf(const aggregator::Finished& finished);
  template <class Other>
  void EffectOf(const Other&) {}
  // To whoever uploaded these bytes.
  void Receipt(uint32_t client, const crypto::Digest& digest);
  // All actions of one step that took a message from `from`.
  void Answered(const aggregator::Actions& actions, uint32_t from);
  void History(const aggregator::Effects& history);
  // The accumulator holds `folded`.
  void Checkpoint(const aggregator::WriteCheckpoint& write,
                  const std::map<uint32_t, crypto::Digest>& folded);
  // A result as it was read or written.
  void Result(const std::string& bytes);

  // ---- The clients ----

  void HeardReceipt(uint32_t client, const v1::UploadReceipt& receipt);
  void HeardSurvivors(const v1::SurvivorSet& survivors);

  // ---- In the end ----

  struct End {
    v1::Reason reason;
    std::vector<uint32_t> included;
    uint64_t time;
  };
  const std::optional<End>& end() const { return end_; }
  const std::optional<std::string>& result() const { return result_; }
  const std::set<uint32_t>& receipts() const { return receipts_; }
  // Whose inputs were frozen, as the checkpoint names them.
  const std::optional<std::set<uint32_t>>& survivors() const { return survivors_; }
  std::optional<aggregator::Phase> phase() const { return phase_; }

  void Violate(std::string text);
  const std::vector<std::string>& violations() const { return violations_; }

  bool tracing() const { return trace_; }
  void Trace(const std::string& text) const;

 private:
  void Durable(const aggregator::Operation& operation);
  void Kept(const aggregator::KeepCheckpoint& keep);
  void Frozen(const aggregator::FreezeSurvivors& freeze);
  void Finish(const aggregator::FinishSession& finish);
  void RememberCounted(const Store::Checkpoint& checkpoint);
  bool closed(aggregator::Phase phase) const { return closed_.count(phase) != 0; }
  bool put(aggregator::Phase phase, uint32_t client) const {
    return put_.count({phase, client}) != 0;
  }
  // Of somebody who never had one nothing is kept, and a farewell waits for nothing.
  bool HadSeat(uint32_t client) const { return put(aggregator::Phase::kAdvertiseKeys, client); }
  // An aborted session keeps nothing.
  bool aborted() const { return finish_.has_value() && finish_->reason != v1::REASON_UNSPECIFIED; }
  bool CountedDurably(uint32_t client, const crypto::Digest* digest) const;
  void CheckAccepted(uint32_t client, aggregator::Phase phase);
  void CheckRefused(uint32_t client, const v1::Refused& refused);
  void Require(bool holds, absl::string_view what, uint32_t client = 0);

  const Clock& clock_;
  const Store& store_;
  const bool trace_;

  // Durable.
  std::set<std::pair<aggregator::Phase, uint32_t>> put_;
  std::set<uint32_t> dropped_;
  std::set<aggregator::Phase> closed_;
  std::optional<aggregator::FreezeSurvivors> frozen_;
  std::optional<std::set<uint32_t>> survivors_;
  std::map<uint32_t, crypto::Digest> counted_;  // In checkpoints that are kept, or the frozen one.
  std::optional<aggregator::FinishSession> finish_;

  // Shown.
  std::optional<aggregator::Phase> phase_;
  std::set<std::string> survivor_bitmaps_;
  std::set<uint32_t> receipts_;
  std::optional<End> end_;
  std::optional<std::string> result_;

  std::vector<std::string> violations_;
};

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_WITNESS_H_
