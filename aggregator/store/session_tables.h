// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The tables of schema.cc, read and written: what a SessionStore does, one call after the other, in
// transactions that the caller opens. For this folder only.
#ifndef VEILSUM_AGGREGATOR_STORE_SESSION_TABLES_H_
#define VEILSUM_AGGREGATOR_STORE_SESSION_TABLES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aggregator/store/operation_record.h"
#include "aggregator/store/session_store.h"
#include "third_party/sqlite/database.h"

namespace veilsum::aggregator {

// Not thread-safe. Every method runs inside a transaction or savepoint, which the caller undoes
// after an error. Errors are those of SessionStore, and those of SQLite (sqlite::FailureOf).
//
// Nothing is remembered between two calls, and every write of a session goes by a statement that
// names the claim's fence: it would be right with other processes at the same database, too.
class SessionTables {
 public:
  explicit SessionTables(sqlite::Database database) : database_(std::move(database)) {}

  sqlite::Database& database() { return database_; }

  absl::StatusOr<std::vector<StoredTask>> Tasks();
  absl::StatusOr<std::vector<SessionSummary>> Sessions();
  absl::StatusOr<StoredSession> Take(const std::string& session_id);
  absl::Status PutTask(const StoredTask& task);
  absl::Status CreateSession(const NewSession& session);
  absl::Status Commit(const Claim& claim, const std::vector<Operation>& operations, absl::Time now);
  absl::Status PutReport(const Claim& claim, const std::string& report);
  absl::Status ForgetSession(const Claim& claim);
  absl::Status EndDamaged(const std::string& session_id, const std::string& report);
  absl::Status EraseSession(const std::string& session_id);

 private:
  // A row of the table "sessions", without the id.
  struct State {
    int64_t created = 0;
    int64_t fence = 1;
    int64_t operations = 0;
    int64_t ended = 0;
    int64_t forgotten = 0;
    int64_t reported = 0;
  };

  static int64_t Checksum(absl::string_view session_id, const State& state);
  // The columns from `first` on, and whether their checksum is right.
  static std::pair<State, bool> ReadState(absl::string_view session_id, const sqlite::Row& row,
                                          int first);
  // The row, and whether its checksum is right. nullopt: no such session.
  absl::StatusOr<std::optional<std::pair<State, bool>>> Read(const std::string& session_id);
  // DATA_LOSS if the checksum is wrong.
  absl::StatusOr<std::optional<State>> Find(const std::string& session_id);
  // Where there is no row of this id; database_.changes() says so.
  absl::Status InsertState(const std::string& session_id, const State& state);
  // Of a session that the claim still holds; locks the row where there are other writers.
  absl::StatusOr<State> Claimed(const Claim& claim);
  absl::Status WriteState(const Claim& claim, const State& state);

  absl::StatusOr<NewSession> ReadHeader(const std::string& session_id, const State& state);
  absl::StatusOr<std::vector<StoredOperation>> ReadOperations(const std::string& session_id,
                                                              const State& state);
  // True: it is there now, and was not before.
  absl::StatusOr<bool> Insert(const std::string& session_id, const State& state,
                              const OperationRecord& record, absl::Time now);
  // Whether the same operation is there; ALREADY_EXISTS if another one is.
  absl::StatusOr<bool> IsThere(const std::string& session_id, const OperationRecord& record);
  absl::Status EraseShares(const std::string& session_id);
  absl::Status EraseAllButReport(const std::string& session_id, const std::string& report);
  // Those of no session.
  absl::Status EraseStrayOperations();
  absl::Status WriteReport(const std::string& session_id, const std::string& report);

  sqlite::Database database_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_SESSION_TABLES_H_
