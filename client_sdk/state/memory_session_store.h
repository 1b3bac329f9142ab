// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A SessionStore that forgets everything with its process: a client that dies in a session is out
// of it, and one that is started again may answer a second time for the same model. For tests, and
// for callers who accept that.
#ifndef VEILSUM_CLIENT_SDK_STATE_MEMORY_SESSION_STORE_H_
#define VEILSUM_CLIENT_SDK_STATE_MEMORY_SESSION_STORE_H_

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "client_sdk/state/session_store.h"

namespace veilsum::client {

class MemorySessionStore final : public SessionStore {
 public:
  absl::StatusOr<std::optional<SavedSession>> Unfinished(absl::string_view task_id) override;
  absl::Status Begin(const SavedSession& session, absl::Time now) override;
  absl::Status Remember(absl::string_view task_id, absl::string_view entry,
                        const std::optional<crypto::Digest>& answered) override;
  absl::Status End(absl::string_view task_id) override;
  absl::StatusOr<bool> IsAnswered(absl::string_view task_id,
                                  const crypto::Digest& model_hash) override;
  absl::StatusOr<uint64_t> StartedAfter(absl::Time time) override;

 private:
  std::mutex mutex_;
  std::map<std::string, SavedSession, std::less<>> unfinished_;  // By task.
  std::map<std::string, absl::Time> started_;                    // By session id.
  std::set<std::pair<std::string, crypto::Digest>> answered_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_STATE_MEMORY_SESSION_STORE_H_
