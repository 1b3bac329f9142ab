// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A thin layer over SQLite: errors as statuses, values bound, rows visited, statements prepared
// once. For the folders that keep something on disk.
#ifndef VEILSUM_THIRD_PARTY_SQLITE_DATABASE_H_
#define VEILSUM_THIRD_PARTY_SQLITE_DATABASE_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

struct sqlite3;
struct sqlite3_stmt;

namespace veilsum::sqlite {

// What SQLite said, carried by every status of this file; whoever knows what the database is for
// adds a reason of its own.
struct Failure {
  int code = 0;          // The extended result code.
  int system_error = 0;  // errno, where an operation on a file failed; otherwise anything.
};
// nullopt for a status that is OK or has come from elsewhere.
std::optional<Failure> FailureOf(const absl::Status& status);

// One row of a result; columns from 0. Valid in the callback that got it.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  int64_t Integer(int column) const;
  absl::Span<const uint8_t> Blob(int column) const;  // Text too.
  std::string Text(int column) const;                // A copy; blobs too.
  bool IsNull(int column) const;

 private:
  sqlite3_stmt* statement_;
};

// Not thread-safe. Errors name the file: RESOURCE_EXHAUSTED when the disk is full, DATA_LOSS for a
// damaged or foreign file, FAILED_PRECONDITION if somebody else uses it, otherwise INTERNAL.
class Database {
 public:
  // Text, bytes or a number, for a `?` of a statement; what it refers to outlives the call.
  using Value = std::variant<int64_t, absl::string_view, absl::Span<const uint8_t>>;

  // The file must be there; what it holds is looked at by the first statement.
  static absl::StatusOr<Database> Open(std::string path);

  // One statement, prepared once for all calls with the same text. `visit` sees each row of its
  // result, and does not run this statement again.
  absl::Status Run(
      const char* sql, std::initializer_list<Value> values = {},
      absl::FunctionRef<void(const Row&)> visit = [](const Row&) {});
  // The first column of the only row.
  absl::StatusOr<int64_t> Number(const char* sql, std::initializer_list<Value> values = {});
  // All of what `body` does, or, after an error, none.
  absl::Status Transaction(absl::FunctionRef<absl::Status()> body);
  // The same inside a transaction, which goes on after an error.
  absl::Status Savepoint(absl::FunctionRef<absl::Status()> body);
  // Rows that the last statement changed.
  int changes() const;
  // Closing leaves a write-ahead log alone that is there, for the next opener to take over.
  absl::Status KeepLogOnClose();

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
  absl::Status Error(int code) const;
  absl::StatusOr<sqlite3_stmt*> Prepare(const char* sql);

  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
  // By text. Finalised before the database is closed.
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

}  // namespace veilsum::sqlite

#endif  // VEILSUM_THIRD_PARTY_SQLITE_DATABASE_H_
