// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/schema.h"

#include <sys/stat.h>

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/store/store_error.h"

namespace veilsum::aggregator {
namespace {

using sqlite::Database;
using sqlite::Row;

// Marks the file as ours (PRAGMA application_id): "VSag" in ASCII.
constexpr int64_t kApplicationId = 0x56536167;

// The log is moved by TruncateLog alone: SQLite by itself would ignore what the disk says then.
constexpr const char* kSettings[] = {
    "PRAGMA journal_mode = WAL",   "PRAGMA synchronous = FULL",   "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA secure_delete = ON",   "PRAGMA foreign_keys = ON",    "PRAGMA temp_store = MEMORY",
    "PRAGMA cell_size_check = ON", "PRAGMA trusted_schema = OFF",
};

bool IsCutOff(const std::string& path) {
  constexpr int64_t kSmallestPage = 512;
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && info.st_size > 0 && info.st_size < kSmallestPage;
}

absl::StatusOr<int64_t> CheckVersion(Database& database, const std::string& path, size_t known) {
  const absl::StatusOr<int64_t> application = database.Number("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const absl::StatusOr<int64_t> version = database.Number("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const absl::StatusOr<int64_t> tables = database.Number("SELECT count(*) FROM sqlite_master");
  if (!tables.ok()) return tables.status();
  // SQLite takes what is too short for a header for an empty database.
  const bool cut_off = *tables == 0 && IsCutOff(path);
  const bool fresh = *tables == 0 && *application == 0 && *version == 0 && !cut_off;
  if (!fresh && (*application != kApplicationId || *version < 1)) {
    return StoreError(absl::StatusCode::kDataLoss,
                      absl::StrCat(path, " is damaged, or is not a database of an aggregator"));
  }
  if (*version > static_cast<int64_t>(known)) {
    return StoreError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat(path, " has version ", *version, ", and this program knows no later one than ",
                     known, ": run the program that wrote it, or a newer one"));
  }
  return *version;
}

absl::Status CheckStructure(Database& database, const std::string& path) {
  std::string found;
  const absl::Status checked =
      database.Run("PRAGMA quick_check(1)", {}, [&](const Row& row) { found = row.Text(0); });
  if (!checked.ok() || found == "ok") return checked;
  return StoreError(absl::StatusCode::kDataLoss, absl::StrCat(path, " is damaged: ", found));
}

absl::Status Migrate(Database& database, int64_t version, const Migration& migration) {
  const std::string arrived = absl::StrCat("PRAGMA user_version = ", version);
  return database.Transaction([&] {
    absl::Status status;
    for (const char* statement : migration) {
      if (status.ok()) status = database.Run(statement);
    }
    return status.ok() ? database.Run(arrived.c_str()) : status;
  });
}

absl::StatusOr<std::string> TablesOf(Database& database) {
  std::string tables;
  absl::Status status = database.Run(
      "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name", {},
      [&](const Row& row) { absl::StrAppend(&tables, row.Text(0), ": ", row.Text(1), "\n"); });
  if (!status.ok()) return status;
  return tables;
}

// A byte that changed in what SQLite keeps about the tables may give tables just as good, but not
// those that the statements are for.
absl::Status CheckTables(Database& database, const std::string& path,
                         const std::vector<Migration>& migrations) {
  absl::StatusOr<Database> fresh = Database::Open(":memory:");
  absl::Status status = fresh.status();
  for (const Migration& migration : migrations) {
    if (status.ok()) status = Migrate(*fresh, 1, migration);
  }
  if (!status.ok()) return status;
  const absl::StatusOr<std::string> expected = TablesOf(*fresh);
  if (!expected.ok()) return expected.status();
  const absl::StatusOr<std::string> found = TablesOf(database);
  if (!found.ok() || *found == *expected) return found.status();
  return StoreError(absl::StatusCode::kDataLoss,
                    absl::StrCat(path, " is damaged: its tables are not as they were made"));
}

absl::StatusOr<Database> OpenAndCheck(const std::string& path,
                                      const std::vector<Migration>& migrations) {
  absl::StatusOr<Database> database = Database::Open(path);
  if (!database.ok()) return database.status();
  absl::Status status = database->KeepLogOnClose();
  // One process, one connection: no file of shared memory, and none beside it.
  if (status.ok()) status = database->Run("PRAGMA locking_mode = EXCLUSIVE");
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> version = CheckVersion(*database, path, migrations.size());
  if (!version.ok()) return version.status();
  for (const char* setting : kSettings) {
    status = database->Run(setting);
    if (!status.ok()) return status;
  }
  status = CheckStructure(*database, path);
  for (auto next = static_cast<size_t>(*version); status.ok() && next < migrations.size(); ++next) {
    status = Migrate(*database, static_cast<int64_t>(next) + 1, migrations[next]);
  }
  if (status.ok()) status = CheckTables(*database, path, migrations);
  if (status.ok()) status = TruncateLog(*database);
  if (!status.ok()) return status;
  return database;
}

}  // namespace

const std::vector<Migration>& Migrations() {
  // Every row has a checksum of all that is in it (session_tables.cc). Times are microseconds since
  // 1970. Conditions of writes are in the statements themselves.
  const Migration tables = {
      "PRAGMA application_id = 1448304999",
      "CREATE TABLE tasks (task_id TEXT NOT NULL PRIMARY KEY, task BLOB NOT NULL, "
      "checksum INTEGER NOT NULL) WITHOUT ROWID",
      // Small, since every commit writes it. The last claim on the session is its fence; ended,
      // forgotten and reported are 0 or 1; operations is how many there are.
      "CREATE TABLE sessions (session_id BLOB NOT NULL PRIMARY KEY, created INTEGER NOT NULL, "
      "fence INTEGER NOT NULL, operations INTEGER NOT NULL, ended INTEGER NOT NULL, "
      "forgotten INTEGER NOT NULL, reported INTEGER NOT NULL, checksum INTEGER NOT NULL) "
      "WITHOUT ROWID",
      "CREATE TABLE headers (session_id BLOB NOT NULL PRIMARY KEY "
      "REFERENCES sessions ON DELETE CASCADE, task_id TEXT NOT NULL, task BLOB NOT NULL, "
      "header BLOB NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID",
      "CREATE TABLE reports (session_id BLOB NOT NULL PRIMARY KEY "
      "REFERENCES sessions ON DELETE CASCADE, report BLOB NOT NULL, checksum INTEGER NOT NULL) "
      "WITHOUT ROWID",
      // A slot is a phase and an identity, or another place that only one operation may have:
      // operation_record.h. The bytes are NULL once they were erased, so they have their own
      // checksum.
      "CREATE TABLE operations (session_id BLOB NOT NULL REFERENCES sessions ON DELETE CASCADE, "
      "slot BLOB NOT NULL, sequence INTEGER NOT NULL, stored INTEGER NOT NULL, "
      "digest BLOB NOT NULL, checksum INTEGER NOT NULL, bytes BLOB, "
      "bytes_checksum INTEGER NOT NULL, PRIMARY KEY (session_id, slot)) WITHOUT ROWID",
  };
  // No statement: but programs that know only the tables would take KeepCheckpoint for damage.
  const Migration kept_checkpoints = {};
  static const auto* const migrations = new std::vector<Migration>{tables, kept_checkpoints};
  static_assert(kApplicationId == 1448304999);
  return *migrations;
}

absl::StatusOr<Database> OpenDatabase(const std::string& path,
                                      const std::vector<Migration>& migrations) {
  absl::StatusOr<Database> database = OpenAndCheck(path, migrations);
  if (database.ok() || !absl::IsDataLoss(database.status())) return database;
  return StoreError(absl::StatusCode::kDataLoss,
                    absl::StrCat(database.status().message(),
                                 ". Keep a copy, and start with an empty data directory; what was "
                                 "in this one is lost"));
}

absl::Status TruncateLog(Database& database) {
  return database.Run("PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace veilsum::aggregator
