// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One session at work: the protocol core, one thing at a time, with its clients' connections, its
// timers, its uploads, its sum and its part of the store.
//
//   messages, uploads ──► strand: DurableSession::Step ──► actions ──► connections, timers, view
//                            ▲                                 ├──► compute pool: fold, unmask
//                            │                                 └──► store: commit, checkpoint
//                            └── Folded, UnmaskFinished, Committed, CheckpointWritten ──┘
#ifndef VEILSUM_AGGREGATOR_RUNTIME_SESSION_RUNTIME_H_
#define VEILSUM_AGGREGATOR_RUNTIME_SESSION_RUNTIME_H_

#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "aggregator/protocol/durable_session.h"
#include "aggregator/runtime/executors.h"
#include "aggregator/runtime/participant_connection.h"
#include "aggregator/runtime/pending_uploads.h"
#include "aggregator/runtime/session_options.h"
#include "aggregator/runtime/session_result.h"
#include "aggregator/runtime/session_storage.h"
#include "aggregator/runtime/session_sum.h"
#include "aggregator/runtime/session_view.h"
#include "aggregator/runtime/upload_answers.h"
#include "metrics/recorder.h"
#include "proto/operator.pb.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {

using ConnectionPtr = std::shared_ptr<ParticipantConnection>;

// What all sessions share.
struct SessionServices {
  Executors& executors;
  metrics::Recorder& recorder;
  std::shared_ptr<PendingUploads> uploads;
  // Who may take a seat; both pure and thread-safe, as in SessionOptions.
  Admits admits;
  Enrolment enrolment;
};

// What the session tells its owner, on the session's strand, each once.
struct SessionListener {
  std::function<void()> roster_closed;  // It takes no new clients.
  std::function<void()> finished;
};

// Thread-safe: everything is posted to the session's strand, and answered from there or from
// another of the aggregator's threads, never before the call returns. Connections are compared by
// address; what comes over one that was replaced is ignored.
class SessionRuntime : public std::enable_shared_from_this<SessionRuntime> {
 public:
  // The header is made from `task`, which CheckTask returned. Errors as SessionProtocol::Create.
  // `storage` has the session (CreateSession) before Start; null: everything is in memory.
  static absl::StatusOr<std::shared_ptr<SessionRuntime>> Create(
      const v1::Task& task, const v1::SessionHeader& header, SessionServices services,
      std::unique_ptr<SessionStorage> storage);

  // A stored session, with its newest checkpoint, as it stood. DATA_LOSS (STORAGE_FAILED): it
  // cannot go on. Blocks: decodes the checkpoint.
  static absl::StatusOr<std::shared_ptr<SessionRuntime>> Restore(
      StoredSession stored, std::optional<BlobStore::Checkpoint> checkpoint,
      SessionServices services, std::unique_ptr<SessionStorage> storage);

  // Once. A restored session goes on with its present phase; if it has ended already, `finished`
  // is not called.
  void Start(SessionListener listener);

  const std::string& session_id() const { return session_id_; }
  const std::string& task_id() const { return task_.task_id(); }
  // As it was when the session began.
  const v1::Task& task() const { return task_; }

  // Before Start: of a restored session.
  bool has_ended() const { return finished_; }
  bool takes_clients() const { return !roster_closed_ && !finished_; }

  // ---- Clients ----

  // A new client: gets the offer, or `refused` is called with the reason.
  void Offer(const IdentityPublicKey& identity, ConnectionPtr connection,
             std::function<void(absl::Status)> refused);
  // A client that is back. If it has no seat and can get none, it is told so and closed.
  void Resume(const IdentityPublicKey& identity, ConnectionPtr connection,
              v1::Outcome last_outcome);
  // `done` is called when the message was dealt with and what follows from it is stored, so that a
  // client has one at a time.
  void Receive(const IdentityPublicKey& identity, ConnectionPtr connection,
               v1::ClientMessage message, std::function<void()> done);
  // The connection is gone; the seat stays.
  void Detach(const IdentityPublicKey& identity, ConnectionPtr connection);

  // The message passed v1::ValidateUploadOpen. `listener` as PendingUploads::Open.
  void OpenUpload(v1::UploadOpen open, UploadListener listener, UploadAnswers::Opened answer);
  // After UploadWriter::Seal gave `digest`.
  void CloseUpload(const IdentityPublicKey& identity, const Digest& digest, v1::UploadClose close,
                   UploadAnswers::Completed answer);

  // The whole sum, whatever the offset; the request passed validation.
  void Download(v1::DownloadResultRequest request,
                std::function<void(absl::StatusOr<PackedSum>)> answer);

  // ---- Operators ----

  // `ended`, if given, is called once the session has ended, however it did; with an error if that
  // will not be known.
  using Ended = std::function<void(absl::StatusOr<SessionSnapshot>)>;
  void Abort(v1::Reason reason, std::string detail, Ended ended = nullptr);
  void GetResult(std::function<void(absl::StatusOr<PackedSum>)> answer);
  // Of an ended session: all but its report goes.
  void Forget();
  void Watch(SessionWatcher watcher);
  SessionSnapshot snapshot() const { return view_.Get(); }

  // Nothing happens any more, and clients are told to come back later: the process ends and the
  // session goes on in the next one, from what is stored. `stopped` is called once.
  void Stop(std::function<void()> stopped);

 private:
  using Clock = SessionView::Clock;

  SessionRuntime(const v1::Task& task, DurableSession session, SessionServices services,
                 std::unique_ptr<SessionStorage> storage, Clock::time_point started);
  void Replay(const StoredSession& stored);

  // All below: on the strand.
  void Post(std::function<void()> work);
  template <class Happened>
  void Step(Happened happened) {
    if (!lost_) CarryOut(session_.Step(std::move(happened)));
  }
  void CarryOut(Actions actions);
  void CarryOut(Effect& effect);
  void CarryOut(Commit& commit);
  void CarryOut(WriteCheckpoint& write);
  void CarryOut(StartCheckpointTimer&);
  void CarryOut(Reply& reply);
  void CarryOut(Send& send);
  void CarryOut(PhaseStarted& effect);
  void CarryOut(PhaseClosed& effect);
  void CarryOut(Progress& effect);
  void CarryOut(ClientDropped& effect);
  void CarryOut(ClientRefused& effect);
  void CarryOut(Fold& effect);
  void CarryOut(DiscardUpload& effect);
  void CarryOut(Persist&) {}  // DurableSession's.
  void CarryOut(Unmask& effect);
  void CarryOut(Finished& effect);

  void OnceStored(std::function<void()> work);
  void BatchStored(uint64_t batch, const absl::Status& status);
  void CheckpointStored(uint64_t generation, Clock::time_point began, const absl::Status& status);
  void StoreEnd(bool completed);
  void StoreResult(UnmaskOutcome outcome, PackedSum sum);
  void ResultStored(const UnmaskOutcome& outcome, const PackedSum& sum, const absl::Status& status);
  void GiveUp(const absl::Status& why);
  void Lose(const absl::Status& why);
  absl::Status CheckKeepsUp() const;

  void ReceiveNow(const IdentityPublicKey& identity, const ConnectionPtr& connection,
                  v1::ClientMessage& message, const std::function<void()>& done);
  void ResumeStored();
  void KeepForResume(const IdentityPublicKey& identity, v1::ClientMessage message,
                     std::function<void()> done);
  void ForgetResume(const IdentityPublicKey& identity);
  absl::Status CheckMayWait(const IdentityPublicKey& identity,
                            const v1::ClientMessage& message) const;
  void ResumeNow(const IdentityPublicKey& identity, const ConnectionPtr& connection,
                 v1::Outcome last_outcome);
  absl::Status WhyLost() const;
  void RefuseLost(const ConnectionPtr& connection);
  void TellEnd();

  absl::StatusOr<UploadGrant> GrantFor(const Reply& reply, uint64_t total_bytes,
                                       const UploadListener& listener);
  v1::UploadReceipt ReceiptOf(const Reply& reply) const;

  std::optional<Event> EventFor(const IdentityPublicKey& identity, v1::ClientMessage& message);
  absl::Status CheckBody(const v1::SignedMessage& message) const;
  absl::Status CheckBodyOf(const v1::ClientMessage& message) const;
  void RefuseMessage(const IdentityPublicKey& identity, v1::Round round,
                     const absl::Status& refusal);
  void Attach(const IdentityPublicKey& identity, ConnectionPtr connection);
  bool IsAttached(const IdentityPublicKey& identity, const ConnectionPtr& connection) const;
  void SendTo(const IdentityPublicKey& identity, const v1::ServerMessage& message);
  void RefuseWithoutSeat(v1::Refused::Scope scope, v1::Reason reason, const std::string& detail);
  void CloseAll(const absl::Status& status);
  void LogRefusals();
  void SendProgress();
  void ScheduleProgress();
  void StartTimers(const v1::PhasePolicy& policy, Clock::duration passed);
  template <class Happened>
  void StartTimer(asio::steady_timer& timer, Clock::duration delay, Happened happened) {
    timer.expires_after(delay);
    timer.async_wait([weak = weak_from_this(), happened](std::error_code error) {
      const auto self = weak.lock();
      if (!error && self != nullptr && !self->finished_) self->Step(happened);
    });
  }
  void CancelTimers();
  absl::Status CheckResult(v1::Audience other_than) const;
  std::string Label() const;

  const v1::Task task_;
  const SessionServices services_;
  Strand strand_;
  DurableSession session_;
  const std::string session_id_;
  SessionListener listener_;
  SessionView view_;
  const std::shared_ptr<SessionSum> sum_;
  const std::unique_ptr<SessionStorage> storage_;  // Null: in memory.
  SessionResult result_;

  std::map<IdentityPublicKey, ConnectionPtr> connections_;
  // To be closed at the end of the present batch of effects, after what is still sent to them.
  std::vector<IdentityPublicKey> leaving_;
  // Messages of the present batch by address, so that one that goes to many is encoded once.
  std::map<const v1::ServerMessage*, EncodedMessage> encoded_;
  UploadAnswers uploads_;

  // Of Commit: asked for, and stored. What waits for the batches that were asked for before it.
  uint64_t last_batch_ = 0;
  uint64_t stored_batch_ = 0;
  std::deque<std::pair<uint64_t, std::function<void()>>> once_stored_;
  // Clients that are back, while what was asked for before they came is not stored: at most one
  // connection of each, with at most one message, since a disk may stand still for long.
  struct Resuming {
    ConnectionPtr connection;
    v1::Outcome last_outcome;
    uint64_t batch;  // After this one.
    std::unique_ptr<v1::ClientMessage> message;
    std::function<void()> done;  // Of the message.
  };
  std::map<IdentityPublicKey, Resuming> resuming_;
  bool resume_due_ = false;  // ResumeStored is among what waits.
  Clock::time_point next_checkpoint_;
  std::vector<Ended> once_ended_;

  Phase phase_ = Phase::kAdvertiseKeys;
  v1::Round counted_phase_ = v1::ROUND_UNSPECIFIED;  // In the metrics.
  // Until the first PhaseStarted of a restored session: when that phase began.
  std::optional<Clock::time_point> restored_phase_;
  uint64_t refusals_told_ = 0;  // In the log.
  bool roster_closed_ = false;
  bool finished_ = false;
  bool lost_ = false;  // Nothing is stepped any more: stopped, or the store has failed it.
  asio::steady_timer least_timer_;
  asio::steady_timer deadline_timer_;
  asio::steady_timer progress_timer_;
  asio::steady_timer checkpoint_timer_;
  asio::steady_timer result_timer_;
  bool progress_scheduled_ = false;
  Clock::time_point progress_due_{};  // For clients; operators see it sooner.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_SESSION_RUNTIME_H_
