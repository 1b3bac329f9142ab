// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/state/database.h"

#include <sqlite3.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/state/state_error.h"

namespace veilsum::client {
namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

int Bind(sqlite3_stmt* statement, int index, const Database::Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return sqlite3_bind_int64(statement, index, *number);
  }
  if (const auto* text = std::get_if<absl::string_view>(&value)) {
    return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  const crypto::ByteSpan bytes = std::get<crypto::ByteSpan>(value);
  if (bytes.empty()) return sqlite3_bind_zeroblob(statement, index, 0);
  return sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_STATIC);
}

}  // namespace

int64_t Row::Integer(int column) const { return sqlite3_column_int64(statement_, column); }

crypto::ByteSpan Row::Blob(int column) const {
  const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

absl::StatusOr<Database> Database::Open(std::string path) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(std::move(path), handle);  // Also of a failed open: it must be closed.
  if (code != SQLITE_OK) return database.Error(code);
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

absl::Status Database::Error(int code) const {
  absl::StatusCode kind = absl::StatusCode::kInternal;
  absl::string_view what = "cannot use the state in ";
  switch (code & 0xff) {
    case SQLITE_FULL:
      kind = absl::StatusCode::kResourceExhausted;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      kind = absl::StatusCode::kDataLoss;
      what = "damaged state in ";
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      kind = absl::StatusCode::kFailedPrecondition;
      what = "somebody else uses the state in ";
      break;
    default:
      break;
  }
  const char* detail = handle_ != nullptr ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  return StateError(kind, absl::StrCat(what, path_, ": ", detail));
}

absl::Status Database::Run(const char* sql, std::initializer_list<Value> values,
                           absl::FunctionRef<void(const Row&)> visit) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(handle_.get(), sql, -1, &raw, nullptr);
  if (code != SQLITE_OK) return Error(code);
  const std::unique_ptr<sqlite3_stmt, Finalize> statement(raw);
  int index = 0;
  for (const Value& value : values) {
    code = Bind(raw, ++index, value);
    if (code != SQLITE_OK) return Error(code);
  }
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) visit(Row(raw));
  return code == SQLITE_DONE ? absl::OkStatus() : Error(code);
}

absl::StatusOr<int64_t> Database::Number(const char* sql, std::initializer_list<Value> values) {
  std::optional<int64_t> number;
  absl::Status status = Run(sql, values, [&](const Row& row) { number = row.Integer(0); });
  if (!status.ok()) return status;
  if (number.has_value()) return *number;
  return StateError(absl::StatusCode::kDataLoss,
                    absl::StrCat("damaged state in ", path_, ": a row is missing"));
}

absl::Status Database::Transaction(absl::FunctionRef<absl::Status()> body) {
  absl::Status status = Run("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  status = body();
  if (status.ok()) status = Run("COMMIT");
  // After some errors SQLite has rolled back by itself; then this one says so, and that is fine.
  if (!status.ok() && sqlite3_get_autocommit(handle_.get()) == 0) Run("ROLLBACK").IgnoreError();
  return status;
}

int Database::changes() const { return sqlite3_changes(handle_.get()); }

}  // namespace veilsum::client
