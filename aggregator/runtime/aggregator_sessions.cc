// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Sessions: how they open, end, and are forgotten.

#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aggregator/runtime/aggregator.h"
#include "aggregator/runtime/names.h"
#include "proto/limits.h"
#include "proto/rpc_error/retry_after.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

// Reports of ended sessions that name each client of theirs; older ones have only the numbers. Of
// kMaxListedSessions the largest would take gigabytes.
constexpr uint64_t kWholeReportBytes = uint64_t{64} << 20;

v1::SessionHeader HeaderOf(const v1::Task& task) {
  v1::SessionHeader header;
  header.set_protocol_version(limits::kProtocolVersion);
  header.set_task_id(task.task_id());
  *header.mutable_vector() = task.vector();
  header.set_tier(task.tier());
  header.set_graph(task.graph());
  header.set_corruption_rate(task.corruption_rate());
  header.set_dropout_rate(task.dropout_rate());
  header.set_min_survivors(task.min_survivors());
  header.set_max_clients(task.max_clients());
  header.set_audience(task.audience());
  header.set_roster_version(task.roster_version());
  v1::PhaseDeadlines& deadlines = *header.mutable_deadlines();
  deadlines.set_advertise_keys_ms(task.advertise_keys().deadline_ms());
  deadlines.set_share_keys_ms(task.share_keys().deadline_ms());
  deadlines.set_masked_input_ms(task.masked_input().deadline_ms());
  deadlines.set_consistency_check_ms(task.consistency_check().deadline_ms());
  deadlines.set_unmasking_ms(task.unmasking().deadline_ms());
  return header;
}

}  // namespace

absl::Status Aggregator::CheckKeepsUp() const {
  if (storage_.sessions == nullptr) return absl::OkStatus();
  absl::Status keeps_up = aggregator::CheckKeepsUp(*storage_.sessions);
  if (!keeps_up.ok()) services_.recorder.OverloadRejection(metrics::Overload::kStore);
  return keeps_up;
}

absl::Status Aggregator::CheckRoom(const TaskEntry& task) const {
  if (draining_) {
    services_.recorder.OverloadRejection(metrics::Overload::kDraining);
    return StatusFor(v1::REASON_DRAINING, "the aggregator is shutting down");
  }
  if (task.orphan) {
    return StatusFor(v1::REASON_UNKNOWN_TASK,
                     absl::StrCat("task \"", task.task.task_id(),
                                  "\" is not configured any more; its sessions end, and no new one "
                                  "begins"));
  }
  if (running_ >= options_.max_sessions) {
    services_.recorder.OverloadRejection(metrics::Overload::kInflight);
    return WithRetryAfter(
        StatusFor(v1::REASON_OVERLOADED,
                  absl::StrCat(running_, " sessions are running, which is limits.max_sessions")),
        absl::Seconds(1));
  }
  if (pressure_ >= Pressure::kNoSessions) {
    services_.recorder.OverloadRejection(metrics::Overload::kMemory);
    return WithRetryAfter(
        StatusFor(v1::REASON_OVERLOADED,
                  "the aggregator's memory is almost full, so that no session begins"),
        absl::Seconds(2));
  }
  const uint64_t sum = SessionSum::Bytes(task.task.vector());
  if (accumulator_bytes_ + sum > options_.accumulator_bytes) {
    services_.recorder.OverloadRejection(metrics::Overload::kMemory);
    return WithRetryAfter(
        StatusFor(v1::REASON_OVERLOADED,
                  absl::StrCat("the sum of a session of this task takes ", sum,
                               " bytes; of limits.accumulator_bytes = ", options_.accumulator_bytes,
                               " the running sessions take ", accumulator_bytes_)),
        absl::Seconds(1));
  }
  return CheckKeepsUp();
}

std::unique_ptr<SessionStorage> Aggregator::StorageFor(Claim claim) {
  if (storage_.sessions == nullptr) return nullptr;
  return std::make_unique<SessionStorage>(storage_, std::move(claim), services_.executors);
}

// Of a session that runs, or is about to.
void Aggregator::Reserve(TaskEntry& task, const v1::Task& session_task) {
  ++task.running;
  ++running_;
  accumulator_bytes_ += SessionSum::Bytes(session_task.vector());
}

void Aggregator::Release(const v1::Task& session_task) {
  --running_;
  accumulator_bytes_ -= SessionSum::Bytes(session_task.vector());
  const auto task = tasks_.find(session_task.task_id());
  if (--task->second.running > 0 || !task->second.orphan) return;
  const absl::Status why =
      StatusFor(v1::REASON_UNKNOWN_TASK, "the task is not configured any more");
  for (auto& [connection, entry] : connections_) {
    if (entry.session == nullptr && entry.task_id == session_task.task_id()) {
      Refuse(entry.connection, why);
    }
  }
  tasks_.erase(task);
}

void Aggregator::Open(TaskEntry& task, std::string model_hash,
                      Answer<std::shared_ptr<SessionRuntime>> answer) {
  if (absl::Status room = CheckRoom(task); !room.ok()) return answer(room);
  v1::SessionHeader header = HeaderOf(task.task);
  std::array<uint8_t, limits::kSessionIdBytes> id;
  options_.random(absl::MakeSpan(id));
  header.set_session_id(crypto::ToString(id));
  header.set_model_hash(std::move(model_hash));
  auto session =
      SessionRuntime::Create(task.task, header, services_, StorageFor({header.session_id(), 1}));
  if (!session.ok()) return answer(session.status());
  Reserve(task, task.task);
  task.opening = *session;
  const std::string task_id = task.task.task_id();
  if (storage_.sessions == nullptr) return Opened(task_id, absl::OkStatus(), answer);
  NewSession stored{header.session_id(), header.task_id(), task.task.SerializeAsString(),
                    header.SerializeAsString(), absl::Now()};
  storage_.sessions->CreateSession(
      std::move(stored), HeldOpen(services_.executors, [self = shared_from_this(), task_id,
                                                        answer](const absl::Status& status) {
        self->Post([self, task_id, status, answer] { self->Opened(task_id, status, answer); });
      }));
}

void Aggregator::Opened(const std::string& task_id, const absl::Status& stored,
                        const Answer<std::shared_ptr<SessionRuntime>>& answer) {
  TaskEntry& task = tasks_.at(task_id);
  const std::shared_ptr<SessionRuntime> session = std::exchange(task.opening, nullptr);
  if (!stored.ok() || stopped_) {
    Release(session->task());
    return answer(stored.ok() ? StatusFor(v1::REASON_SHUTDOWN, "the aggregator is starting again")
                              : stored);
  }
  const std::string& session_id = session->session_id();
  session_list_.emplace_front(session_id, SessionEntry{session, nullptr});
  sessions_[session_id] = session_list_.begin();
  task.open = session;
  task.task.set_sessions_started(task.task.sessions_started() + 1);
  spdlog::info("session {} of task {}: open, up to {} clients", ShortId(session_id),
               task.task.task_id(), task.task.max_clients());
  session->Start(ListenerOf(session_id));
  for (auto& [connection, entry] : connections_) {
    if (entry.session == nullptr && entry.task_id == session->task_id()) OfferTo(entry, session);
  }
  answer(session);
}

SessionListener Aggregator::ListenerOf(const std::string& session_id) {
  const auto posted = [weak = weak_from_this(), session_id](auto method) {
    return [weak, session_id, method] {
      const auto self = weak.lock();
      if (self != nullptr) self->Post([self, session_id, method] { (*self.*method)(session_id); });
    };
  };
  return {posted(&Aggregator::RosterClosed), posted(&Aggregator::SessionFinished)};
}

void Aggregator::OpenOnDemand(TaskEntry& task) {
  // One after another: a client that is late for one session starts the next with all the others,
  // not alone.
  if (!task.task.sessions_on_demand() || task.running != 0 || draining_) return;
  if (pressure_ >= Pressure::kNoSessions) {  // SetPressure comes back to them.
    return services_.recorder.OverloadRejection(metrics::Overload::kMemory);
  }
  Open(task, "", [task_id = task.task.task_id()](const auto& opened) {
    if (opened.ok()) return;
    spdlog::warn("task {}: no session for those who wait: {}", task_id,
                 std::string(opened.status().message()));
  });
}

void Aggregator::RosterClosed(const std::string& session_id) {
  const auto session = FindLiveSession(session_id);
  if (!session.ok()) return;
  const auto task = FindTask((*session)->task_id());
  if (task.ok() && (*task)->open == *session) (*task)->open.reset();
}

void Aggregator::SessionFinished(const std::string& session_id) {
  const absl::StatusOr<SessionEntry*> found = FindSession(session_id);
  if (!found.ok() || !(*found)->running) return;
  SessionEntry& entry = **found;
  entry.running = false;
  entry.last = entry.runtime->snapshot();
  if (entry.last->state() == v1::SESSION_STATE_COMPLETED) {
    v1::Task& task = tasks_.at(entry.runtime->task_id()).task;
    task.set_sessions_completed(task.sessions_completed() + 1);
  }
  Release(entry.runtime->task());
  ForgetOldSessions();
  if (draining_) {
    if (running_ == 0 && idle_) std::exchange(idle_, nullptr)();
    return;
  }
  OpenForThoseWhoWait();
}

void Aggregator::OpenForThoseWhoWait() {
  std::set<std::string> waited_for;
  for (const auto& [connection, client] : connections_) {
    if (client.session == nullptr) waited_for.insert(client.task_id);
  }
  for (const std::string& task_id : waited_for) {
    if (const auto task = FindTask(task_id); task.ok()) OpenOnDemand(**task);
  }
}

// The oldest first: their sums and seats, their reports' clients, later their reports.
void Aggregator::ForgetOldSessions() {
  // Counted apart: a series of aborted sessions must not push out the sums of others.
  uint64_t completed = 0;
  uint64_t aborted = 0;
  uint64_t listed = 0;
  uint64_t room = kWholeReportBytes;
  for (auto at = session_list_.begin(); at != session_list_.end();) {
    SessionEntry& entry = at->second;
    ++listed;
    if (!entry.running && entry.runtime != nullptr) {
      const bool has_sum = entry.Snapshot()->state() == v1::SESSION_STATE_COMPLETED;
      if (++(has_sum ? completed : aborted) > options_.kept_results) {
        entry.runtime->Forget();  // Somebody may still hold the session itself.
        entry.runtime.reset();
      }
    }
    if (entry.last != nullptr) entry.last = KeptReport(std::move(entry.last), room);
    if (!entry.running && listed > limits::kMaxListedSessions) {
      if (storage_.sessions != nullptr) {
        storage_.sessions->EraseSession(at->first, HeldOpen(services_.executors, [](auto) {}));
      }
      sessions_.erase(at->first);
      at = session_list_.erase(at);
    } else {
      ++at;
    }
  }
}

}  // namespace veilsum::aggregator
