// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/grpc_driver.h"

#include <asio.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/reason_status.h"
#include "tests/scenarios/grpc_client.h"
#include "tests/scenarios/grpc_stage.h"

namespace veilsum::scenarios {
namespace {

// One client may hold a thread while it waits for another.
constexpr size_t kThreads = 3;
// For clients to hear the end of a session that has ended: a failure, not a wait.
constexpr std::chrono::seconds kPatience{60};

class Driver {
 public:
  explicit Driver(const Scenario& scenario) : scenario_(scenario), cast_(scenario) {
    for (uint32_t client = 0; client < scenario.clients(); ++client) {
      clients_.push_back(std::make_unique<GrpcClient>(
          scenario, cast_, client, &blackboard_,
          GrpcClient::Surroundings{
              [this](uint32_t who, GrpcClient::Event event) { Heard(who, event); },
              [this](uint32_t other) { WaitUntilDone(other); }}));
    }
    states_.resize(scenario.clients());
  }

  Outcome Play() {
    Outcome outcome;
    auto stage = GrpcStage::Open(scenario_, cast_);
    if (!stage.ok()) {
      outcome.violations.push_back(absl::StrCat("no stage: ", stage.status().ToString()));
      return outcome;
    }
    stage_ = *std::move(stage);
    StartThoseDue();
    const absl::StatusOr<v1::Session> session = stage_->WatchUntilEnd();
    WaitForClients(outcome);
    pool_.join();
    if (session.ok()) {
      Report(*session, outcome);
    } else {
      outcome.violations.push_back(absl::StrCat("I9: ", session.status().ToString()));
    }
    return outcome;
  }

 private:
  struct State {
    bool started = false;
    bool advertised = false;
    bool told_to_wait = false;
    bool done = false;
  };

  void Heard(uint32_t client, GrpcClient::Event event) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      State& state = states_[client];
      if (event == GrpcClient::Event::kRosterSeen) roster_seen_ = true;
      if (event == GrpcClient::Event::kAdvertised) state.advertised = true;
      if (event == GrpcClient::Event::kDone) state.advertised = state.done = true;
      if (event == GrpcClient::Event::kToldToWait) state.told_to_wait = true;
    }
    // Who waits for a session that will not come is called off.
    if (event == GrpcClient::Event::kToldToWait) clients_[client]->Cancel();
    StartThoseDue();
    changed_.notify_all();
  }

  void StartThoseDue() {
    std::vector<uint32_t> due;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (uint32_t client = 0; client < states_.size(); ++client) {
        if (states_[client].started || !IsDue(client)) continue;
        states_[client].started = true;
        due.push_back(client);
      }
    }
    for (const uint32_t client : due) clients_[client]->Start(stage_->NewChannel(), pool_);
  }

  bool IsDue(uint32_t client) const {
    const ClientScript& script = scenario_.script(client);
    if (script.too_late) return roster_seen_;
    if (!script.joins_last) return true;
    for (uint32_t other = 0; other < states_.size(); ++other) {
      const ClientScript& theirs = scenario_.script(other);
      if (theirs.joins_last || theirs.too_late || theirs.waits_for.has_value()) continue;
      if (!states_[other].advertised) return false;
    }
    return true;
  }

  void WaitUntilDone(uint32_t client) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return states_[client].done; });
  }

  void WaitForClients(Outcome& outcome) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto all_done = [&] {
      for (const State& state : states_) {
        if (state.started && !state.done) return false;
      }
      return true;
    };
    if (changed_.wait_for(lock, kPatience, all_done)) return;
    outcome.violations.push_back("I9: clients still wait after the session has ended");
    lock.unlock();
    for (const auto& client : clients_) client->Cancel();
    lock.lock();
    changed_.wait_for(lock, kPatience, all_done);
  }

  void Report(const v1::Session& session, Outcome& outcome) {
    outcome.finished = session.state() == v1::SESSION_STATE_COMPLETED ||
                       session.state() == v1::SESSION_STATE_ABORTED;
    outcome.abort_reason = session.abort_reason();
    outcome.abort_detail = session.abort_detail();
    outcome.roster_size = session.clients();
    outcome.threshold = session.threshold();
    outcome.degree = session.degree();
    for (const std::string& identity : session.included_identities()) {
      outcome.included.push_back(ClientOf(identity));
    }
    for (const v1::Dropout& dropout : session.dropouts()) {
      if (!outcome.dropped.emplace(ClientOf(dropout.identity()), dropout.reason()).second) {
        outcome.violations.push_back("somebody was dropped twice");
      }
    }
    if (session.state() == v1::SESSION_STATE_COMPLETED) ReadResults(outcome);
    for (uint32_t client = 0; client < clients_.size(); ++client) {
      outcome.clients.push_back(clients_[client]->Report());
      if (!states_[client].told_to_wait) continue;
      // What the core calls SESSION_FULL is no refusal on the wire: there will be other sessions.
      outcome.clients.back().status =
          MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_SESSION_FULL, "told to wait");
    }
    std::vector<std::optional<crypto::LaneVector>> inputs;
    for (const auto& client : clients_) inputs.push_back(client->input());
    outcome.input_of = [inputs = std::move(inputs)](uint32_t client) {
      return inputs[client].value();
    };
  }

  // I6: the same bytes on every read.
  void ReadResults(Outcome& outcome) {
    const absl::StatusOr<std::string> once = stage_->ReadResult();
    const absl::StatusOr<std::string> again = stage_->ReadResult();
    if (!once.ok() || !again.ok() || *once != *again) {
      outcome.violations.push_back(
          absl::StrCat("I6: the result cannot be read twice: ", once.status().ToString(), ", ",
                       again.status().ToString()));
      return;
    }
    outcome.packed_sum = *once;
  }

  uint32_t ClientOf(const std::string& identity) const {
    return cast_.ClientOf(crypto::IdentityPublicKey::Parse(crypto::AsBytes(identity)).value());
  }

  const Scenario& scenario_;
  const Cast cast_;
  Blackboard blackboard_;
  std::unique_ptr<GrpcStage> stage_;
  asio::thread_pool pool_{kThreads};
  std::vector<std::unique_ptr<GrpcClient>> clients_;  // Their strands are the pool's.

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;  // Under the mutex.
  bool roster_seen_ = false;   // Under the mutex.
};

}  // namespace

Outcome PlayOverGrpc(const Scenario& scenario) { return Driver(scenario).Play(); }

}  // namespace veilsum::scenarios
