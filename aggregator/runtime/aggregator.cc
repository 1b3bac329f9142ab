// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Tasks and sessions: which exist, which run, which are remembered.

#include "aggregator/runtime/aggregator.h"

#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/names.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"
#include "proto/vector_arithmetic.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

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

absl::Status CheckFits(const v1::Task& task, const AggregatorOptions& options) {
  const auto too_big = [&](absl::string_view what, uint64_t bytes, absl::string_view limit,
                           uint64_t most) {
    return StatusFor(v1::REASON_INVALID_ARGUMENT,
                     absl::StrCat("task.vector.dimension: of task ", task.task_id(), " makes ",
                                  what, " ", bytes, " bytes, more than limits.", limit, " = ", most,
                                  " of the aggregator's configuration"));
  };
  const uint64_t upload = PackedBytes(task.vector());
  if (upload > options.pending_upload_bytes) {
    return too_big("one upload", upload, "pending_upload_bytes", options.pending_upload_bytes);
  }
  const uint64_t sum = SessionSum::Bytes(task.vector());
  if (sum > options.accumulator_bytes) {
    return too_big("the sum", sum, "accumulator_bytes", options.accumulator_bytes);
  }
  return absl::OkStatus();
}

Aggregator::Aggregator(AggregatorOptions options, Executors& executors, metrics::Recorder& recorder)
    : options_(std::move(options)),
      services_{executors, recorder,
                std::make_shared<PendingUploads>(options_.pending_upload_bytes, recorder),
                options_.admits, options_.enrolment},
      strand_(executors.NewControlStrand()) {
  recorder.BufferLimit(metrics::Pool::kAccumulator, options_.accumulator_bytes);
  for (const v1::Task& task : options_.tasks) AddTask(task);
}

void Aggregator::AddTask(const v1::Task& task) {
  TaskEntry& entry = tasks_[task.task_id()];
  entry.task = task;
  entry.task.set_roster_version(options_.roster_version);
}

void Aggregator::Post(std::function<void()> work) {
  asio::post(strand_, [self = shared_from_this(), work = std::move(work)] { work(); });
}

absl::StatusOr<Aggregator::TaskEntry*> Aggregator::FindTask(const std::string& task_id) {
  const auto found = tasks_.find(task_id);
  if (found != tasks_.end()) return &found->second;
  return StatusFor(v1::REASON_UNKNOWN_TASK, absl::StrCat("there is no task \"", task_id, "\""));
}

absl::StatusOr<Aggregator::SessionEntry*> Aggregator::FindSession(const std::string& session_id) {
  const auto found = sessions_.find(session_id);
  if (found != sessions_.end()) return &found->second->second;
  return StatusFor(v1::REASON_UNKNOWN_SESSION,
                   "there is no such session: it is of another aggregator, older than this "
                   "process, or long over");
}

absl::StatusOr<std::shared_ptr<SessionRuntime>> Aggregator::FindLiveSession(
    const std::string& session_id) {
  const absl::StatusOr<SessionEntry*> entry = FindSession(session_id);
  if (!entry.ok()) return entry.status();
  if ((*entry)->runtime != nullptr) return (*entry)->runtime;
  return StatusFor(v1::REASON_UNKNOWN_SESSION,
                   "the session has ended and newer ones took its place; only its report is kept");
}

absl::StatusOr<std::shared_ptr<SessionRuntime>> Aggregator::Open(TaskEntry& task,
                                                                 std::string model_hash) {
  if (draining_) {
    services_.recorder.OverloadRejection(metrics::Overload::kDraining);
    return StatusFor(v1::REASON_DRAINING, "the aggregator is shutting down");
  }
  if (pressure_ >= Pressure::kNoSessions) {
    services_.recorder.OverloadRejection(metrics::Overload::kMemory);
    return WithRetryAfter(StatusFor(v1::REASON_OVERLOADED, "memory is short (limits.memory_bytes)"),
                          absl::Seconds(5));
  }
  if (running_ >= options_.max_sessions) {
    services_.recorder.OverloadRejection(metrics::Overload::kInflight);
    return WithRetryAfter(
        StatusFor(v1::REASON_OVERLOADED,
                  absl::StrCat(running_, " sessions are running, which is limits.max_sessions")),
        absl::Seconds(1));
  }
  const uint64_t accumulator = SessionSum::Bytes(task.task.vector());
  if (accumulator > options_.accumulator_bytes - accumulator_bytes_) {
    services_.recorder.OverloadRejection(metrics::Overload::kMemory);
    return WithRetryAfter(
        StatusFor(v1::REASON_OVERLOADED,
                  absl::StrCat("the sum of a session of this task takes ", accumulator,
                               " bytes; of limits.accumulator_bytes = ", options_.accumulator_bytes,
                               " the running sessions take ", accumulator_bytes_)),
        absl::Seconds(1));
  }
  v1::SessionHeader header = HeaderOf(task.task);
  std::array<uint8_t, limits::kSessionIdBytes> id;
  options_.random(absl::MakeSpan(id));
  header.set_session_id(crypto::ToString(id));
  header.set_model_hash(std::move(model_hash));
  auto session = SessionRuntime::Create(task.task, header, services_);
  if (!session.ok()) return session.status();

  const std::string session_id = header.session_id();
  session_list_.emplace_front(session_id, SessionEntry{*session, nullptr});
  sessions_[session_id] = session_list_.begin();
  task.open = *session;
  ++task.running;
  ++running_;
  accumulator_bytes_ += accumulator;
  task.task.set_sessions_started(task.task.sessions_started() + 1);
  spdlog::info("session {} of task {}: open, up to {} clients", ShortId(session_id),
               task.task.task_id(), task.task.max_clients());
  const auto posted = [weak = weak_from_this(), session_id](auto method) {
    return [weak, session_id, method] {
      const auto self = weak.lock();
      if (self != nullptr) self->Post([self, session_id, method] { (*self.*method)(session_id); });
    };
  };
  (*session)->Start({posted(&Aggregator::RosterClosed), posted(&Aggregator::SessionFinished)});
  for (auto& [connection, entry] : connections_) {
    if (entry.session == nullptr && entry.task_id == task.task.task_id()) {
      OfferTo(entry, *session);
    }
  }
  return *session;
}

void Aggregator::OpenOnDemand(TaskEntry& task) {
  // One after another: a client that is late for one session starts the next with all the others,
  // not alone.
  if (!task.task.sessions_on_demand() || task.running != 0 || draining_) return;
  if (pressure_ >= Pressure::kNoSessions) {  // SetPressure comes back to them.
    return services_.recorder.OverloadRejection(metrics::Overload::kMemory);
  }
  const auto opened = Open(task, "");
  if (!opened.ok()) {
    spdlog::warn("task {}: no session for those who wait: {}", task.task.task_id(),
                 std::string(opened.status().message()));
  }
}

void Aggregator::RosterClosed(const std::string& session_id) {
  const auto session = FindLiveSession(session_id);
  if (!session.ok()) return;
  TaskEntry& task = tasks_.at((*session)->task_id());
  if (task.open == *session) task.open.reset();
}

void Aggregator::SessionFinished(const std::string& session_id) {
  const absl::StatusOr<SessionEntry*> found = FindSession(session_id);
  if (!found.ok() || !(*found)->running) return;
  SessionEntry& entry = **found;
  entry.running = false;
  entry.last = entry.runtime->snapshot();
  TaskEntry& task = tasks_.at(entry.runtime->task_id());
  --task.running;
  --running_;
  accumulator_bytes_ -= SessionSum::Bytes(task.task.vector());
  if (entry.last->state() == v1::SESSION_STATE_COMPLETED) {
    task.task.set_sessions_completed(task.task.sessions_completed() + 1);
  }
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
  for (const std::string& task_id : waited_for) OpenOnDemand(tasks_.at(task_id));
}

void Aggregator::SetPressure(Pressure pressure, uint64_t excess_bytes) {
  services_.uploads->SetAdmitting(pressure < Pressure::kNoUploads);
  if (excess_bytes > 0) services_.uploads->CutYoungest(excess_bytes);
  Post([this, pressure] {
    const Pressure before = std::exchange(pressure_, pressure);
    if (before >= Pressure::kNoSessions && pressure < Pressure::kNoSessions) OpenForThoseWhoWait();
  });
}

// The oldest first: their sums and seats, later their reports.
void Aggregator::ForgetOldSessions() {
  // Counted apart: a series of aborted sessions must not push out the sums of others.
  uint64_t completed = 0;
  uint64_t aborted = 0;
  uint64_t listed = 0;
  for (auto at = session_list_.begin(); at != session_list_.end();) {
    SessionEntry& entry = at->second;
    ++listed;
    if (!entry.running && entry.runtime != nullptr) {
      const bool has_sum = entry.Snapshot()->state() == v1::SESSION_STATE_COMPLETED;
      if (++(has_sum ? completed : aborted) > options_.kept_results) {
        entry.runtime->DropResult();  // Somebody may still hold the session itself.
        entry.runtime.reset();
      }
    }
    if (!entry.running && listed > limits::kMaxListedSessions) {
      sessions_.erase(at->first);
      at = session_list_.erase(at);
    } else {
      ++at;
    }
  }
}

void Aggregator::Drain(std::function<void()> idle) {
  Post([this, idle = std::move(idle)] {
    if (!draining_) {
      draining_ = true;
      services_.recorder.Draining(true);
      const absl::Status why = StatusFor(v1::REASON_DRAINING, "the aggregator is shutting down");
      for (auto& [connection, entry] : connections_) {
        if (entry.session == nullptr) Refuse(entry.connection, why);
      }
    }
    idle_ = idle;
    if (running_ == 0) std::exchange(idle_, nullptr)();
  });
}

void Aggregator::AbortAll(v1::Reason reason, std::string detail) {
  Post([this, reason, detail = std::move(detail)] {
    for (auto& [session_id, entry] : session_list_) {
      if (entry.running) entry.runtime->Abort(reason, detail);
    }
  });
}

}  // namespace veilsum::aggregator
