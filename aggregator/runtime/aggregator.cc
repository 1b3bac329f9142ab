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

namespace {

AggregatorOptions WithoutStorage(AggregatorOptions options) {
  options.storage = {};
  return options;
}

}  // namespace

Aggregator::Aggregator(AggregatorOptions options, Executors& executors, metrics::Recorder& recorder)
    : options_(WithoutStorage(options)),
      services_{executors, recorder,
                std::make_shared<PendingUploads>(options_.pending_upload_bytes, recorder),
                options_.admits, options_.enrolment},
      strand_(executors.NewControlStrand()),
      storage_(std::move(options.storage)),
      stores_(storage_.sessions != nullptr) {
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
                   stores_ ? "there is no such session: it is of another aggregator, or long over"
                           : "there is no such session: it is of another aggregator, lost when "
                             "this one started again, or long over");
}

absl::StatusOr<std::shared_ptr<SessionRuntime>> Aggregator::FindLiveSession(
    const std::string& session_id) {
  if (stopped_) {
    return StatusFor(v1::REASON_SHUTDOWN, "the aggregator is starting again; come back shortly");
  }
  const absl::StatusOr<SessionEntry*> entry = FindSession(session_id);
  if (!entry.ok()) return entry.status();
  if ((*entry)->runtime != nullptr) return (*entry)->runtime;
  const v1::Session& last = *(*entry)->last;
  if (last.abort_reason() == v1::REASON_STORAGE_FAILED) {
    return StatusFor(v1::REASON_STORAGE_FAILED, last.abort_detail());
  }
  return StatusFor(v1::REASON_UNKNOWN_SESSION,
                   "the session has ended and newer ones took its place; only its report is kept");
}

void Aggregator::SetPressure(Pressure pressure, uint64_t excess_bytes) {
  services_.uploads->SetAdmitting(pressure < Pressure::kNoUploads);
  if (excess_bytes > 0) services_.uploads->CutYoungest(excess_bytes);
  Post([this, pressure] {
    const Pressure before = std::exchange(pressure_, pressure);
    if (before >= Pressure::kNoSessions && pressure < Pressure::kNoSessions) OpenForThoseWhoWait();
  });
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

void Aggregator::Stop(std::function<void()> stopped) {
  Post([this, stopped = std::move(stopped)] {
    stopped_ = true;
    draining_ = true;
    const absl::Status why =
        StatusFor(v1::REASON_SHUTDOWN, "the aggregator is starting again; come back shortly");
    for (auto& [connection, entry] : connections_) entry.connection->Close(why);
    // The last session that has let go of the storage closes it.
    const std::shared_ptr<void> last(nullptr, [self = shared_from_this(), stopped](void*) {
      self->Post([self, stopped] {
        self->storage_ = {};
        stopped();
      });
    });
    for (auto& [session_id, entry] : session_list_) {
      if (entry.runtime != nullptr) entry.runtime->Stop([last] {});
    }
    for (auto& [task_id, entry] : tasks_) {
      if (entry.opening != nullptr) entry.opening->Stop([last] {});
    }
  });
}

}  // namespace veilsum::aggregator
