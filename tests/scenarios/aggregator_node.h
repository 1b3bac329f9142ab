// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator's core in memory: does what aggregator/runtime does around it, but for threads,
// timers and sockets, and holds the core to its own promises (events.h) at every step.
#ifndef VEILSUM_TESTS_SCENARIOS_AGGREGATOR_NODE_H_
#define VEILSUM_TESTS_SCENARIOS_AGGREGATOR_NODE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "aggregator/accumulate/accumulator.h"
#include "aggregator/protocol/session_protocol.h"
#include "tests/scenarios/cast.h"
#include "tests/scenarios/outcome.h"

namespace veilsum::scenarios {

using MessagePtr = std::shared_ptr<const v1::ServerMessage>;

// How an upload RPC is answered: go on, a receipt, or an end with a reason.
struct UploadRefusal {
  v1::Reason reason;
  std::string detail;
};
using UploadAnswer = std::variant<v1::UploadReply, UploadRefusal>;

class AggregatorNode {
 public:
  struct Mail {
    uint32_t client;
    std::variant<MessagePtr, UploadAnswer> content;
  };

  AggregatorNode(const Scenario& scenario, const Cast& cast, double target_fraction);

  // ---- What clients do. Answers are put into `mail` ----

  void Connect(uint32_t client);
  void Resume(uint32_t client, v1::Outcome last_outcome);
  void Receive(uint32_t client, const v1::ClientMessage& message);
  void ReceiveUpload(uint32_t client, const v1::UploadRequest& request);

  // ---- What takes time ----

  bool can_fold() const { return !folds_.empty(); }
  void FinishFold();
  bool can_unmask() const { return plan_ != nullptr; }
  void Unmask();
  // Forgets the bytes of an upload that is under way, as for want of room.
  void Evict(uint32_t client);

  // Of the present phase; nothing once the session has ended.
  std::optional<aggregator::Phase> phase() const { return phase_; }
  void PassLeastTime();
  void PassDeadline();

  bool finished() const { return finished_; }
  const v1::SessionHeader& header() const { return protocol_.header(); }
  const std::string& packed_sum() const { return packed_sum_; }
  // The aggregator's part of the outcome.
  void Report(Outcome& outcome) const;

  std::deque<Mail> mail;

 private:
  struct Pending {
    std::string bytes;
    uint64_t total_bytes = 0;
    bool sealed = false;
  };

  const crypto::IdentityPublicKey& IdentityOf(uint32_t client) const;
  // Carries the effects out. `from`: whose message they answer.
  void Step(aggregator::Event event, std::optional<uint32_t> from = std::nullopt);
  void Carry(aggregator::Effects effects);
  void CarryOne(const aggregator::Reply& reply);
  void CarryUploadReply(uint32_t client, const aggregator::Reply& reply);
  void CarryOne(const aggregator::Send& send);
  void CarryOne(const aggregator::PhaseStarted& started);
  void CarryOne(const aggregator::PhaseClosed& closed);
  void CarryOne(const aggregator::Progress&) {}
  void CarryOne(const aggregator::ClientDropped& dropped);
  void CarryOne(const aggregator::ClientRefused&) {}
  void CarryOne(const aggregator::Fold& fold);
  void CarryOne(const aggregator::DiscardUpload& discard);
  void CarryOne(const aggregator::Persist&) {}
  void CarryOne(const aggregator::Unmask& unmask);
  void CarryOne(const aggregator::Finished& finished);
  void CheckAnswer(const aggregator::Effects& effects, uint32_t from, bool folded);

  void Tell(uint32_t client, v1::ServerMessage message);
  void AnswerUpload(uint32_t client, UploadAnswer answer);
  void RefuseUpload(uint32_t client, v1::Reason reason, std::string detail);
  void Violate(std::string text) { violations_.push_back(std::move(text)); }

  const Cast& cast_;
  aggregator::SessionProtocol protocol_;
  std::optional<aggregator::Accumulator> accumulator_;
  std::map<uint32_t, Pending> pending_;
  std::deque<std::pair<uint32_t, std::string>> folds_;
  std::shared_ptr<const aggregator::UnmaskPlan> plan_;

  std::optional<aggregator::Phase> phase_;
  bool finished_ = false;
  v1::Reason abort_reason_ = v1::REASON_UNSPECIFIED;
  std::string abort_detail_;
  std::vector<uint32_t> included_;
  std::map<uint32_t, v1::Reason> dropped_;
  std::set<uint32_t> silent_;  // Of these: who kept its seat.
  std::string packed_sum_;
  std::vector<std::string> violations_;
};

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_AGGREGATOR_NODE_H_
