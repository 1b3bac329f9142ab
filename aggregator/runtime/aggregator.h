// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator without its network: tasks, sessions, who waits for one, and who is connected.
// Transports call it; it knows nothing of them.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_AGGREGATOR_H_
#define VEILSUM_AGGREGATOR_RUNTIME_AGGREGATOR_H_

#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "aggregator/runtime/memory_guard.h"
#include "aggregator/runtime/session_runtime.h"
#include "proto/operator.pb.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {

struct AggregatorOptions {
  std::vector<v1::Task> tasks;  // Each as CheckTask returned it; ids differ.
  Admits admits;                // Who may take part. Pure and thread-safe.
  // Does the enrolment authority vouch for a client? Null: not asked. Pure and thread-safe; see
  // SessionOptions::enrolment.
  Enrolment enrolment;
  // Of the roster or the authority's signatures; stands in every task and header.
  uint64_t roster_version = 0;
  uint64_t pending_upload_bytes = 0;
  // For the running sums of all sessions; (dimension + 1) lanes of 2, 4 or 8 bytes each. A session
  // that finds no room is not opened.
  uint64_t accumulator_bytes = uint64_t{4} << 30;
  uint64_t max_sessions = 64;  // At the same time.
  // Ended sessions whose sums and seats are kept: as many of those that completed, and as many of
  // those that were aborted.
  uint64_t kept_results = 16;
  Storage storage;  // Null in both: everything is in memory and ends with the process.
  // Writes unpredictable bytes; called on one thread at a time.
  std::function<void(absl::Span<uint8_t>)> random;
};

// Is there room for one session of the task? INVALID_ARGUMENT naming the limit. The task is as
// CheckTask returned it.
absl::Status CheckFits(const v1::Task& task, const AggregatorOptions& options);

template <class T>
using Answer = std::function<void(absl::StatusOr<T>)>;

// Thread-safe: everything is posted to one strand, and answered from there or from a session's,
// never before the call returns. Statuses carry a reason (proto/reason_status.h).
class Aggregator : public std::enable_shared_from_this<Aggregator> {
 public:
  Aggregator(AggregatorOptions options, Executors& executors, metrics::Recorder& recorder);

  // ---- The start ----

  struct Recovered {
    uint64_t tasks = 0;    // That operators had created.
    uint64_t running = 0;  // Sessions that go on.
    uint64_t ended = 0;
    uint64_t lost = 0;  // What was stored of them is damaged: they have ended, with an error.
  };
  // With a storage: once, before all that follows. Blocks until what is stored was read. With an
  // error something of it could not be read, though it may be whole: the process must not go on.
  absl::StatusOr<Recovered> Recover();

  // ---- Participants ----

  // `identity` signed `hello` (hello.h). The newest connection of an identity and task is served,
  // an older one displaced (REASON_DISPLACED). From here on the connection is the aggregator's
  // until Disconnected.
  void Connect(const IdentityPublicKey& identity, v1::Hello hello, ConnectionPtr connection);
  // One at a time: the next one after `done`.
  void Receive(ConnectionPtr connection, v1::ClientMessage message, std::function<void()> done);
  void Disconnected(ConnectionPtr connection);

  // An upload's session, for what follows.
  struct OpenedUpload {
    std::shared_ptr<SessionRuntime> session;
    std::shared_ptr<UploadGrant> grant;
  };
  void OpenUpload(v1::UploadOpen open, UploadListener listener, Answer<OpenedUpload> answer);
  void Download(v1::DownloadResultRequest request, Answer<PackedSum> answer);

  // ---- Operators ----

  void CreateTask(v1::Task task, Answer<v1::Task> answer);
  void GetTask(std::string task_id, Answer<v1::Task> answer);
  void ListTasks(Answer<v1::ListTasksResponse> answer);
  void StartSession(v1::StartSessionRequest request, Answer<v1::Session> answer);
  void ListSessions(v1::ListSessionsRequest request, Answer<v1::ListSessionsResponse> answer);
  void GetSession(std::string session_id, Answer<v1::Session> answer);
  void AbortSession(v1::AbortSessionRequest request, Answer<v1::Session> answer);
  void GetResult(v1::GetResultRequest request, Answer<PackedSum> answer);
  // The state now, then every change; the last one is that of an ended session. `answer` is called
  // first, with an error if there is no such session.
  void WatchSession(std::string session_id, SessionWatcher watcher,
                    std::function<void(absl::Status)> answer);

  // ---- Overload ----

  // How short memory is, and what uploads should free of it (memory_guard.h). Sessions that could
  // not begin do once it is not short any more.
  void SetPressure(Pressure pressure, uint64_t excess_bytes);
  // What uploads have had and have no more goes back to the system.
  void TrimUploads() { services_.uploads->Trim(); }

  // ---- The end ----

  // No new sessions, no new clients. `idle` is called once no session runs any more.
  void Drain(std::function<void()> idle);
  void AbortAll(v1::Reason reason, std::string detail);
  // With a storage, instead of AbortAll: sessions stop where they are, clients are told to come
  // back. `stopped` is called when the storage has all that was asked of it and is closed.
  void Stop(std::function<void()> stopped);

 private:
  struct SessionEntry {
    std::shared_ptr<SessionRuntime> runtime;  // Null once it is only remembered.
    SessionSnapshot last;                     // Of an ended session.
    bool running = true;
    SessionSnapshot Snapshot() const { return last != nullptr ? last : runtime->snapshot(); }
  };
  using SessionList = std::list<std::pair<std::string, SessionEntry>>;  // Newest first.

  struct TaskEntry {
    v1::Task task;
    std::shared_ptr<SessionRuntime> open;     // The session that takes clients, if one does.
    std::shared_ptr<SessionRuntime> opening;  // There will be one once it is stored.
    uint64_t running = 0;                     // With the one that is opening.
    // Not configured any more: goes with the last of its sessions.
    bool orphan = false;
  };

  struct ConnectionEntry {
    ConnectionPtr connection;
    IdentityPublicKey identity;
    std::string task_id;
    std::shared_ptr<SessionRuntime> session;  // Null: it waits for one.
  };
  using ClientKey = std::pair<std::string, IdentityPublicKey>;  // Task, identity.

  // All below: on the strand.
  void Post(std::function<void()> work);
  void AddTask(const v1::Task& task);
  absl::StatusOr<TaskEntry*> FindTask(const std::string& task_id);
  absl::StatusOr<SessionEntry*> FindSession(const std::string& session_id);
  // A session that still answers clients.
  absl::StatusOr<std::shared_ptr<SessionRuntime>> FindLiveSession(const std::string& session_id);

  absl::Status CheckRoom(const TaskEntry& task) const;
  // Answers at once, or when the session is stored.
  void Open(TaskEntry& task, std::string model_hash,
            Answer<std::shared_ptr<SessionRuntime>> answer);
  void Opened(const std::string& task_id, const absl::Status& stored,
              const Answer<std::shared_ptr<SessionRuntime>>& answer);
  SessionListener ListenerOf(const std::string& session_id);
  void Reserve(TaskEntry& task, const v1::Task& session_task);
  void Release(const v1::Task& session_task);
  void OpenOnDemand(TaskEntry& task);
  void OpenForThoseWhoWait();
  void RosterClosed(const std::string& session_id);
  void SessionFinished(const std::string& session_id);
  void ForgetOldSessions();

  absl::StatusOr<Recovered> RecoverAll();
  absl::StatusOr<uint64_t> RecoverTasks();
  absl::Status RecoverSession(const SessionSummary& summary, Recovered& recovered);
  absl::StatusOr<std::shared_ptr<SessionRuntime>> RestoreSession(const SessionSummary& summary,
                                                                 Claim& claim);
  void GoOn(const std::shared_ptr<SessionRuntime>& session);
  SessionSnapshot ReportOf(const SessionSummary& summary, const Claim& claim,
                           const SessionSnapshot& replayed);
  SessionSnapshot ReportLost(const SessionSummary& summary, const Claim& claim,
                             const absl::Status& why);
  std::unique_ptr<SessionStorage> StorageFor(Claim claim);
  absl::Status CheckKeepsUp() const;
  void AddCreated(const v1::Task& task, const absl::Status& stored, const Answer<v1::Task>& answer);

  ConnectionEntry* Find(const ConnectionPtr& connection);
  absl::Status Admit(const IdentityPublicKey& identity, const v1::Hello& hello);
  static void Displace(const ConnectionPtr& connection);
  bool Register(const IdentityPublicKey& identity, const std::string& task_id,
                const ConnectionPtr& connection);
  void Unregister(const ConnectionPtr& connection);
  void OfferTo(ConnectionEntry& entry, const std::shared_ptr<SessionRuntime>& session);
  void NotOffered(const ConnectionPtr& connection, const absl::Status& why);
  void TellToWait(ConnectionEntry& entry, absl::string_view detail);
  static void Refuse(const ConnectionPtr& connection, const absl::Status& why);

  const AggregatorOptions options_;  // Without the storage.
  const SessionServices services_;
  Strand strand_;
  Storage storage_;
  const bool stores_;
  std::map<std::string, TaskEntry> tasks_;
  SessionList session_list_;
  std::map<std::string, SessionList::iterator> sessions_;
  std::map<ParticipantConnection*, ConnectionEntry> connections_;
  std::map<ClientKey, ConnectionPtr> newest_;
  uint64_t running_ = 0;
  uint64_t accumulator_bytes_ = 0;  // Of the running sessions.
  std::set<std::string> creating_;  // Tasks that are being stored.
  Pressure pressure_ = Pressure::kNone;
  bool draining_ = false;
  bool stopped_ = false;
  std::function<void()> idle_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_AGGREGATOR_H_
