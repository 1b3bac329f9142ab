// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/sqlite_session_store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cstdlib>
#include <future>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/store/failpoint.h"
#include "aggregator/store/store_error.h"
#include "metrics/stopwatch.h"

namespace veilsum::aggregator {
namespace {

using metrics::Stopwatch;
using metrics::StoreOperation;
using metrics::StoreRetry;

// While the disk is full: soon at first, since others may be deleting, then at a pace that costs
// nothing.
constexpr std::chrono::milliseconds kFirstDelay(10);
constexpr std::chrono::milliseconds kLastDelay(1000);
// A log that is longer is moved into the database. Often enough to keep the start quick, seldom
// enough that most commits cost one fsync.
constexpr int64_t kLongLog = int64_t{4} << 20;
// What a request costs in memory besides its bytes.
constexpr uint64_t kRequestBytes = 256;

uint64_t SizeOf(const Operation& operation) {
  const auto* message = std::get_if<PutMessage>(&operation);
  return kRequestBytes + (message == nullptr ? 0 : message->bytes.size());
}

// Why to wait and try again; nullopt: this error must end the process.
std::optional<StoreRetry> Retry(const sqlite::Failure& failure) {
  switch (failure.code & 0xff) {
    case SQLITE_FULL:
      return StoreRetry::kFull;
    case SQLITE_READONLY:
      // Somebody took the file away: what is written goes nowhere.
      if (failure.code == SQLITE_READONLY_DBMOVED) return std::nullopt;
      return StoreRetry::kReadOnly;
    case SQLITE_IOERR:
      // After a failed fsync nobody knows what is on the disk, whatever the reason was.
      if (failure.code == SQLITE_IOERR_FSYNC || failure.code == SQLITE_IOERR_DIR_FSYNC ||
          !IsFullOrReadOnly(failure.system_error)) {
        return std::nullopt;
      }
      return failure.system_error == EROFS ? StoreRetry::kReadOnly : StoreRetry::kFull;
    default:
      return std::nullopt;
  }
}

int64_t FileSize(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? int64_t{info.st_size} : 0;
}

}  // namespace

absl::StatusOr<std::shared_ptr<SqliteSessionStore>> SqliteSessionStore::Open(
    SqliteStoreOptions options) {
  const absl::StatusOr<std::string> path = options.directory->PrivateFile(kFileName);
  if (!path.ok()) return path.status();
  absl::StatusOr<sqlite::Database> database = OpenDatabase(*path, options.migrations);
  if (!database.ok()) return WithReason(database.status(), v1::REASON_STORAGE_FAILED);
  return std::shared_ptr<SqliteSessionStore>(
      new SqliteSessionStore(std::move(options), SessionTables(*std::move(database))));
}

SqliteSessionStore::SqliteSessionStore(SqliteStoreOptions options, SessionTables tables)
    : options_(std::move(options)),
      log_path_(absl::StrCat(options_.directory->path(), "/", kFileName, "-wal")),
      tables_(std::move(tables)) {}

SqliteSessionStore::~SqliteSessionStore() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  // One last try for those who wait for the disk.
  asio::post(thread_, [this] { timer_.cancel(); });
  thread_.join();
  truncate_due_ = true;
  TruncateIfDue();
}

void SqliteSessionStore::Enqueue(Request request) {
  request.bytes += kRequestBytes;
  queued_bytes_ += request.bytes;
  const std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(request));
  if (flushing_) return;
  flushing_ = true;
  asio::post(thread_, [this] { Flush(); });
}

absl::Status SqliteSessionStore::Perform(Request request) {
  std::promise<absl::Status> promise;
  request.done = [&](absl::Status status) { promise.set_value(std::move(status)); };
  Enqueue(std::move(request));
  return promise.get_future().get();
}

template <class Result>
absl::StatusOr<Result> SqliteSessionStore::Ask(absl::StatusOr<Result> (SessionTables::*read)()) {
  absl::StatusOr<Result> result;
  absl::Status status = Perform({.work =
                                     [&](SessionTables& tables) {
                                       result = (tables.*read)();
                                       return result.status();
                                     },
                                 .done = nullptr,
                                 .reads = true});
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<std::vector<StoredTask>> SqliteSessionStore::Tasks() {
  return Ask(&SessionTables::Tasks);
}

absl::StatusOr<std::vector<SessionSummary>> SqliteSessionStore::Sessions() {
  return Ask(&SessionTables::Sessions);
}

absl::StatusOr<StoredSession> SqliteSessionStore::Take(const std::string& session_id) {
  absl::StatusOr<StoredSession> session;
  absl::Status status = Perform({.work =
                                     [&](SessionTables& tables) {
                                       session = tables.Take(session_id);
                                       return session.status();
                                     },
                                 .done = nullptr,
                                 .reads = true});
  if (!status.ok()) return status;
  return session;
}

void SqliteSessionStore::PutTask(StoredTask task, Done done) {
  const uint64_t bytes = task.task.size();
  Enqueue({.work = [task = std::move(task)](SessionTables& tables) { return tables.PutTask(task); },
           .done = std::move(done),
           .bytes = bytes});
}

void SqliteSessionStore::CreateSession(NewSession session, Done done) {
  const uint64_t bytes = session.task.size() + session.header.size();
  Enqueue({.work = [session = std::move(session)](
                       SessionTables& tables) { return tables.CreateSession(session); },
           .done = std::move(done),
           .bytes = bytes});
}

void SqliteSessionStore::Commit(const Claim& claim, std::vector<Operation> operations,
                                absl::Time now, Done done) {
  uint64_t bytes = 0;
  for (const Operation& operation : operations) bytes += SizeOf(operation);
  const bool ends = std::any_of(operations.begin(), operations.end(), [](const Operation& one) {
    return std::holds_alternative<FinishSession>(one);
  });
  Enqueue({.work = [claim, operations = std::move(operations),
                    now](SessionTables& tables) { return tables.Commit(claim, operations, now); },
           .done = std::move(done),
           .bytes = bytes,
           .erases = ends});
}

void SqliteSessionStore::PutReport(const Claim& claim, std::string report, Done done) {
  const uint64_t bytes = report.size();
  Enqueue({.work = [claim, report = std::move(report)](
                       SessionTables& tables) { return tables.PutReport(claim, report); },
           .done = std::move(done),
           .bytes = bytes});
}

void SqliteSessionStore::ForgetSession(const Claim& claim, Done done) {
  Enqueue({.work = [claim](SessionTables& tables) { return tables.ForgetSession(claim); },
           .done = std::move(done),
           .erases = true});
}

void SqliteSessionStore::EndDamaged(const std::string& session_id, std::string report, Done done) {
  const uint64_t bytes = report.size();
  Enqueue({.work = [session_id, report = std::move(report)](
                       SessionTables& tables) { return tables.EndDamaged(session_id, report); },
           .done = std::move(done),
           .bytes = bytes,
           .erases = true});
}

void SqliteSessionStore::EraseSession(const std::string& session_id, Done done) {
  Enqueue({.work = [session_id](SessionTables& tables) { return tables.EraseSession(session_id); },
           .done = std::move(done),
           .erases = true});
}

absl::Status SqliteSessionStore::healthy() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return health_;
}

void SqliteSessionStore::SetHealth(absl::Status health) {
  const std::lock_guard<std::mutex> lock(mutex_);
  health_ = std::move(health);
}

void SqliteSessionStore::Flush() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::move(queue_.begin(), queue_.end(), std::back_inserter(batch_));
    queue_.clear();
  }
  if (!WriteBatch() || !TruncateIfDue()) return;
  if (delay_.count() != 0) SetHealth(absl::OkStatus());
  delay_ = {};
  const std::lock_guard<std::mutex> lock(mutex_);
  flushing_ = !queue_.empty();
  if (flushing_) asio::post(thread_, [this] { Flush(); });
}

bool SqliteSessionStore::WriteBatch() {
  if (batch_.empty()) return true;
  std::vector<absl::Status> answers;
  const Stopwatch stopwatch;
  const absl::Status written = RunBatch(answers);
  options_.recorder->StoreOperationFinished(StoreOperation::kCommit, written.ok(),
                                            stopwatch.Seconds());
  if (!written.ok()) return Cope(written);
  Failpoint("store.after_commit");
  truncate_due_ = truncate_due_ || FileSize(log_path_) > kLongLog ||
                  std::any_of(batch_.begin(), batch_.end(),
                              [](const Request& request) { return request.erases; });
  Answer(answers);
  return true;
}

absl::Status SqliteSessionStore::RunBatch(std::vector<absl::Status>& answers) {
  sqlite::Database& database = tables_.database();
  return database.Transaction([&] {
    for (const Request& request : batch_) {
      absl::Status answer = database.Savepoint([&] { return request.work(tables_); });
      const std::optional<sqlite::Failure> failure = sqlite::FailureOf(answer);
      if (failure.has_value()) {
        if (!request.reads || !absl::IsDataLoss(answer)) return answer;
        answer = StoreError(answer.code(), answer.message());
      }
      answers.push_back(std::move(answer));
    }
    Failpoint("store.before_commit");
    return absl::OkStatus();
  });
}

void SqliteSessionStore::Answer(const std::vector<absl::Status>& answers) {
  // Whoever is answered may look at what still waits.
  std::vector<Request> batch = std::move(batch_);
  batch_.clear();
  for (size_t i = 0; i < batch.size(); ++i) {
    queued_bytes_ -= batch[i].bytes;
    batch[i].done(answers[i]);
  }
}

bool SqliteSessionStore::TruncateIfDue() {
  if (!truncate_due_) return true;
  Failpoint("store.before_truncate");
  const Stopwatch stopwatch;
  const absl::Status truncated = TruncateLog(tables_.database());
  options_.recorder->StoreOperationFinished(StoreOperation::kMoveLog, truncated.ok(),
                                            stopwatch.Seconds());
  if (!truncated.ok()) return Cope(truncated);
  Failpoint("store.after_truncate");
  truncate_due_ = false;
  return true;
}

bool SqliteSessionStore::Cope(const absl::Status& error) {
  const std::optional<sqlite::Failure> failure = sqlite::FailureOf(error);
  const std::optional<StoreRetry> retry = failure ? Retry(*failure) : std::nullopt;
  if (!retry.has_value()) {
    options_.fatal(WithReason(error, v1::REASON_STORAGE_FAILED));
    std::abort();  // It must not return.
  }
  const char* what = *retry == StoreRetry::kFull ? "is full: free some space"
                                                 : "is read-only: make it writable again";
  SetHealth(StoreError(absl::StatusCode::kUnavailable,
                       absl::StrCat("the disk of ", options_.directory->path(), " ", what,
                                    ". Nothing is lost; what was to be stored waits")));
  options_.recorder->StoreRetried(*retry);
  bool closing = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing = closing_;
    if (closing) {
      std::move(queue_.begin(), queue_.end(), std::back_inserter(batch_));
      queue_.clear();
    }
  }
  if (closing) {
    Answer(std::vector<absl::Status>(batch_.size(), ClosedError()));
    return false;
  }
  delay_ = std::clamp(2 * delay_, kFirstDelay, kLastDelay);
  timer_.expires_after(delay_);
  timer_.async_wait([this](const asio::error_code&) { Flush(); });
  return false;
}

}  // namespace veilsum::aggregator
