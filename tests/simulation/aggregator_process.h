// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator's process: a DurableSession, and around it what aggregator/runtime does, on a
// virtual clock. It dies without notice and starts again from what is durable.
#ifndef VEILSUM_TESTS_SIMULATION_AGGREGATOR_PROCESS_H_
#define VEILSUM_TESTS_SIMULATION_AGGREGATOR_PROCESS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/accumulate/accumulator.h"
#include "aggregator/accumulate/unmask.h"
#include "aggregator/protocol/durable_session.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/random.h"
#include "tests/simulation/store.h"
#include "tests/simulation/witness.h"

namespace veilsum::simulation {

using MessagePtr = std::shared_ptr<const v1::ServerMessage>;

// How an upload's call is answered: go on, a receipt, or its end with a reason.
struct UploadRefusal {
  v1::Reason reason;
  std::string detail;
};
using UploadAnswer = std::variant<v1::UploadReply, UploadRefusal>;

class AggregatorProcess {
 public:
  // Where its words go.
  struct Wires {
    std::function<void(uint32_t client, uint64_t connection, MessagePtr message)> tell;
    std::function<void(uint32_t client, uint64_t call, UploadAnswer answer)> answer_upload;
    // All connections break.
    std::function<void()> died;
  };
  struct Surroundings {
    Clock& clock;
    Random& random;
    Store& store;
    Witness& witness;
    Sabotage sabotage = Sabotage::kNone;
  };
  AggregatorProcess(const Plan& plan, Surroundings around, Wires wires);

  // ---- What happens to it ----

  // A new session the first time, and what is durable after.
  void Boot();
  // Boots again after `down`. `after_actions`: of the next step; 0: now.
  void Kill(uint64_t after_actions, uint64_t store_choice, uint64_t down);
  bool up() const { return session_.has_value(); }
  // Counts processes.
  uint64_t incarnation() const { return incarnation_; }
  uint64_t kills() const { return incarnation_ - 1; }

  // ---- What clients do ----

  struct Hello {
    bool resumes = false;
    v1::Outcome last_outcome = v1::OUTCOME_NONE;
  };
  void Connect(uint32_t client, uint64_t connection, Hello hello);
  void Disconnect(uint32_t client, uint64_t connection);
  void Receive(uint32_t client, uint64_t connection, const v1::ClientMessage& message);
  void ReceiveUpload(uint32_t client, uint64_t call, const v1::UploadRequest& request);
  absl::StatusOr<std::string> Download();

  // ---- Others ----

  void Abort();
  // The bytes of an upload are thrown away, unless it is complete: those wait for their fold.
  void Evict(uint32_t client) {
    const auto completed = completed_.find(client);
    if (completed == completed_.end() || completed->second.empty()) pending_.erase(client);
  }
  // I10: what is stored gives the session that lives, as far as anybody could tell. Only where
  // nothing is under way. False: something is.
  bool Compare();

  const aggregator::SessionProtocol* protocol() const {
    return up() ? &session_->protocol() : nullptr;
  }
  bool finished() const { return finished_; }

 private:
  struct Pending {
    uint64_t call = 0;
    std::string bytes;
    uint64_t total_bytes = 0;
  };

  aggregator::SessionOptions Options() const;
  void Restore();
  void LoadAccumulator();
  // `work` unless the process died meanwhile.
  void After(uint64_t delay, std::function<void()> work);
  template <class Event>
  void Step(Event event) {
    Carry(session_->Step(std::move(event)));
  }
  void StepFrom(uint32_t client, aggregator::Event event);
  void Carry(aggregator::Actions actions);

  void Do(aggregator::Effect& effect);
  void Do(aggregator::Commit& commit);
  void Do(aggregator::WriteCheckpoint& write);
  void Do(const aggregator::StartCheckpointTimer&);

  void Do(const aggregator::Reply& reply);
  void Do(const aggregator::Send& send);
  void Do(const aggregator::PhaseStarted& started);
  void Do(const aggregator::PhaseClosed& closed);
  void Do(const aggregator::Fold& fold);
  void Do(const aggregator::DiscardUpload& discard);
  void Do(const aggregator::Unmask& unmask);
  void Do(const aggregator::Finished& finished);
  void Do(const aggregator::Progress&) {}
  void Do(const aggregator::ClientDropped&) {}
  void Do(const aggregator::ClientRefused&) {}
  void Do(const aggregator::Persist&);

  void FoldNow(uint32_t client, const std::string& bytes);
  void TellOfFold(uint32_t client, const absl::Status& status);
  void WriteResult(aggregator::Unmasked unmasked);
  void AnswerUpload(uint32_t client, const aggregator::Reply& reply);
  void AnswerCall(uint32_t client, uint64_t call, const aggregator::Reply& reply);
  void Tell(uint32_t client, v1::ServerMessage message);
  void Refuse(uint32_t client, v1::Refused::Scope scope, v1::Reason reason,
              absl::string_view detail, v1::Round round = v1::ROUND_UNSPECIFIED);
  void RefuseWithoutSeat(v1::Refused::Scope scope, v1::Reason reason, absl::string_view detail);
  // When the present phase began, by the store.
  uint64_t PhaseBegan() const;

  const Plan& plan_;
  Surroundings around_;
  const Wires wires_;
  uint64_t incarnation_ = 0;

  // In memory: gone with the process.
  std::optional<aggregator::DurableSession> session_;
  std::optional<aggregator::Accumulator> accumulator_;
  std::map<uint32_t, crypto::Digest> folded_;
  std::map<uint32_t, uint64_t> connections_;
  std::map<uint32_t, Pending> pending_;
  // Calls that wait for an answer. As UploadAnswers of aggregator/runtime: in order, but that the
  // first of those in `folding_` gets a receipt, and the others, its resends, with it.
  std::map<uint32_t, std::deque<uint64_t>> opening_;
  std::map<uint32_t, std::deque<uint64_t>> completed_;
  std::map<uint32_t, std::vector<uint64_t>> folding_;
  uint32_t folds_under_way_ = 0;
  std::map<uint32_t, crypto::Digest> unheard_;  // Folded, and the session has not heard of it.
  std::set<uint64_t> ahead_;                    // Checkpoints that name some of those.
  bool restored_ = false;
  bool finished_ = false;
  struct Dying {
    uint64_t after_actions;
    uint64_t store_choice;
    uint64_t down;
  };
  std::optional<Dying> dying_;
};

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_AGGREGATOR_PROCESS_H_
