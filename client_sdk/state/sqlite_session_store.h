// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A SessionStore on disk: one SQLite file in a directory of its own.
#ifndef VEILSUM_CLIENT_SDK_STATE_SQLITE_SESSION_STORE_H_
#define VEILSUM_CLIENT_SDK_STATE_SQLITE_SESSION_STORE_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "client_sdk/state/session_store.h"
#include "client_sdk/state/state_directory.h"
#include "third_party/sqlite/database.h"

namespace veilsum::client {

// Survives crashes and power cuts: every write is synced, file and directory, before it returns.
// Erased bytes are overwritten in the file; older copies in flash cells, snapshots of the file
// system and unlinked rollback journals are beyond it: encrypt the disk.
//
// Never restore the directory from a backup: it would forget what the client signed. The database
// and a second file count every write, so a database that was put back alone is refused; one that
// was put back together with the counter cannot be told from a true one.
class SqliteSessionStore final : public SessionStore {
 public:
  // Makes the directory if it is not there (its parent must be). FAILED_PRECONDITION naming the
  // directory while another store, in this process or another one, has it open.
  static absl::StatusOr<std::unique_ptr<SqliteSessionStore>> Open(std::string directory);

  absl::StatusOr<std::optional<SavedSession>> Unfinished(absl::string_view task_id) override;
  absl::Status Begin(const SavedSession& session, absl::Time now) override;
  absl::Status Remember(absl::string_view task_id, absl::string_view entry,
                        const std::optional<crypto::Digest>& answered) override;
  absl::Status End(absl::string_view task_id) override;
  absl::StatusOr<bool> IsAnswered(absl::string_view task_id,
                                  const crypto::Digest& model_hash) override;
  absl::StatusOr<uint64_t> StartedAfter(absl::Time time) override;

 private:
  SqliteSessionStore(StateDirectory directory, sqlite::Database database)
      : directory_(std::move(directory)), database_(std::move(database)) {}

  absl::Status Prepare();
  absl::Status CheckGeneration();
  // A transaction that counts.
  absl::Status Write(absl::FunctionRef<absl::Status()> body);

  std::mutex mutex_;
  StateDirectory directory_;  // Unlocked after the database is closed.
  sqlite::Database database_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_STATE_SQLITE_SESSION_STORE_H_
