// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/memory_session_store.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>
#include <variant>

#include "aggregator/store/operation_record.h"
#include "aggregator/store/store_error.h"

namespace veilsum::aggregator {

void MemorySessionStore::Tell(absl::Status status, Done done) {
  asio::post(thread_, [status = std::move(status), done = std::move(done)] { done(status); });
}

absl::StatusOr<std::vector<StoredTask>> MemorySessionStore::Tasks() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<StoredTask> tasks;
  for (const auto& [id, task] : tasks_) tasks.push_back({id, task});
  return tasks;
}

absl::StatusOr<std::vector<SessionSummary>> MemorySessionStore::Sessions() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<const Session*> sessions;
  for (const auto& [id, session] : sessions_) sessions.push_back(&session);
  std::stable_sort(sessions.begin(), sessions.end(), [](const Session* a, const Session* b) {
    return a->session.created > b->session.created;
  });
  std::vector<SessionSummary> summaries;
  for (const Session* one : sessions) {
    summaries.push_back({one->session.session_id, one->ended, one->forgotten, one->report});
  }
  return summaries;
}

absl::StatusOr<StoredSession> MemorySessionStore::Take(const std::string& session_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end() || found->second.forgotten) return NoSessionError(session_id);
  Session& session = found->second;
  return StoredSession{session.session, {session_id, ++session.fence}, session.operations};
}

void MemorySessionStore::PutTask(StoredTask task, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  tasks_[task.task_id] = std::move(task.task);
  Tell(absl::OkStatus(), std::move(done));
}

void MemorySessionStore::CreateSession(NewSession session, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::string id = session.session_id;
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) {
    sessions_[id].session = std::move(session);
    return Tell(absl::OkStatus(), std::move(done));
  }
  const bool same = !found->second.forgotten && found->second.session == session;
  Tell(same ? absl::OkStatus() : OtherSessionError(id), std::move(done));
}

absl::StatusOr<MemorySessionStore::Session*> MemorySessionStore::Claimed(const Claim& claim) {
  const auto found = sessions_.find(claim.session_id);
  if (found == sessions_.end()) return NoSessionError(claim.session_id);
  if (found->second.fence != claim.fence) return FencedError(claim.session_id);
  return &found->second;
}

void MemorySessionStore::Commit(const Claim& claim, std::vector<Operation> operations,
                                absl::Time now, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::StatusOr<Session*> session = Claimed(claim);
  absl::Status status = session.status();
  if (status.ok()) status = Append(**session, std::move(operations), now);
  Tell(std::move(status), std::move(done));
}

absl::Status MemorySessionStore::Append(Session& session, std::vector<Operation> operations,
                                        absl::Time now) {
  const std::string& id = session.session.session_id;
  if (session.forgotten) return EndedError(id);
  Session changed = session;
  for (Operation& operation : operations) {
    const OperationRecord record = ToRecord(operation);
    const auto [slot, fresh] = changed.digests.try_emplace(record.slot, record.digest);
    if (!fresh && slot->second != record.digest) return ConflictError(id);
    if (!fresh) continue;
    if (changed.ended) return EndedError(id);
    changed.ended = std::holds_alternative<FinishSession>(operation);
    changed.operations.push_back({std::move(operation), now});
  }
  if (changed.ended) EraseShares(changed);
  session = std::move(changed);
  return absl::OkStatus();
}

void MemorySessionStore::EraseShares(Session& session) {
  for (StoredOperation& stored : session.operations) {
    auto* message = std::get_if<PutMessage>(&stored.operation);
    if (message != nullptr && IsErasedAtTheEnd(MessageSlots(message->phase))) {
      message->bytes.clear();
    }
  }
}

void MemorySessionStore::PutReport(const Claim& claim, std::string report, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::StatusOr<Session*> session = Claimed(claim);
  if (session.ok()) (*session)->report = std::move(report);
  Tell(session.status(), std::move(done));
}

void MemorySessionStore::ForgetSession(const Claim& claim, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::StatusOr<Session*> session = Claimed(claim);
  absl::Status status = session.status();
  if (status.ok() && !(*session)->ended) status = NotEndedError(claim.session_id);
  if (status.ok()) {
    (*session)->operations.clear();
    (*session)->digests.clear();
    (*session)->forgotten = true;
  }
  Tell(std::move(status), std::move(done));
}

void MemorySessionStore::EndDamaged(const std::string& session_id, std::string report, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return Tell(NoSessionError(session_id), std::move(done));
  Session& session = found->second;
  ++session.fence;
  session.operations.clear();
  session.digests.clear();
  session.ended = session.forgotten = true;
  session.report = std::move(report);
  Tell(absl::OkStatus(), std::move(done));
}

void MemorySessionStore::EraseSession(const std::string& session_id, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = sessions_.find(session_id);
  const bool runs = found != sessions_.end() && !found->second.ended;
  if (found != sessions_.end() && !runs) sessions_.erase(found);
  Tell(runs ? NotEndedError(session_id) : absl::OkStatus(), std::move(done));
}

}  // namespace veilsum::aggregator
