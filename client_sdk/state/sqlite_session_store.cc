// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/state/sqlite_session_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/state/state_error.h"

namespace veilsum::client {
namespace {

using sqlite::Database;
using sqlite::Row;

constexpr char kDatabaseName[] = "sessions.sqlite";

// Marks the file as ours (PRAGMA application_id): "Veil" in ASCII.
constexpr int64_t kApplicationId = 0x5665696c;
constexpr int64_t kSchemaVersion = 1;  // PRAGMA user_version.

// Not locking_mode=EXCLUSIVE: SQLite would keep the rollback journal then, with erased secrets in
// it. The directory's lock keeps others out.
constexpr const char* kSettings[] = {
    "PRAGMA journal_mode = DELETE", "PRAGMA synchronous = EXTRA",  "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",   "PRAGMA cell_size_check = ON", "PRAGMA trusted_schema = OFF",
};

constexpr const char* kSchema[] = {
    "CREATE TABLE state (generation INTEGER NOT NULL)",
    "INSERT INTO state VALUES (0)",
    "CREATE TABLE unfinished (task TEXT PRIMARY KEY, session_id BLOB NOT NULL, "
    "identity BLOB NOT NULL, secret BLOB NOT NULL)",
    "CREATE TABLE journal (task TEXT NOT NULL, position INTEGER NOT NULL, entry BLOB NOT NULL, "
    "PRIMARY KEY (task, position))",
    // Every session that was ever begun; microseconds since 1970.
    "CREATE TABLE started (session_id BLOB PRIMARY KEY, at INTEGER NOT NULL)",
    "CREATE TABLE answered (task TEXT NOT NULL, model_hash BLOB NOT NULL, "
    "PRIMARY KEY (task, model_hash))",
    "PRAGMA application_id = 1449486700",
    "PRAGMA user_version = 1",
};
static_assert(kApplicationId == 1449486700 && kSchemaVersion == 1);

constexpr char kAppend[] =
    "INSERT INTO journal SELECT ?1, (SELECT count(*) FROM journal WHERE task = ?1), ?2 "
    "FROM unfinished WHERE task = ?1";

// The reason of every error of this store, which the layer over SQLite does not know.
absl::Status Refused(absl::Status status) {
  return WithReason(std::move(status), v1::REASON_STATE_REFUSED);
}

// The first error of two statements.
template <class Next>
absl::Status Then(absl::Status status, Next&& next) {
  return status.ok() ? next() : status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteSessionStore>> SqliteSessionStore::Open(
    std::string directory) {
  absl::StatusOr<StateDirectory> opened = StateDirectory::Open(std::move(directory));
  if (!opened.ok()) return opened.status();
  absl::StatusOr<std::string> file = opened->PrivateFile(kDatabaseName);
  if (!file.ok()) return file.status();
  absl::StatusOr<Database> database = Database::Open(*std::move(file));
  if (!database.ok()) return Refused(database.status());
  auto store = std::unique_ptr<SqliteSessionStore>(
      new SqliteSessionStore(*std::move(opened), *std::move(database)));
  absl::Status prepared = store->Prepare();
  if (prepared.ok()) prepared = store->CheckGeneration();
  if (!prepared.ok()) return Refused(std::move(prepared));
  return store;
}

absl::Status SqliteSessionStore::Prepare() {
  for (const char* setting : kSettings) {
    absl::Status set = database_.Run(setting);
    if (!set.ok()) return set;
  }
  const absl::StatusOr<int64_t> application = database_.Number("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const absl::StatusOr<int64_t> version = database_.Number("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const absl::StatusOr<int64_t> tables = database_.Number("SELECT count(*) FROM sqlite_master");
  if (!tables.ok()) return tables.status();
  if (*tables == 0 && *application == 0) {
    return database_.Transaction([this] {
      absl::Status status;
      for (const char* statement : kSchema) {
        if (status.ok()) status = database_.Run(statement);
      }
      return status;
    });
  }
  if (*application != kApplicationId) {
    return StateError(
        absl::StatusCode::kDataLoss,
        absl::StrCat(directory_.path(), "/", kDatabaseName, " is not a state of Veilsum's"));
  }
  if (*version != kSchemaVersion) {
    return StateError(absl::StatusCode::kFailedPrecondition,
                      absl::StrCat("the state in ", directory_.path(), " has version ", *version,
                                   ", this program knows ", kSchemaVersion,
                                   ": use the program that wrote it, or a newer one"));
  }
  std::string found;
  absl::Status checked = database_.Run(
      "PRAGMA quick_check(1)", {}, [&](const Row& row) { found = crypto::ToString(row.Blob(0)); });
  if (!checked.ok() || found == "ok") return checked;
  return StateError(absl::StatusCode::kDataLoss,
                    absl::StrCat("damaged state in ", directory_.path(), ": ", found));
}

absl::Status SqliteSessionStore::CheckGeneration() {
  const absl::StatusOr<int64_t> mine = database_.Number("SELECT generation FROM state");
  if (!mine.ok()) return mine.status();
  const absl::StatusOr<std::optional<uint64_t>> counted = directory_.ReadGeneration();
  if (!counted.ok()) return counted.status();
  const auto generation = static_cast<uint64_t>(*mine);
  // No counter, and more written than nothing: it was taken away.
  if (generation < counted->value_or(0) || (!counted->has_value() && generation > 0)) {
    return StateError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat("the state in ", directory_.path(),
                     " is not the latest that was there: it was restored from an older copy, or "
                     "part of it was removed. It no longer knows what this client has signed. "
                     "Never restore a client's state: start over with an empty directory, for a "
                     "model that this client has sent nothing for"));
  }
  // A crash between the commit and the counter leaves the counter one behind.
  return directory_.WriteGeneration(generation);
}

absl::Status SqliteSessionStore::Write(absl::FunctionRef<absl::Status()> body) {
  int64_t generation = 0;
  absl::Status status = database_.Transaction([&] {
    absl::Status done = body();
    if (done.ok()) done = database_.Run("UPDATE state SET generation = generation + 1");
    if (!done.ok()) return done;
    const absl::StatusOr<int64_t> next = database_.Number("SELECT generation FROM state");
    if (next.ok()) generation = *next;
    return next.status();
  });
  if (!status.ok()) return Refused(std::move(status));
  return directory_.WriteGeneration(static_cast<uint64_t>(generation));
}

absl::StatusOr<std::optional<SavedSession>> SqliteSessionStore::Unfinished(
    absl::string_view task_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::optional<SavedSession> session;
  absl::Status damaged;
  absl::Status status =
      database_.Run("SELECT session_id, identity, secret FROM unfinished WHERE task = ?", {task_id},
                    [&](const Row& row) {
                      auto secret = crypto::SessionSecret::FromBytes(row.Blob(2));
                      damaged = secret.status();
                      if (!secret.ok()) return;
                      session.emplace(SavedSession{std::string(task_id),
                                                   crypto::ToString(row.Blob(0)),
                                                   crypto::ToString(row.Blob(1)),
                                                   *std::move(secret),
                                                   {}});
                    });
  if (!status.ok()) return Refused(std::move(status));
  if (!damaged.ok()) {
    return StateError(
        absl::StatusCode::kDataLoss,
        absl::StrCat("damaged state in ", directory_.path(), ": ", damaged.message()));
  }
  if (!session.has_value()) return std::nullopt;
  status = database_.Run(
      "SELECT entry FROM journal WHERE task = ? ORDER BY position", {task_id},
      [&](const Row& row) { session->journal.push_back(crypto::ToString(row.Blob(0))); });
  if (!status.ok()) return Refused(std::move(status));
  return session;
}

absl::Status SqliteSessionStore::Begin(const SavedSession& session, absl::Time now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const crypto::ByteSpan id = crypto::AsBytes(session.session_id);
  const absl::string_view task = session.task_id;
  return Write([&]() -> absl::Status {
    const absl::StatusOr<int64_t> unfinished =
        database_.Number("SELECT count(*) FROM unfinished WHERE task = ?", {task});
    if (!unfinished.ok()) return unfinished.status();
    if (*unfinished != 0) return UnfinishedSessionError(task);
    const absl::StatusOr<int64_t> before =
        database_.Number("SELECT count(*) FROM started WHERE session_id = ?", {id});
    if (!before.ok()) return before.status();
    if (*before != 0) return RepeatedSessionError();
    absl::Status status =
        database_.Run("INSERT INTO started VALUES (?, ?)", {id, int64_t{absl::ToUnixMicros(now)}});
    if (!status.ok()) return status;
    status = database_.Run(
        "INSERT INTO unfinished VALUES (?, ?, ?, ?)",
        {task, id, crypto::AsBytes(session.identity), crypto::ExposeSecret(session.secret)});
    for (const std::string& entry : session.journal) {
      if (status.ok()) status = database_.Run(kAppend, {task, crypto::AsBytes(entry)});
    }
    return status;
  });
}

absl::Status SqliteSessionStore::Remember(absl::string_view task_id, absl::string_view entry,
                                          const std::optional<crypto::Digest>& answered) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Write([&]() -> absl::Status {
    absl::Status status = database_.Run(kAppend, {task_id, crypto::AsBytes(entry)});
    if (!status.ok()) return status;
    if (database_.changes() == 0) return NoSessionError(task_id);
    if (!answered.has_value()) return absl::OkStatus();
    return database_.Run("INSERT OR IGNORE INTO answered VALUES (?, ?)",
                         {task_id, crypto::ByteSpan(*answered)});
  });
}

absl::Status SqliteSessionStore::End(absl::string_view task_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Write([&] {
    return Then(database_.Run("DELETE FROM journal WHERE task = ?", {task_id}),
                [&] { return database_.Run("DELETE FROM unfinished WHERE task = ?", {task_id}); });
  });
}

absl::StatusOr<bool> SqliteSessionStore::IsAnswered(absl::string_view task_id,
                                                    const crypto::Digest& model_hash) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::StatusOr<int64_t> found =
      database_.Number("SELECT count(*) FROM answered WHERE task = ? AND model_hash = ?",
                       {task_id, crypto::ByteSpan(model_hash)});
  if (!found.ok()) return Refused(found.status());
  return *found != 0;
}

absl::StatusOr<uint64_t> SqliteSessionStore::StartedAfter(absl::Time time) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::StatusOr<int64_t> count = database_.Number(
      "SELECT count(*) FROM started WHERE at > ?", {int64_t{absl::ToUnixMicros(time)}});
  if (!count.ok()) return Refused(count.status());
  return static_cast<uint64_t>(*count);
}

}  // namespace veilsum::client
