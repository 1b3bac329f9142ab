// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/session_tables.h"

#include <sqlite3.h>

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"
#include "aggregator/store/row_checksum.h"
#include "aggregator/store/store_error.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::aggregator {
namespace {

using crypto::AsBytes;
using sqlite::Row;

int64_t TaskChecksum(absl::string_view task_id, absl::string_view task) {
  return RowChecksum("tasks").Add(task_id).Add(task).Finish();
}

int64_t HeaderChecksum(const NewSession& session) {
  return RowChecksum("headers")
      .Add(session.session_id)
      .Add(session.task_id)
      .Add(session.task)
      .Add(session.header)
      .Finish();
}

int64_t ReportChecksum(absl::string_view session_id, absl::string_view report) {
  return RowChecksum("reports").Add(session_id).Add(report).Finish();
}

struct OperationRow {
  int64_t sequence;
  int64_t stored;
  crypto::ByteSpan digest;
};

int64_t OperationChecksum(absl::string_view session_id, absl::string_view slot,
                          const OperationRow& row) {
  return RowChecksum("operations")
      .Add(session_id)
      .Add(slot)
      .Add(row.sequence)
      .Add(row.stored)
      .Add(crypto::AsStringView(row.digest))
      .Finish();
}

int64_t BytesChecksum(absl::string_view session_id, absl::string_view slot,
                      absl::string_view bytes) {
  return RowChecksum("bytes").Add(session_id).Add(slot).Add(bytes).Finish();
}

}  // namespace

absl::StatusOr<std::vector<StoredTask>> SessionTables::Tasks() {
  std::vector<StoredTask> tasks;
  absl::Status status = database_.Run(
      "SELECT task_id, task, checksum FROM tasks ORDER BY task_id", {}, [&](const Row& row) {
        StoredTask& task = tasks.emplace_back(StoredTask{row.Text(0), row.Text(1)});
        task.damaged = row.Integer(2) != TaskChecksum(task.task_id, task.task);
      });
  if (!status.ok()) return status;
  return tasks;
}

absl::Status SessionTables::PutTask(const StoredTask& task) {
  return database_.Run(
      "INSERT INTO tasks (task_id, task, checksum) VALUES (?, ?, ?) ON CONFLICT (task_id) "
      "DO UPDATE SET task = excluded.task, checksum = excluded.checksum",
      {task.task_id, AsBytes(task.task), TaskChecksum(task.task_id, task.task)});
}

absl::StatusOr<std::vector<SessionSummary>> SessionTables::Sessions() {
  std::vector<SessionSummary> sessions;
  absl::Status status = database_.Run(
      "SELECT session_id, created, fence, operations, ended, forgotten, reported, "
      "sessions.checksum, report, reports.checksum FROM sessions "
      "LEFT JOIN reports USING (session_id) ORDER BY created DESC, session_id",
      {}, [&](const Row& row) {
        SessionSummary& session = sessions.emplace_back(SessionSummary{row.Text(0)});
        const auto [state, whole] = ReadState(session.session_id, row, 1);
        session.ended = whole && state.ended != 0;
        session.forgotten = whole && state.forgotten != 0;
        session.report = row.Text(8);
        const bool reported = !row.IsNull(8);
        session.damaged =
            !whole || reported != (state.reported != 0) ||
            (reported && row.Integer(9) != ReportChecksum(session.session_id, session.report));
        // It may still parse, and would be shown to operators.
        if (session.damaged) session.report.clear();
      });
  if (!status.ok()) return status;
  return sessions;
}

int64_t SessionTables::Checksum(absl::string_view session_id, const State& state) {
  return RowChecksum("sessions")
      .Add(session_id)
      .Add(state.created)
      .Add(state.fence)
      .Add(state.operations)
      .Add(state.ended)
      .Add(state.forgotten)
      .Add(state.reported)
      .Finish();
}

std::pair<SessionTables::State, bool> SessionTables::ReadState(absl::string_view session_id,
                                                               const Row& row, int first) {
  const State state{row.Integer(first),     row.Integer(first + 1), row.Integer(first + 2),
                    row.Integer(first + 3), row.Integer(first + 4), row.Integer(first + 5)};
  return {state, row.Integer(first + 6) == Checksum(session_id, state)};
}

absl::StatusOr<std::optional<std::pair<SessionTables::State, bool>>> SessionTables::Read(
    const std::string& session_id) {
  std::optional<std::pair<State, bool>> read;
  absl::Status status = database_.Run(
      "SELECT created, fence, operations, ended, forgotten, reported, checksum FROM sessions "
      "WHERE session_id = ?",
      {AsBytes(session_id)}, [&](const Row& row) { read = ReadState(session_id, row, 0); });
  if (!status.ok()) return status;
  return read;
}

absl::StatusOr<std::optional<SessionTables::State>> SessionTables::Find(
    const std::string& session_id) {
  const auto read = Read(session_id);
  if (!read.ok()) return read.status();
  if (!read->has_value()) return std::nullopt;
  const auto& [state, whole] = **read;
  if (!whole) return DamagedError(session_id, "its row of the list of sessions");
  return state;
}

absl::Status SessionTables::InsertState(const std::string& session_id, const State& state) {
  return database_.Run(
      "INSERT INTO sessions (session_id, created, fence, operations, ended, forgotten, reported, "
      "checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id) DO NOTHING",
      {AsBytes(session_id), state.created, state.fence, state.operations, state.ended,
       state.forgotten, state.reported, Checksum(session_id, state)});
}

absl::StatusOr<SessionTables::State> SessionTables::Claimed(const Claim& claim) {
  std::optional<State> state;
  bool whole = true;
  absl::Status status = database_.Run(
      "UPDATE sessions SET fence = fence WHERE session_id = ? AND fence = ? "
      "RETURNING created, fence, operations, ended, forgotten, reported, checksum",
      {AsBytes(claim.session_id), static_cast<int64_t>(claim.fence)},
      [&](const Row& row) { std::tie(state, whole) = ReadState(claim.session_id, row, 0); });
  if (!status.ok()) return status;
  if (!whole) return DamagedError(claim.session_id, "its row of the list of sessions");
  if (state.has_value()) return *state;
  const absl::StatusOr<std::optional<State>> found = Find(claim.session_id);
  if (!found.ok()) return found.status();
  return found->has_value() ? FencedError(claim.session_id) : NoSessionError(claim.session_id);
}

absl::Status SessionTables::WriteState(const Claim& claim, const State& state) {
  absl::Status status = database_.Run(
      "UPDATE sessions SET fence = ?, operations = ?, ended = ?, forgotten = ?, reported = ?, "
      "checksum = ? WHERE session_id = ? AND fence = ?",
      {state.fence, state.operations, state.ended, state.forgotten, state.reported,
       Checksum(claim.session_id, state), AsBytes(claim.session_id),
       static_cast<int64_t>(claim.fence)});
  if (status.ok() && database_.changes() != 1) return FencedError(claim.session_id);
  return status;
}

absl::Status SessionTables::CreateSession(const NewSession& session) {
  const State state{absl::ToUnixMicros(session.created)};
  absl::Status status = InsertState(session.session_id, state);
  if (!status.ok()) return status;
  if (database_.changes() == 1) {
    return database_.Run(
        "INSERT INTO headers (session_id, task_id, task, header, checksum) VALUES (?, ?, ?, ?, ?)",
        {AsBytes(session.session_id), session.task_id, AsBytes(session.task),
         AsBytes(session.header), HeaderChecksum(session)});
  }
  const absl::StatusOr<std::optional<State>> found = Find(session.session_id);
  if (!found.ok()) return found.status();
  if (!found->has_value() || (*found)->forgotten) return OtherSessionError(session.session_id);
  const absl::StatusOr<NewSession> stored = ReadHeader(session.session_id, **found);
  if (!stored.ok()) return stored.status();
  NewSession asked = session;
  asked.created = absl::FromUnixMicros(state.created);
  return *stored == asked ? absl::OkStatus() : OtherSessionError(session.session_id);
}

absl::StatusOr<NewSession> SessionTables::ReadHeader(const std::string& session_id,
                                                     const State& state) {
  NewSession session{session_id, "", "", "", absl::FromUnixMicros(state.created)};
  bool whole = false;
  absl::Status status =
      database_.Run("SELECT task_id, task, header, checksum FROM headers WHERE session_id = ?",
                    {AsBytes(session_id)}, [&](const Row& row) {
                      session.task_id = row.Text(0);
                      session.task = row.Text(1);
                      session.header = row.Text(2);
                      whole = row.Integer(3) == HeaderChecksum(session);
                    });
  if (!status.ok()) return status;
  if (!whole) return DamagedError(session_id, "its header");
  return session;
}

absl::StatusOr<StoredSession> SessionTables::Take(const std::string& session_id) {
  const absl::StatusOr<std::optional<State>> found = Find(session_id);
  if (!found.ok()) return found.status();
  if (!found->has_value() || (*found)->forgotten) return NoSessionError(session_id);
  State state = **found;
  absl::StatusOr<NewSession> session = ReadHeader(session_id, state);
  if (!session.ok()) return session.status();
  absl::StatusOr<std::vector<StoredOperation>> operations = ReadOperations(session_id, state);
  if (!operations.ok()) return operations.status();
  const Claim last{session_id, static_cast<uint64_t>(state.fence)};
  ++state.fence;
  absl::Status claimed = WriteState(last, state);
  if (!claimed.ok()) return claimed;
  return StoredSession{*std::move(session),
                       {session_id, static_cast<uint64_t>(state.fence)},
                       *std::move(operations)};
}

absl::StatusOr<std::vector<StoredOperation>> SessionTables::ReadOperations(
    const std::string& session_id, const State& state) {
  std::vector<StoredOperation> operations;
  absl::Status damage;
  absl::Status status = database_.Run(
      "SELECT slot, sequence, stored, digest, checksum, bytes, bytes_checksum FROM operations "
      "WHERE session_id = ? ORDER BY sequence",
      {AsBytes(session_id)}, [&](const Row& row) {
        OperationRecord record{row.Text(0), {}, row.Text(5)};
        const OperationRow meta{row.Integer(1), row.Integer(2), row.Blob(3)};
        const bool whole = meta.sequence == static_cast<int64_t>(operations.size()) &&
                           meta.digest.size() == record.digest.size() &&
                           row.Integer(4) == OperationChecksum(session_id, record.slot, meta) &&
                           (row.IsNull(5) ? state.ended != 0 && IsErasedAtTheEnd(record.slot)
                                          : row.Integer(6) == BytesChecksum(session_id, record.slot,
                                                                            record.bytes));
        if (!damage.ok()) return;
        if (!whole) {
          damage = DamagedError(session_id, "an operation");
          return;
        }
        std::copy(meta.digest.begin(), meta.digest.end(), record.digest.begin());
        absl::StatusOr<Operation> operation = FromRecord(record);
        damage = operation.status();
        if (!damage.ok()) return;
        operations.push_back({*std::move(operation), absl::FromUnixMicros(meta.stored)});
      });
  if (!status.ok()) return status;
  if (!damage.ok()) return damage;
  if (static_cast<int64_t>(operations.size()) != state.operations) {
    return DamagedError(session_id, "operations are missing");
  }
  return operations;
}

absl::Status SessionTables::Commit(const Claim& claim, const std::vector<Operation>& operations,
                                   absl::Time now) {
  const absl::StatusOr<State> claimed = Claimed(claim);
  if (!claimed.ok()) return claimed.status();
  if (claimed->forgotten != 0) return EndedError(claim.session_id);
  State state = *claimed;
  for (const Operation& operation : operations) {
    const OperationRecord record = ToRecord(operation);
    const absl::StatusOr<bool> inserted = Insert(claim.session_id, state, record, now);
    if (!inserted.ok()) return inserted.status();
    if (!*inserted) continue;
    ++state.operations;
    state.ended = std::holds_alternative<FinishSession>(operation);
  }
  if (state.operations == claimed->operations) return absl::OkStatus();
  absl::Status status = WriteState(claim, state);
  return status.ok() && state.ended ? EraseShares(claim.session_id) : status;
}

absl::StatusOr<bool> SessionTables::Insert(const std::string& session_id, const State& state,
                                           const OperationRecord& record, absl::Time now) {
  if (state.ended) {
    const absl::StatusOr<bool> there = IsThere(session_id, record);
    if (!there.ok()) return there.status();
    if (!*there) return EndedError(session_id);
    return false;
  }
  const OperationRow row{state.operations, absl::ToUnixMicros(now), record.digest};
  absl::Status status = database_.Run(
      "INSERT INTO operations (session_id, slot, sequence, stored, digest, checksum, bytes, "
      "bytes_checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id, slot) DO NOTHING",
      {AsBytes(session_id), AsBytes(record.slot), row.sequence, row.stored, row.digest,
       OperationChecksum(session_id, record.slot, row), AsBytes(record.bytes),
       BytesChecksum(session_id, record.slot, record.bytes)});
  if (!status.ok()) return status;
  if (database_.changes() == 1) return true;
  const absl::StatusOr<bool> there = IsThere(session_id, record);
  if (!there.ok()) return there.status();
  return false;
}

absl::StatusOr<bool> SessionTables::IsThere(const std::string& session_id,
                                            const OperationRecord& record) {
  bool there = false;
  bool whole = true;
  bool same = true;
  absl::Status status = database_.Run(
      "SELECT sequence, stored, digest, checksum FROM operations "
      "WHERE session_id = ? AND slot = ?",
      {AsBytes(session_id), AsBytes(record.slot)}, [&](const Row& row) {
        const OperationRow meta{row.Integer(0), row.Integer(1), row.Blob(2)};
        there = true;
        whole = row.Integer(3) == OperationChecksum(session_id, record.slot, meta);
        same = meta.digest == crypto::ByteSpan(record.digest);
      });
  if (!status.ok()) return status;
  if (!whole) return DamagedError(session_id, "an operation");
  if (!same) return ConflictError(session_id);
  return there;
}

absl::Status SessionTables::EraseShares(const std::string& session_id) {
  for (const Phase phase : kErasedPhases) {
    const std::string from = MessageSlots(phase);
    std::string to = from;
    ++to.back();
    absl::Status status = database_.Run(
        "UPDATE operations SET bytes = NULL WHERE session_id = ? AND slot >= ? AND slot < ?",
        {AsBytes(session_id), AsBytes(from), AsBytes(to)});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SessionTables::PutReport(const Claim& claim, const std::string& report) {
  absl::StatusOr<State> state = Claimed(claim);
  if (!state.ok()) return state.status();
  absl::Status status = WriteReport(claim.session_id, report);
  if (!status.ok() || state->reported) return status;
  state->reported = 1;
  return WriteState(claim, *state);
}

absl::Status SessionTables::WriteReport(const std::string& session_id, const std::string& report) {
  return database_.Run(
      "INSERT INTO reports (session_id, report, checksum) VALUES (?, ?, ?) "
      "ON CONFLICT (session_id) DO UPDATE SET report = excluded.report, "
      "checksum = excluded.checksum",
      {AsBytes(session_id), AsBytes(report), ReportChecksum(session_id, report)});
}

absl::Status SessionTables::ForgetSession(const Claim& claim) {
  absl::StatusOr<State> state = Claimed(claim);
  if (!state.ok()) return state.status();
  if (!state->ended) return NotEndedError(claim.session_id);
  if (state->forgotten) return absl::OkStatus();
  const crypto::ByteSpan id = AsBytes(claim.session_id);
  absl::Status status = database_.Run("DELETE FROM operations WHERE session_id = ?", {id});
  if (status.ok()) status = database_.Run("DELETE FROM headers WHERE session_id = ?", {id});
  if (!status.ok()) return status;
  state->operations = 0;
  state->forgotten = 1;
  return WriteState(claim, *state);
}

absl::Status SessionTables::EndDamaged(const std::string& session_id, const std::string& report) {
  const absl::Status ended = EraseAllButReport(session_id, report);
  const std::optional<sqlite::Failure> failure = sqlite::FailureOf(ended);
  if (!failure.has_value()) return ended;
  const bool is_constraint = (failure->code & 0xff) == SQLITE_CONSTRAINT;
  if (!is_constraint && !absl::IsDataLoss(ended)) return ended;
  // No reason to end the process, which would come to the same at its next start.
  return DamagedError(session_id,
                      absl::StrCat("so much that it cannot be erased: ", ended.message()));
}

absl::Status SessionTables::EraseAllButReport(const std::string& session_id,
                                              const std::string& report) {
  const auto read = Read(session_id);
  if (!read.ok()) return read.status();
  if (!read->has_value()) return NoSessionError(session_id);
  State state = (*read)->first;
  // A fence that may not be believed gives way to one that no claim has come to.
  state.fence = (*read)->second ? state.fence + 1 : int64_t{1} << 62;
  state.operations = 0;
  state.ended = state.forgotten = state.reported = 1;
  // The row is made anew, since its columns may be anything; all others of its id go with it.
  absl::Status status =
      database_.Run("DELETE FROM sessions WHERE session_id = ?", {AsBytes(session_id)});
  if (status.ok()) status = EraseStrayOperations();
  if (status.ok()) status = InsertState(session_id, state);
  return status.ok() ? WriteReport(session_id, report) : status;
}

// The id in a row may be what is damaged, there or here: then the row is of no session. A row may
// also be out of order by its damage, and SQLite does not find it again by its key, to erase it:
// then the table is written anew.
absl::Status SessionTables::EraseStrayOperations() {
  absl::Status status = database_.Run(
      "DELETE FROM operations WHERE session_id NOT IN (SELECT session_id FROM sessions)");
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> stray = database_.Number(
      "SELECT count(*) FROM operations NOT INDEXED "
      "WHERE +session_id NOT IN (SELECT session_id FROM sessions)");
  if (!stray.ok() || *stray == 0) return stray.status();
  for (const char* statement : {
           "CREATE TEMP TABLE kept AS SELECT * FROM operations NOT INDEXED "
           "WHERE +session_id IN (SELECT session_id FROM sessions)",
           "DELETE FROM operations",
           "INSERT OR IGNORE INTO operations SELECT * FROM kept ORDER BY session_id, slot",
           "DROP TABLE kept",
       }) {
    if (status.ok()) status = database_.Run(statement);
  }
  return status;
}

absl::Status SessionTables::EraseSession(const std::string& session_id) {
  const absl::StatusOr<std::optional<State>> found = Find(session_id);
  // A damaged one is of no use to anybody: it may go.
  if (!found.ok() && !absl::IsDataLoss(found.status())) return found.status();
  if (found.ok() && found->has_value() && !(*found)->ended) return NotEndedError(session_id);
  return database_.Run("DELETE FROM sessions WHERE session_id = ?", {AsBytes(session_id)});
}

}  // namespace veilsum::aggregator
