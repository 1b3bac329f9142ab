// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/state/memory_session_store.h"

#include <algorithm>

#include "client_sdk/state/state_error.h"

namespace veilsum::client {
namespace {

SavedSession Copy(const SavedSession& session) {
  return {session.task_id, session.session_id, session.identity, session.secret.Clone(),
          session.journal};
}

}  // namespace

absl::StatusOr<std::optional<SavedSession>> MemorySessionStore::Unfinished(
    absl::string_view task_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = unfinished_.find(std::string(task_id));
  if (found == unfinished_.end()) return std::nullopt;
  return Copy(found->second);
}

absl::Status MemorySessionStore::Begin(const SavedSession& session, absl::Time now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (unfinished_.count(session.task_id) != 0) return UnfinishedSessionError(session.task_id);
  if (!started_.try_emplace(session.session_id, now).second) return RepeatedSessionError();
  unfinished_.emplace(session.task_id, Copy(session));
  return absl::OkStatus();
}

absl::Status MemorySessionStore::Remember(absl::string_view task_id, absl::string_view entry,
                                          const std::optional<crypto::Digest>& answered) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = unfinished_.find(std::string(task_id));
  if (found == unfinished_.end()) return NoSessionError(task_id);
  found->second.journal.emplace_back(entry);
  if (answered.has_value()) answered_.emplace(std::string(task_id), *answered);
  return absl::OkStatus();
}

absl::Status MemorySessionStore::End(absl::string_view task_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  unfinished_.erase(std::string(task_id));
  return absl::OkStatus();
}

absl::StatusOr<bool> MemorySessionStore::IsAnswered(absl::string_view task_id,
                                                    const crypto::Digest& model_hash) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return answered_.count({std::string(task_id), model_hash}) != 0;
}

absl::StatusOr<uint64_t> MemorySessionStore::StartedAfter(absl::Time time) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<uint64_t>(std::count_if(
      started_.begin(), started_.end(), [time](const auto& one) { return one.second > time; }));
}

}  // namespace veilsum::client
