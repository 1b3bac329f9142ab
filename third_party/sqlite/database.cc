// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "third_party/sqlite/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/optional.h"

namespace veilsum::sqlite {
namespace {

constexpr absl::string_view kPayloadUrl = "type.veilsum/sqlite.Failure";

// Leaves a statement as it was before it ran: no lock, no value of the caller's.
class ResetAtTheEnd {
 public:
  explicit ResetAtTheEnd(sqlite3_stmt* statement) : statement_(statement) {}
  ResetAtTheEnd(const ResetAtTheEnd&) = delete;
  ResetAtTheEnd& operator=(const ResetAtTheEnd&) = delete;
  ~ResetAtTheEnd() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  sqlite3_stmt* statement_;
};

int Bind(sqlite3_stmt* statement, int index, const Database::Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return sqlite3_bind_int64(statement, index, *number);
  }
  if (const auto* text = std::get_if<absl::string_view>(&value)) {
    return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  const auto bytes = std::get<absl::Span<const uint8_t>>(value);
  if (bytes.empty()) return sqlite3_bind_zeroblob(statement, index, 0);
  return sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_STATIC);
}

absl::Status MakeFailure(absl::StatusCode kind, const Failure& failure, absl::string_view text) {
  absl::Status status(kind, text);
  status.SetPayload(kPayloadUrl, absl::Cord(absl::StrCat(failure.code, " ", failure.system_error)));
  return status;
}

}  // namespace

std::optional<Failure> FailureOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return std::nullopt;
  const std::vector<std::string> numbers = absl::StrSplit(std::string(*payload), ' ');
  Failure failure;
  if (numbers.size() != 2 || !absl::SimpleAtoi(numbers[0], &failure.code) ||
      !absl::SimpleAtoi(numbers[1], &failure.system_error)) {
    return std::nullopt;
  }
  return failure;
}

int64_t Row::Integer(int column) const { return sqlite3_column_int64(statement_, column); }

absl::Span<const uint8_t> Row::Blob(int column) const {
  const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string Row::Text(int column) const {
  const absl::Span<const uint8_t> bytes = Blob(column);
  return std::string(bytes.begin(), bytes.end());
}

bool Row::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
void Database::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

absl::StatusOr<Database> Database::Open(std::string path) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(std::move(path), handle);  // Also of a failed open: it must be closed.
  if (code != SQLITE_OK) return database.Error(code);
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

absl::Status Database::KeepLogOnClose() {
  const int code = sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

absl::Status Database::Error(int code) const {
  absl::StatusCode kind = absl::StatusCode::kInternal;
  absl::string_view what = "cannot use the database ";
  switch (code & 0xff) {
    case SQLITE_FULL:
      kind = absl::StatusCode::kResourceExhausted;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      kind = absl::StatusCode::kDataLoss;
      what = "damaged database ";
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      kind = absl::StatusCode::kFailedPrecondition;
      what = "somebody else uses the database ";
      break;
    default:
      break;
  }
  const bool open = handle_ != nullptr;
  // SQLite does not note errno of a failed COMMIT; nothing has called the system since.
  const int error = errno;
  const int noted = open ? sqlite3_system_errno(handle_.get()) : 0;
  const Failure failure{code, noted != 0 ? noted : error};
  const char* detail = open ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  return MakeFailure(kind, failure, absl::StrCat(what, path_, ": ", detail));
}

absl::StatusOr<sqlite3_stmt*> Database::Prepare(const char* sql) {
  std::unique_ptr<sqlite3_stmt, Finalize>& statement = statements_[sql];
  if (statement == nullptr) {
    sqlite3_stmt* prepared = nullptr;
    const int code =
        sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (code != SQLITE_OK) return Error(code);
    statement.reset(prepared);
  }
  return statement.get();
}

absl::Status Database::Run(const char* sql, std::initializer_list<Value> values,
                           absl::FunctionRef<void(const Row&)> visit) {
  const absl::StatusOr<sqlite3_stmt*> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  const ResetAtTheEnd reset(*statement);
  int code = SQLITE_OK;
  int index = 0;
  for (const Value& value : values) {
    code = Bind(*statement, ++index, value);
    if (code != SQLITE_OK) return Error(code);
  }
  errno = 0;
  while ((code = sqlite3_step(*statement)) == SQLITE_ROW) visit(Row(*statement));
  return code == SQLITE_DONE ? absl::OkStatus() : Error(code);
}

absl::StatusOr<int64_t> Database::Number(const char* sql, std::initializer_list<Value> values) {
  std::optional<int64_t> number;
  absl::Status status = Run(sql, values, [&](const Row& row) { number = row.Integer(0); });
  if (!status.ok()) return status;
  if (number.has_value()) return *number;
  return MakeFailure(absl::StatusCode::kDataLoss, {SQLITE_CORRUPT, 0},
                     absl::StrCat("damaged database ", path_, ": a row is missing"));
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

absl::Status Database::Savepoint(absl::FunctionRef<absl::Status()> body) {
  absl::Status status = Run("SAVEPOINT here");
  if (!status.ok()) return status;
  status = body();
  if (status.ok()) return Run("RELEASE here");
  // SQLite has rolled all of the transaction back, after some errors: the caller's COMMIT says so.
  if (sqlite3_get_autocommit(handle_.get()) != 0) return status;
  absl::Status undone = Run("ROLLBACK TO here");
  if (undone.ok()) undone = Run("RELEASE here");
  return undone.ok() ? status : undone;
}

int Database::changes() const { return sqlite3_changes(handle_.get()); }

}  // namespace veilsum::sqlite
