// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What an aggregator must not forget, as operations: tasks, sessions, and what changed them. One
// interface; session_store_conformance_testing.h says what every implementation does.
#ifndef VEILSUM_AGGREGATOR_STORE_SESSION_STORE_H_
#define VEILSUM_AGGREGATOR_STORE_SESSION_STORE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aggregator/protocol/operations.h"

namespace veilsum::aggregator {

// Who may write to a session: the store's last claim on it. Older ones are fenced off, so that two
// owners of one session can never both write.
struct Claim {
  std::string session_id;  // 16 bytes
  uint64_t fence = 0;
};

struct NewSession {
  std::string session_id;  // 16 bytes
  std::string task_id;
  std::string task;    // Serialised v1::Task, as it was when the session began.
  std::string header;  // Serialised v1::SessionHeader, as clients get it.
  absl::Time created;  // To the microsecond.

  friend bool operator==(const NewSession&, const NewSession&) = default;
};

struct StoredOperation {
  Operation operation;
  absl::Time stored;  // To the microsecond.

  friend bool operator==(const StoredOperation&, const StoredOperation&) = default;
};

struct StoredSession {
  NewSession session;
  Claim claim;
  std::vector<StoredOperation> operations;  // In the order in which they were committed.
};

// Of the list of sessions.
struct SessionSummary {
  std::string session_id;
  bool ended = false;  // FinishSession is stored.
  // Of ended ones whose operations are forgotten too.
  bool forgotten = false;
  std::string report = {};  // Serialised v1::Session, empty before PutReport.
  // The report is not as it was put, and is empty here; or the list does not know how the session
  // stands: `ended` and `forgotten` are false then, Take gives DATA_LOSS, and it may be erased.
  bool damaged = false;

  friend bool operator==(const SessionSummary&, const SessionSummary&) = default;
};

struct StoredTask {
  std::string task_id;
  std::string task;      // Serialised v1::Task
  bool damaged = false;  // Nothing but the id may be believed; it may be put again.
};

// Thread-safe. Reads block and are for the start of the process. Writes return at once; what was
// asked first is done first; many are made durable together (group commit). `done` is called once,
// on a thread of the store, in the order of the calls; it must not block. With OK everything that
// was asked for is durable, and was before if it was asked for again (a commit of which nobody
// knows whether it came through may be repeated). Otherwise nothing of it is there:
//
//   ALREADY_EXISTS  Other bytes than those stored for the same client and phase, another
//                   FreezeSurvivors or FinishSession, another session or task with this id.
//   ABORTED         The claim is not the last one: the session belongs to another owner now.
//   NOT_FOUND       No such session or task.
//   FAILED_PRECONDITION  The session has ended (an operation after FinishSession), or has not
//                        (ForgetSession, EraseSession).
//   DATA_LOSS       What is stored of the session is damaged. Every other one can still be used.
//   UNAVAILABLE     The store was destroyed while the disk was full.
//
// All with REASON_STORAGE_FAILED. What the disk says is not reported but dealt with: while it is
// full or read-only the store waits and tries again (healthy() says so), and after any other error,
// of fsync above all, the process must not go on: `fatal` of the implementation's options is
// called.
class SessionStore {
 public:
  using Done = std::function<void(absl::Status)>;

  // Waits for what was asked for and still can be done. Not on a thread of the store, so not by
  // the last owner in a `done`.
  virtual ~SessionStore() = default;

  // ---- Reads ----

  virtual absl::StatusOr<std::vector<StoredTask>> Tasks() = 0;
  // The newest first.
  virtual absl::StatusOr<std::vector<SessionSummary>> Sessions() = 0;
  // The session with a new claim on it, which fences all earlier ones: a write, which waits like
  // others. NOT_FOUND for a forgotten one.
  virtual absl::StatusOr<StoredSession> Take(const std::string& session_id) = 0;

  // ---- Writes ----

  // Replaces the task if it is there.
  virtual void PutTask(StoredTask task, Done done) = 0;
  // With a first claim, {session_id, 1}.
  virtual void CreateSession(NewSession session, Done done) = 0;
  // All of the operations or none. PutMessage again with the same digest, and anything else again
  // as it was: OK, no effect, after FinishSession too. Several DropClient of one client that are
  // not the same are all kept. With FinishSession the bytes of
  // the session's ShareKeys and Unmasking messages are erased.
  virtual void Commit(const Claim& claim, std::vector<Operation> operations, absl::Time now,
                      Done done) = 0;
  // Replaces the report.
  virtual void PutReport(const Claim& claim, std::string report, Done done) = 0;
  // Of an ended session: its operations and its header go, its report stays.
  virtual void ForgetSession(const Claim& claim, Done done) = 0;
  // Ends and forgets a session of which something is damaged, unread: whatever its rows say,
  // nothing but this report stays, and the claims on it are fenced off. Its shares would stay for
  // ever otherwise, since it can't be taken and so not be ended.
  virtual void EndDamaged(const std::string& session_id, std::string report, Done done) = 0;
  // All of an ended session. OK if there is none.
  virtual void EraseSession(const std::string& session_id, Done done) = 0;

  // OK, or why writes wait: for the readiness of the process. Thread-safe, never blocks.
  virtual absl::Status healthy() const = 0;
  // Bytes that wait to be written; the caller bounds what it asks for.
  virtual uint64_t queued_bytes() const = 0;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_SESSION_STORE_H_
