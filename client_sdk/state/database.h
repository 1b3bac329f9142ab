// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A thin layer over SQLite: errors as statuses, values bound, rows visited. For this folder only.
#ifndef VEILSUM_CLIENT_SDK_STATE_DATABASE_H_
#define VEILSUM_CLIENT_SDK_STATE_DATABASE_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <variant>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace veilsum::client {

// One row of a result; columns from 0. Valid in the callback that got it.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  int64_t Integer(int column) const;
  crypto::ByteSpan Blob(int column) const;  // Text too.

 private:
  sqlite3_stmt* statement_;
};

// Not thread-safe.
class Database {
 public:
  // Text, bytes or a number, for a `?` of a statement; what it refers to outlives the call.
  using Value = std::variant<int64_t, absl::string_view, crypto::ByteSpan>;

  // The file must be there; what it holds is looked at by the first statement.
  static absl::StatusOr<Database> Open(std::string path);

  // One statement. `visit` sees each row of its result.
  absl::Status Run(
      const char* sql, std::initializer_list<Value> values = {},
      absl::FunctionRef<void(const Row&)> visit = [](const Row&) {});
  // The first column of the only row.
  absl::StatusOr<int64_t> Number(const char* sql, std::initializer_list<Value> values = {});
  // All of what `body` does, or, after an error, none.
  absl::Status Transaction(absl::FunctionRef<absl::Status()> body);
  // Rows that the last statement changed.
  int changes() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
  absl::Status Error(int code) const;

  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_STATE_DATABASE_H_
