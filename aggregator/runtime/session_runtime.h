// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One session at work: the protocol core, one thing at a time, with its clients' connections, its
// timers, its uploads and its sum.
//
//   messages, uploads ──► strand: SessionProtocol::Step ──► effects ──► connections, timers, view
//                            ▲                                 └──► compute pool: fold, unmask
//                            └──────────── FoldFinished, UnmaskFinished ────┘
#ifndef VEILSUM_AGGREGATOR_RUNTIME_SESSION_RUNTIME_H_
#define VEILSUM_AGGREGATOR_RUNTIME_SESSION_RUNTIME_H_

#include <asio/steady_timer.hpp>
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
#include "absl/types/span.h"
#include "aggregator/protocol/session_protocol.h"
#include "aggregator/runtime/executors.h"
#include "aggregator/runtime/participant_connection.h"
#include "aggregator/runtime/pending_uploads.h"
#include "aggregator/runtime/session_sum.h"
#include "aggregator/runtime/session_view.h"
#include "metrics/recorder.h"
#include "proto/operator.pb.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {

using ConnectionPtr = std::shared_ptr<ParticipantConnection>;
using Admits = std::function<bool(const IdentityPublicKey&)>;
using Enrolment = std::function<absl::Status(const IdentityPublicKey&, absl::Span<const uint8_t>)>;

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

// Where one upload stands.
struct UploadGrant {
  std::unique_ptr<UploadWriter> writer;  // Null: the input is in the sum already; see `receipt`.
  v1::UploadReceipt receipt;
};

// Thread-safe: everything is posted to the session's strand, and answered from there or from
// another of the aggregator's threads, never before the call returns. Connections are compared by
// address; what comes over one that was replaced is ignored.
class SessionRuntime : public std::enable_shared_from_this<SessionRuntime> {
 public:
  // The header is made from `task`, which CheckTask returned. Errors as SessionProtocol::Create.
  static absl::StatusOr<std::shared_ptr<SessionRuntime>> Create(const v1::Task& task,
                                                                const v1::SessionHeader& header,
                                                                SessionServices services);

  // Once.
  void Start(SessionListener listener);

  const std::string& session_id() const { return session_id_; }
  const std::string& task_id() const { return task_.task_id(); }

  // ---- Clients ----

  // A new client: gets the offer, or `refused` is called with the reason.
  void Offer(const IdentityPublicKey& identity, ConnectionPtr connection,
             std::function<void(absl::Status)> refused);
  // A client that is back. If it has no seat and can get none, it is told so and closed.
  void Resume(const IdentityPublicKey& identity, ConnectionPtr connection,
              v1::Outcome last_outcome);
  // `done` is called when the message was dealt with, so that a client has one at a time.
  void Receive(const IdentityPublicKey& identity, ConnectionPtr connection,
               v1::ClientMessage message, std::function<void()> done);
  // The connection is gone; the seat stays.
  void Detach(const IdentityPublicKey& identity, ConnectionPtr connection);

  // The message passed v1::ValidateUploadOpen. `cut_off` as PendingUploads::Open.
  void OpenUpload(v1::UploadOpen open, PendingUploads::CutOff cut_off,
                  std::function<void(absl::StatusOr<UploadGrant>)> answer);
  // After UploadWriter::Seal gave `digest`.
  void CloseUpload(const IdentityPublicKey& identity, const Digest& digest, v1::UploadClose close,
                   std::function<void(absl::StatusOr<v1::UploadReceipt>)> answer);

  // The whole sum, whatever the offset; the request passed validation.
  void Download(v1::DownloadResultRequest request,
                std::function<void(absl::StatusOr<PackedSum>)> answer);

  // ---- Operators ----

  void Abort(v1::Reason reason, std::string detail);
  void GetResult(std::function<void(absl::StatusOr<PackedSum>)> answer);
  void DropResult();
  void Watch(SessionWatcher watcher);
  SessionSnapshot snapshot() const { return view_.Get(); }

 private:
  using ReceiptCallback = std::function<void(absl::StatusOr<v1::UploadReceipt>)>;
  struct WaitingForReceipt {
    std::chrono::steady_clock::time_point last_byte;
    ReceiptCallback answer;
  };

  SessionRuntime(const v1::Task& task, SessionProtocol protocol, SessionServices services);

  // All below: on the strand.
  void Post(std::function<void()> work);
  void Step(Event event) { CarryOut(protocol_.Step(std::move(event))); }
  void CarryOut(Effects effects);
  void CarryOut(Reply& reply);
  void CarryOut(Send& send);
  void CarryOut(PhaseStarted& effect);
  void CarryOut(PhaseClosed& effect);
  void CarryOut(Progress& effect);
  void CarryOut(ClientDropped& effect);
  void CarryOut(ClientRefused& effect);
  void CarryOut(Fold& effect);
  void CarryOut(DiscardUpload& effect);
  void CarryOut(Persist&) {}
  void CarryOut(Unmask& effect);
  void CarryOut(Finished& effect);

  std::optional<Event> EventFor(const IdentityPublicKey& identity, v1::ClientMessage& message);
  absl::Status CheckBody(const v1::SignedMessage& message) const;
  void Attach(const IdentityPublicKey& identity, ConnectionPtr connection);
  bool IsAttached(const IdentityPublicKey& identity, const ConnectionPtr& connection) const;
  void SendTo(const IdentityPublicKey& identity, const v1::ServerMessage& message);
  void AnswerUpload(const Reply& reply);
  void RefuseWithoutSeat(v1::Refused::Scope scope, v1::Reason reason, const std::string& detail);
  void CloseAll();
  void LogRefusals();
  void SendProgress();
  void ScheduleProgress();
  void StartTimer(asio::steady_timer& timer, uint64_t milliseconds, Event event);
  absl::Status CheckResult(v1::Audience other_than) const;
  std::string Label() const;

  const v1::Task task_;
  const SessionServices services_;
  Strand strand_;
  SessionProtocol protocol_;
  const std::string session_id_;
  SessionListener listener_;
  SessionView view_;
  const std::shared_ptr<SessionSum> sum_;
  PackedSum result_;

  std::map<IdentityPublicKey, ConnectionPtr> connections_;
  // To be closed at the end of the present batch of effects, after what is still sent to them.
  std::vector<IdentityPublicKey> leaving_;
  // Messages of the present batch by address, so that one that goes to many is encoded once.
  std::map<const v1::ServerMessage*, EncodedMessage> encoded_;

  // The Reply to the present UploadOpened, once it is there.
  std::optional<IdentityPublicKey> opening_;
  std::optional<Reply> opening_reply_;
  // Completed uploads that wait for their Reply, oldest first. The present step is that of
  // `completing_`, whose Reply, if it comes at once, is for the newest.
  std::map<IdentityPublicKey, std::deque<WaitingForReceipt>> waiting_for_receipt_;
  std::optional<IdentityPublicKey> completing_;

  Phase phase_ = Phase::kAdvertiseKeys;
  uint64_t refusals_told_ = 0;  // In the log.
  bool roster_closed_ = false;
  bool finished_ = false;
  asio::steady_timer least_timer_;
  asio::steady_timer deadline_timer_;
  asio::steady_timer progress_timer_;
  bool progress_scheduled_ = false;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_SESSION_RUNTIME_H_
