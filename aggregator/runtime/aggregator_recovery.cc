// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The start: what an earlier process has stored, taken up again.

#include <future>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aggregator/config/task_rules.h"
#include "aggregator/runtime/aggregator.h"
#include "aggregator/runtime/names.h"
#include "proto/reason_status.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

// A crash may have come between the end of a session, which is stored, and the removal of what led
// to it. Only a completed one has a result.
void RemoveLeftovers(BlobStore& blobs, const std::string& session_id, const v1::Session& report) {
  if (report.state() == v1::SESSION_STATE_COMPLETED) {
    blobs.RemoveCheckpointsBefore(session_id, std::numeric_limits<uint64_t>::max());
  } else {
    blobs.RemoveSession(session_id);
  }
}

}  // namespace

absl::StatusOr<Aggregator::Recovered> Aggregator::Recover() {
  if (!stores_) return Recovered{};
  const auto recovered = std::make_shared<std::promise<absl::StatusOr<Recovered>>>();
  Post([this, recovered] { recovered->set_value(RecoverAll()); });
  return recovered->get_future().get();
}

absl::StatusOr<Aggregator::Recovered> Aggregator::RecoverAll() {
  Recovered recovered;
  const absl::StatusOr<uint64_t> tasks = RecoverTasks();
  if (!tasks.ok()) return tasks.status();
  recovered.tasks = *tasks;
  const absl::StatusOr<std::vector<SessionSummary>> sessions = storage_.sessions->Sessions();
  if (!sessions.ok()) return sessions.status();
  std::vector<std::string> with_blobs;
  for (const SessionSummary& summary : *sessions) {
    if (!summary.forgotten) with_blobs.push_back(summary.session_id);
  }
  storage_.blobs->RemoveOthers(with_blobs);
  for (const SessionSummary& summary : *sessions) {
    const absl::Status status = RecoverSession(summary, recovered);
    if (!status.ok()) return status;
  }
  ForgetOldSessions();
  return recovered;
}

// Those of the configuration are there already, and win.
absl::StatusOr<uint64_t> Aggregator::RecoverTasks() {
  const absl::StatusOr<std::vector<StoredTask>> stored = storage_.sessions->Tasks();
  if (!stored.ok()) return stored.status();
  uint64_t taken = 0;
  for (const StoredTask& one : *stored) {
    if (tasks_.count(one.task_id) != 0) {
      spdlog::info("task {}: as configured; the one that was created before has its name",
                   one.task_id);
      continue;
    }
    v1::Task task;
    absl::StatusOr<v1::Task> checked =
        StatusFor(v1::REASON_STORAGE_FAILED, "what is stored of it is damaged");
    if (!one.damaged && task.ParseFromString(one.task)) checked = CheckTask(task);
    absl::Status fits = checked.status();
    if (fits.ok()) fits = CheckFits(*checked, options_);
    if (!fits.ok()) {
      spdlog::error("task {}: was created before and cannot be taken up: {}", one.task_id,
                    std::string(fits.message()));
      continue;
    }
    AddTask(*checked);
    ++taken;
  }
  return taken;
}

// The newest come first. Only damage costs a session its life: what cannot be read now may be
// whole, so that the process must not go on without it.
absl::Status Aggregator::RecoverSession(const SessionSummary& summary, Recovered& recovered) {
  SessionEntry entry;
  entry.running = false;
  Claim claim;
  if (summary.forgotten && summary.damaged) {
    entry.last = ReportLost(summary, claim, absl::DataLossError("its report"));
    ++recovered.lost;
  } else if (summary.forgotten) {
    auto report = std::make_shared<v1::Session>();
    if (!report->ParseFromString(summary.report)) report->set_session_id(summary.session_id);
    entry.last = std::move(report);
    ++recovered.ended;
  } else if (auto restored = RestoreSession(summary, claim); restored.ok()) {
    entry.runtime = *std::move(restored);
    entry.running = !entry.runtime->has_ended();
    if (!entry.running) {
      const SessionSnapshot replayed = entry.runtime->snapshot();
      entry.last = ReportOf(summary, claim, replayed);
      RemoveLeftovers(*storage_.blobs, summary.session_id, *replayed);
    }
    ++(entry.running ? recovered.running : recovered.ended);
  } else if (!absl::IsDataLoss(restored.status())) {
    return WithReason(absl::Status(restored.status().code(),
                                   absl::StrCat("session ", ShortId(summary.session_id),
                                                ": what is stored of it cannot be read: ",
                                                restored.status().message(),
                                                ". Nothing is lost: mend that, and start again")),
                      v1::REASON_STORAGE_FAILED);
  } else {
    entry.last = ReportLost(summary, claim, restored.status());
    ++recovered.lost;
  }
  const std::shared_ptr<SessionRuntime> runtime = entry.runtime;
  const SessionSnapshot snapshot = entry.Snapshot();
  session_list_.emplace_back(summary.session_id, std::move(entry));
  sessions_[summary.session_id] = std::prev(session_list_.end());
  if (runtime != nullptr) GoOn(runtime);
  const auto task = FindTask(snapshot->task_id());
  if (!task.ok()) return absl::OkStatus();
  (*task)->task.set_sessions_started((*task)->task.sessions_started() + 1);
  if (snapshot->state() == v1::SESSION_STATE_COMPLETED) {
    (*task)->task.set_sessions_completed((*task)->task.sessions_completed() + 1);
  }
  return absl::OkStatus();
}

// DATA_LOSS: it will never go on. Any other error: it could not be read.
absl::StatusOr<std::shared_ptr<SessionRuntime>> Aggregator::RestoreSession(
    const SessionSummary& summary, Claim& claim) {
  absl::StatusOr<StoredSession> stored = storage_.sessions->Take(summary.session_id);
  if (!stored.ok()) return stored.status();
  claim = stored->claim;
  std::optional<BlobStore::Checkpoint> checkpoint;
  if (!summary.ended) {
    auto latest = storage_.blobs->LatestCheckpoint(summary.session_id);
    if (!latest.ok()) return latest.status();
    checkpoint = *std::move(latest);
  }
  auto restored = SessionRuntime::Restore(*std::move(stored), std::move(checkpoint), services_,
                                          StorageFor(claim));
  if (restored.ok()) return restored;
  // It was read: whatever is wrong with it will be at the next start too.
  return absl::DataLossError(restored.status().message());
}

void Aggregator::GoOn(const std::shared_ptr<SessionRuntime>& session) {
  const bool takes_clients = session->takes_clients();
  const bool has_ended = session->has_ended();
  session->Start(ListenerOf(session->session_id()));
  if (has_ended) return;
  const std::string& task_id = session->task_id();
  if (tasks_.count(task_id) == 0) {
    AddTask(session->task());
    TaskEntry& orphan = tasks_.at(task_id);
    orphan.orphan = true;
    orphan.task.set_sessions_on_demand(false);
    orphan.task.clear_sessions_started();
    orphan.task.clear_sessions_completed();
    spdlog::warn("task {}: is not configured any more; it stays until its sessions have ended",
                 task_id);
  }
  TaskEntry& task = tasks_.at(task_id);
  Reserve(task, session->task());
  const SessionSnapshot snapshot = session->snapshot();
  spdlog::info("session {} of task {}: goes on after a restart, in {}",
               ShortId(session->session_id()), task_id, v1::SessionState_Name(snapshot->state()));
  if (!takes_clients) return;
  const uint64_t version = snapshot->header().roster_version();
  if (version != options_.roster_version) {
    return session->Abort(
        v1::REASON_ABORTED_BY_OPERATOR,
        absl::StrCat("the roster of identities changed from version ", version, " to ",
                     options_.roster_version, " while the session took its clients"));
  }
  if (task.open == nullptr) task.open = session;
}

// Of a session that has ended: what was stored of it, or made now if the process was gone by then.
SessionSnapshot Aggregator::ReportOf(const SessionSummary& summary, const Claim& claim,
                                     const SessionSnapshot& replayed) {
  auto report = std::make_shared<v1::Session>();
  if (report->ParseFromString(summary.report) && HasEnded(*report)) return report;
  storage_.sessions->PutReport(claim, replayed->SerializeAsString(),
                               HeldOpen(services_.executors, [](const absl::Status&) {}));
  return replayed;
}

// It has ended, and that is stored. With a report from before, it is that.
SessionSnapshot Aggregator::ReportLost(const SessionSummary& summary, const Claim& claim,
                                       const absl::Status& why) {
  const std::string& session_id = summary.session_id;
  spdlog::error("session {}: cannot go on, what is stored of it is damaged: {}",
                ShortId(session_id), std::string(why.message()));
  auto report = std::make_shared<v1::Session>();
  const bool known = report->ParseFromString(summary.report) && HasEnded(*report);
  // Its shares are gone already, and its sum may be whole: for whoever wants to save it by hand.
  if (known && summary.ended && report->state() == v1::SESSION_STATE_COMPLETED) {
    RemoveLeftovers(*storage_.blobs, session_id, *report);
    return report;
  }
  if (!known) {
    report->Clear();
    report->set_session_id(session_id);
    report->set_state(v1::SESSION_STATE_ABORTED);
    report->set_abort_reason(v1::REASON_STORAGE_FAILED);
    report->set_abort_detail(
        absl::StrCat("what was stored of the session is damaged: ", why.message()));
    services_.recorder.SessionStarted();
    services_.recorder.SessionFinished(v1::REASON_STORAGE_FAILED, v1::ROUND_UNSPECIFIED, 0);
  }
  const std::weak_ptr<BlobStore> weak = storage_.blobs;
  auto ended = HeldOpen(services_.executors, [weak, session_id](const absl::Status& stored) {
    if (!stored.ok()) {
      spdlog::error(
          "session {}: its end could not be stored, so that its shares stay until the "
          "next start: {}",
          ShortId(session_id), std::string(stored.message()));
      return;
    }
    // Not before: without its damaged checkpoint the session would look whole, and lack inputs that
    // receipts were given for.
    if (const auto blobs = weak.lock()) blobs->RemoveSession(session_id);
  });
  if (claim.fence != 0 && !summary.ended) {  // Its operations are whole, and tell what it did.
    FinishSession finish{report->abort_reason(), report->abort_detail()};
    storage_.sessions->Commit(claim, {std::move(finish)}, absl::Now(), std::move(ended));
    storage_.sessions->PutReport(claim, report->SerializeAsString(),
                                 HeldOpen(services_.executors, [](const absl::Status&) {}));
  } else {
    storage_.sessions->EndDamaged(session_id, report->SerializeAsString(), std::move(ended));
  }
  return report;
}

}  // namespace veilsum::aggregator
