// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A SessionStore in an SQLite file.
#ifndef VEILSUM_AGGREGATOR_STORE_SQLITE_SESSION_STORE_H_
#define VEILSUM_AGGREGATOR_STORE_SQLITE_SESSION_STORE_H_

#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "aggregator/store/data_directory.h"
#include "aggregator/store/schema.h"
#include "aggregator/store/session_store.h"
#include "aggregator/store/session_tables.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

struct SqliteStoreOptions {
  std::shared_ptr<const DataDirectory> directory;
  std::function<void(const absl::Status&)> fatal;  // As in StorageOptions; not null.
  metrics::Recorder* recorder = nullptr;           // Not null.
  std::vector<Migration> migrations = Migrations();
};

// One thread takes all that waits and writes it in one transaction with one fsync. A request that
// is refused is undone by itself; a full disk undoes all, and all of it is tried again.
//
// A flipped byte in a row makes its session DATA_LOSS, in the structure of the file the whole
// database. What was not yet moved out of the write-ahead log when the process was killed has
// SQLite's checksums only: damage there, before the next start, can take the last batches away as a
// whole, as if the process had been killed before them.
class SqliteSessionStore final : public SessionStore {
 public:
  static constexpr char kFileName[] = "sessions.sqlite";

  // Errors as OpenStorage.
  static absl::StatusOr<std::shared_ptr<SqliteSessionStore>> Open(SqliteStoreOptions options);
  ~SqliteSessionStore() override;

  absl::StatusOr<std::vector<StoredTask>> Tasks() override;
  absl::StatusOr<std::vector<SessionSummary>> Sessions() override;
  absl::StatusOr<StoredSession> Take(const std::string& session_id) override;
  void PutTask(StoredTask task, Done done) override;
  void CreateSession(NewSession session, Done done) override;
  void Commit(const Claim& claim, std::vector<Operation> operations, absl::Time now,
              Done done) override;
  void PutReport(const Claim& claim, std::string report, Done done) override;
  void ForgetSession(const Claim& claim, Done done) override;
  void EndDamaged(const std::string& session_id, std::string report, Done done) override;
  void EraseSession(const std::string& session_id, Done done) override;
  absl::Status healthy() const override;
  uint64_t queued_bytes() const override { return queued_bytes_; }

 private:
  struct Request {
    // In a savepoint, which is undone after an error. Again from the start if the disk was full.
    std::function<absl::Status(SessionTables&)> work;
    Done done;
    uint64_t bytes = 0;
    bool reads = false;   // Then a damaged file is the answer.
    bool erases = false;  // Then what is in the log has to go.
  };

  SqliteSessionStore(SqliteStoreOptions options, SessionTables tables);

  void Enqueue(Request request);
  template <class Result>
  absl::StatusOr<Result> Ask(absl::StatusOr<Result> (SessionTables::*read)());
  absl::Status Perform(Request request);  // Waits.

  // On the thread.
  void Flush();
  bool WriteBatch();
  bool TruncateIfDue();
  absl::Status RunBatch(std::vector<absl::Status>& answers);
  void Answer(const std::vector<absl::Status>& answers);
  // After an error of the disk: false, and a later Flush, or the process ends.
  bool Cope(const absl::Status& error);
  void SetHealth(absl::Status health);

  const SqliteStoreOptions options_;
  const std::string log_path_;
  SessionTables tables_;  // Of the thread.

  mutable std::mutex mutex_;  // Guards what follows.
  std::vector<Request> queue_;
  bool flushing_ = false;  // Flush was posted, or waits for its timer.
  bool closing_ = false;
  absl::Status health_;

  std::atomic<uint64_t> queued_bytes_ = 0;
  // Of the thread.
  std::vector<Request> batch_;
  bool truncate_due_ = false;
  std::chrono::milliseconds delay_{0};
  asio::thread_pool thread_{1};
  asio::steady_timer timer_{thread_};
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_SQLITE_SESSION_STORE_H_
