// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/session_runtime.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/body_size.h"
#include "aggregator/runtime/names.h"
#include "aggregator/runtime/session_options.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/transcript.h"
#include "proto/reason_status.h"
#include "proto/validate.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

// Of a message of who has no seat: keys with an identity, or a word of farewell.
constexpr size_t kMostBytesWithoutSeat = 64 << 10;

// Is the download request signed by the identity that it names?
absl::Status CheckDownloadSignature(const v1::DownloadResultRequest& request,
                                    const IdentityPublicKey& identity, const Digest& transcript) {
  const auto signature = crypto::Signature::Parse(crypto::AsBytes(request.signature()));
  const Digest digest = crypto::ResultDownloadSignatureDigest(transcript);
  if (signature.ok() &&
      crypto::Verify(identity, crypto::kLabelResultDownloadSignature, digest, *signature).ok()) {
    return absl::OkStatus();
  }
  return StatusFor(v1::REASON_BAD_SIGNATURE,
                   "download.signature: is not the identity's over this session's transcript");
}

// The round that a message answers; `present` for one that answers none. A refusal without a round
// is one of the Hello: the client would leave.
v1::Round RoundOf(const v1::ClientMessage& message, v1::Round present) {
  switch (message.message_case()) {
    case v1::ClientMessage::kAdvertiseKeys:
      return v1::ROUND_ADVERTISE_KEYS;
    case v1::ClientMessage::kShareKeys:
      return v1::ROUND_SHARE_KEYS;
    case v1::ClientMessage::kConsistencyCheck:
      return v1::ROUND_CONSISTENCY_CHECK;
    case v1::ClientMessage::kUnmasking:
      return v1::ROUND_UNMASKING;
    default:
      return present;
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<SessionRuntime>> SessionRuntime::Create(
    const v1::Task& task, const v1::SessionHeader& header, SessionServices services,
    std::unique_ptr<SessionStorage> storage) {
  absl::StatusOr<DurableSession> session = DurableSession::Create(
      OptionsFor(task, header.SerializeAsString(), services.admits, services.enrolment),
      storage == nullptr ? Durability::kInMemory : Durability::kCheckpoint);
  if (!session.ok()) return session.status();
  return std::shared_ptr<SessionRuntime>(new SessionRuntime(
      task, *std::move(session), std::move(services), std::move(storage), Clock::now()));
}

SessionRuntime::SessionRuntime(const v1::Task& task, DurableSession session,
                               SessionServices services, std::unique_ptr<SessionStorage> storage,
                               Clock::time_point started)
    : task_(task),
      services_(std::move(services)),
      strand_(services_.executors.NewControlStrand()),
      session_(std::move(session)),
      session_id_(session_.protocol().header().session_id()),
      view_(session_.protocol().header(), started),
      sum_(std::make_shared<SessionSum>(services_.executors, services_.recorder)),
      storage_(std::move(storage)),
      next_checkpoint_(Clock::now()),
      least_timer_(strand_),
      deadline_timer_(strand_),
      progress_timer_(strand_),
      checkpoint_timer_(strand_),
      result_timer_(strand_) {}

void SessionRuntime::Post(std::function<void()> work) {
  services_.recorder.QueueDepth(metrics::Queue::kSession, 1);
  const auto posted = std::chrono::steady_clock::now();
  asio::post(strand_, [self = shared_from_this(), work = std::move(work), posted] {
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - posted;
    self->services_.recorder.QueueDepth(metrics::Queue::kSession, -1);
    self->services_.recorder.QueueWait(metrics::Queue::kSession, waited.count());
    work();
  });
}

void SessionRuntime::Start(SessionListener listener) {
  Post([this, listener = std::move(listener)] {
    listener_ = listener;
    if (lost_) return;
    if (!finished_) services_.recorder.SessionStarted();
    CarryOut(session_.Start());
  });
}

void SessionRuntime::Stop(std::function<void()> stopped) {
  Post([this, stopped = std::move(stopped)] {
    const absl::Status why = WhyLost();
    if (storage_ != nullptr) storage_->Stop();
    GiveUp(why);
    CloseAll(why);
    TellEnd();
    stopped();
  });
}

// Of all that is under way.
void SessionRuntime::GiveUp(const absl::Status& why) {
  lost_ = true;
  CancelTimers();
  uploads_.RefuseAll(why);
  services_.uploads->DiscardSession(session_id_, why);
  sum_->End();
  for (auto& [batch, work] : std::exchange(once_stored_, {})) work();
}

// The store does not have what it should, or does not take it: the session must not go on, and
// whoever is in it must hear so.
void SessionRuntime::Lose(const absl::Status& why) {
  if (lost_) return;
  spdlog::error("{}: lost, the store failed it: {}", Label(), std::string(why.message()));
  GiveUp(why);
  if (finished_) return;
  Finished finished;
  finished.reason = v1::REASON_STORAGE_FAILED;
  finished.detail = absl::StrCat("the aggregator's store failed the session: ", why.message());
  // It must not go on after a restart either, if the store takes that.
  if (storage_ != nullptr) {
    storage_->Commit({FinishSession{finished.reason, finished.detail}}, [](const absl::Status&) {});
  }
  CarryOut(finished);
  const EncodedMessage refused = Encode(
      RefusedMessage(v1::Refused::SCOPE_SESSION, StatusFor(finished.reason, finished.detail)));
  for (const auto& [identity, connection] : connections_) connection->Send(refused);
  CloseAll(absl::OkStatus());
}

// ---- Clients ----

void SessionRuntime::Attach(const IdentityPublicKey& identity, ConnectionPtr connection) {
  connections_[identity] = std::move(connection);
}

bool SessionRuntime::IsAttached(const IdentityPublicKey& identity,
                                const ConnectionPtr& connection) const {
  const auto found = connections_.find(identity);
  return found != connections_.end() && found->second == connection;
}

void SessionRuntime::Offer(const IdentityPublicKey& identity, ConnectionPtr connection,
                           std::function<void(absl::Status)> refused) {
  Post([this, identity, connection = std::move(connection), refused = std::move(refused)] {
    if (lost_) return RefuseLost(connection);
    const auto offer = session_.protocol().OfferFor(identity);
    if (!offer.ok()) return refused(offer.status());
    Attach(identity, connection);
    SendTo(identity, **offer);
  });
}

void SessionRuntime::Resume(const IdentityPublicKey& identity, ConnectionPtr connection,
                            v1::Outcome last_outcome) {
  // What waits for the store is of an earlier time, when the client had another connection: it gets
  // that again, in the right order.
  Post([this, identity, connection = std::move(connection), last_outcome] {
    ForgetResume(identity);
    if (lost_ || stored_batch_ >= last_batch_) {
      return ResumeNow(identity, connection, last_outcome);
    }
    resuming_[identity] = {connection, last_outcome, last_batch_, nullptr, nullptr};
    ResumeStored();
  });
}

// Those that have waited for long enough; and comes back for the others.
void SessionRuntime::ResumeStored() {
  auto next = resuming_.begin();
  while (next != resuming_.end()) {
    if (!lost_ && next->second.batch > stored_batch_) {
      ++next;
      continue;
    }
    const IdentityPublicKey identity = next->first;
    const Resuming one = std::move(next->second);
    resuming_.erase(next);
    ResumeNow(identity, one.connection, one.last_outcome);
    if (one.message != nullptr) ReceiveNow(identity, one.connection, *one.message, one.done);
    next = resuming_.upper_bound(identity);
  }
  if (resuming_.empty() || std::exchange(resume_due_, true)) return;
  OnceStored([this, self = shared_from_this()] {
    resume_due_ = false;
    ResumeStored();
  });
}

void SessionRuntime::ResumeNow(const IdentityPublicKey& identity, const ConnectionPtr& connection,
                               v1::Outcome last_outcome) {
  if (lost_) return RefuseLost(connection);
  if (session_.protocol().HasSeat(identity)) {
    Attach(identity, connection);
    Step(ClientResumed{identity, last_outcome});
    if (finished_) CloseAll(absl::OkStatus());
    return;
  }
  const auto offer = session_.protocol().OfferFor(identity);
  if (!offer.ok()) {
    connection->Send(Encode(RefusedMessage(v1::Refused::SCOPE_CLIENT, offer.status())));
    connection->Close(absl::OkStatus());
    return;
  }
  Attach(identity, connection);
  if (last_outcome < v1::OUTCOME_OFFER) SendTo(identity, **offer);
}

// Of a session that was lost, or stopped and is there again shortly.
absl::Status SessionRuntime::WhyLost() const {
  const v1::Session& session = view_.present();
  if (session.state() != v1::SESSION_STATE_ABORTED) {
    return StatusFor(v1::REASON_SHUTDOWN, "the aggregator is starting again; come back shortly");
  }
  return StatusFor(session.abort_reason(), session.abort_detail());
}

void SessionRuntime::RefuseLost(const ConnectionPtr& connection) {
  const absl::Status why = WhyLost();
  if (ReasonOf(why) == v1::REASON_SHUTDOWN) return connection->Close(why);
  connection->Send(Encode(RefusedMessage(v1::Refused::SCOPE_SESSION, why)));
  connection->Close(absl::OkStatus());
}

void SessionRuntime::Receive(const IdentityPublicKey& identity, ConnectionPtr connection,
                             v1::ClientMessage message, std::function<void()> done) {
  const auto shared = std::make_shared<v1::ClientMessage>(std::move(message));
  Post([this, identity, connection = std::move(connection), shared, done = std::move(done)] {
    const auto waiting = resuming_.find(identity);
    if (waiting != resuming_.end() && waiting->second.connection == connection) {
      return KeepForResume(identity, std::move(*shared), done);
    }
    ReceiveNow(identity, connection, *shared, done);
  });
}

void SessionRuntime::ReceiveNow(const IdentityPublicKey& identity, const ConnectionPtr& connection,
                                v1::ClientMessage& message, const std::function<void()>& done) {
  if (!IsAttached(identity, connection)) {
    // It ended for this client while the message was under way. A connection that was displaced
    // takes nothing any more.
    v1::ServerMessage answer = RefusedMessage(
        v1::Refused::SCOPE_MESSAGE, StatusFor(v1::REASON_LATE, "the session is over for you"));
    answer.mutable_refused()->set_round(RoundOf(message, RoundOf(phase_)));
    connection->Send(Encode(answer));
    return done();
  }
  if (lost_) return done();
  if (absl::Status keeps_up = CheckKeepsUp(); !keeps_up.ok() && !message.has_withdraw()) {
    RefuseMessage(identity, RoundOf(message, RoundOf(phase_)), keeps_up);
    return done();
  }
  std::optional<Event> event = EventFor(identity, message);
  if (event.has_value()) Step(*std::move(event));
  OnceStored(done);
}

// A client speaks as soon as it has said Hello. If its Resume waits for the store, what comes over
// that connection waits behind it, or it would be taken for an older connection's and forgotten.
void SessionRuntime::KeepForResume(const IdentityPublicKey& identity, v1::ClientMessage message,
                                   std::function<void()> done) {
  Resuming& waiting = resuming_.at(identity);
  absl::Status may_wait = CheckMayWait(identity, message);
  if (!may_wait.ok() || waiting.message != nullptr) {
    v1::ServerMessage answer = RefusedMessage(
        v1::Refused::SCOPE_MESSAGE,
        may_wait.ok() ? StatusFor(v1::REASON_EARLY, "one message is waiting already") : may_wait);
    answer.mutable_refused()->set_round(RoundOf(message, RoundOf(phase_)));
    waiting.connection->Send(Encode(answer));
    return done();
  }
  waiting.message = std::make_unique<v1::ClientMessage>(std::move(message));
  waiting.done = std::move(done);
}

// Who has no seat has nothing to say but its keys.
absl::Status SessionRuntime::CheckMayWait(const IdentityPublicKey& identity,
                                          const v1::ClientMessage& message) const {
  if (absl::Status keeps_up = CheckKeepsUp(); !keeps_up.ok()) return keeps_up;
  if (session_.protocol().HasSeat(identity)) return CheckBodyOf(message);
  const bool fits = (message.has_advertise_keys() || message.has_withdraw()) &&
                    message.ByteSizeLong() <= kMostBytesWithoutSeat;
  return fits ? absl::OkStatus()
              : StatusFor(v1::REASON_EARLY, "this client has not advertised its keys yet");
}

// A newer connection took over, or it is gone.
void SessionRuntime::ForgetResume(const IdentityPublicKey& identity) {
  const auto node = resuming_.extract(identity);
  if (!node.empty() && node.mapped().done != nullptr) node.mapped().done();
}

absl::Status SessionRuntime::CheckKeepsUp() const {
  if (storage_ == nullptr) return absl::OkStatus();
  absl::Status keeps_up = storage_->CheckKeepsUp();
  if (!keeps_up.ok()) services_.recorder.OverloadRejection(metrics::Overload::kStore);
  return keeps_up;
}

// Nothing, and a refusal, for what is no event.
std::optional<Event> SessionRuntime::EventFor(const IdentityPublicKey& identity,
                                              v1::ClientMessage& message) {
  absl::Status refusal = StatusFor(v1::REASON_MALFORMED, "an empty message");
  switch (message.message_case()) {
    case v1::ClientMessage::kAdvertiseKeys:
      return AdvertiseKeysReceived{identity, std::move(*message.mutable_advertise_keys())};
    case v1::ClientMessage::kShareKeys:
      refusal = CheckBodyOf(message);
      if (!refusal.ok()) break;
      return ShareKeysReceived{identity, std::move(*message.mutable_share_keys())};
    case v1::ClientMessage::kUnmasking:
      refusal = CheckBodyOf(message);
      if (!refusal.ok()) break;
      return UnmaskingReceived{identity, std::move(*message.mutable_unmasking())};
    case v1::ClientMessage::kWithdraw:
      refusal = WithReason(v1::ValidateWithdraw(message.withdraw()), v1::REASON_MALFORMED);
      if (refusal.ok()) return ClientWithdrew{identity, std::move(*message.mutable_withdraw())};
      break;
    case v1::ClientMessage::kConsistencyCheck:
      return ConsistencyCheckReceived{identity, std::move(*message.mutable_consistency_check())};
    case v1::ClientMessage::kHello:
      refusal = StatusFor(v1::REASON_MALFORMED, "hello: opens a stream; this one is open");
      break;
    case v1::ClientMessage::MESSAGE_NOT_SET:
      break;
  }
  const v1::Round round = RoundOf(message, RoundOf(phase_));
  services_.recorder.Message(round, ReasonOf(refusal) == v1::REASON_OVERSIZED
                                        ? metrics::MessageResult::kOversized
                                        : metrics::MessageResult::kMalformed);
  RefuseMessage(identity, round, refusal);
  return std::nullopt;
}

void SessionRuntime::RefuseMessage(const IdentityPublicKey& identity, v1::Round round,
                                   const absl::Status& refusal) {
  v1::ServerMessage answer = RefusedMessage(v1::Refused::SCOPE_MESSAGE, refusal);
  answer.mutable_refused()->set_round(round);
  SendTo(identity, answer);
}

// Before the roster is closed nobody parses a body.
absl::Status SessionRuntime::CheckBody(const v1::SignedMessage& message) const {
  const SessionProtocol::Shape shape = session_.protocol().shape();
  return shape.clients == 0 ? absl::OkStatus() : CheckBodySize(message.body(), shape.degree);
}

absl::Status SessionRuntime::CheckBodyOf(const v1::ClientMessage& message) const {
  if (message.has_share_keys()) return CheckBody(message.share_keys());
  if (message.has_unmasking()) return CheckBody(message.unmasking());
  return absl::OkStatus();
}

void SessionRuntime::Detach(const IdentityPublicKey& identity, ConnectionPtr connection) {
  Post([this, identity, connection = std::move(connection)] {
    const auto waiting = resuming_.find(identity);
    if (waiting != resuming_.end() && waiting->second.connection == connection) {
      ForgetResume(identity);
    }
    if (IsAttached(identity, connection)) connections_.erase(identity);
  });
}

void SessionRuntime::SendTo(const IdentityPublicKey& identity, const v1::ServerMessage& message) {
  const auto found = connections_.find(identity);
  if (found != connections_.end()) found->second->Send(Encode(message));
}

// Those who were offered the session and did not take a seat.
void SessionRuntime::RefuseWithoutSeat(v1::Refused::Scope scope, v1::Reason reason,
                                       const std::string& detail) {
  const EncodedMessage refused = Encode(RefusedMessage(scope, StatusFor(reason, detail)));
  for (const auto& [identity, connection] : connections_) {
    if (session_.protocol().HasSeat(identity)) continue;
    connection->Send(refused);
    leaving_.push_back(identity);
  }
}

void SessionRuntime::CloseAll(const absl::Status& status) {
  for (const auto& [identity, connection] : connections_) connection->Close(status);
  connections_.clear();
}

// ---- Results ----

// OK when the sum is there and somebody else than `other_than` alone may have it.
absl::Status SessionRuntime::CheckResult(v1::Audience other_than) const {
  if (session_.protocol().header().audience() == other_than) {
    return StatusFor(v1::REASON_NOT_FOR_YOU, "the session's audience does not include the caller");
  }
  if (!finished_) {
    return StatusFor(v1::REASON_NOT_READY, "the session has not ended yet; try again later");
  }
  const v1::Session& session = view_.present();
  if (session.state() == v1::SESSION_STATE_ABORTED) {
    return StatusFor(session.abort_reason(),
                     absl::StrCat("the session was aborted: ", session.abort_detail()));
  }
  if (!result_.there()) {
    return StatusFor(v1::REASON_UNKNOWN_SESSION,
                     "the sum is no longer kept: newer sessions took its place");
  }
  return absl::OkStatus();
}

void SessionRuntime::Download(v1::DownloadResultRequest request,
                              std::function<void(absl::StatusOr<PackedSum>)> answer) {
  Post([this, request = std::move(request), answer = std::move(answer)] {
    const auto identity = IdentityPublicKey::Parse(crypto::AsBytes(request.identity()));
    if (!identity.ok()) {
      return answer(StatusFor(v1::REASON_MALFORMED, identity.status().message()));
    }
    const Digest* transcript = session_.protocol().transcript();
    if (!session_.protocol().HasSeat(*identity) || transcript == nullptr) {
      return answer(StatusFor(v1::REASON_NOT_A_MEMBER, "the client has no seat in the session"));
    }
    if (absl::Status there = CheckResult(v1::AUDIENCE_OPERATOR); !there.ok()) {
      return answer(there);
    }
    // A signature costs more than all of the above together: not on the session's strand.
    asio::post(services_.executors.control(),
               [request, answer, identity = *identity, transcript = *transcript,
                get = result_.Getter(services_.executors.compute())] {
                 absl::Status own = CheckDownloadSignature(request, identity, transcript);
                 if (!own.ok()) return answer(std::move(own));
                 get(answer);
               });
  });
}

void SessionRuntime::GetResult(std::function<void(absl::StatusOr<PackedSum>)> answer) {
  Post([this, answer = std::move(answer)] {
    if (absl::Status there = CheckResult(v1::AUDIENCE_PARTICIPANTS); !there.ok()) {
      return answer(there);
    }
    result_.Getter(services_.executors.compute())(answer);
  });
}

void SessionRuntime::Forget() {
  Post([this] {
    result_.Drop();
    if (storage_ == nullptr) return;
    storage_->Forget();
    storage_->Stop();
  });
}

// ---- Operators ----

void SessionRuntime::Abort(v1::Reason reason, std::string detail, Ended ended) {
  Post([this, reason, detail = std::move(detail), ended = std::move(ended)] {
    if (ended != nullptr) once_ended_.push_back(ended);
    if (lost_ || finished_) return TellEnd();
    Step(AbortRequested{reason, detail});
  });
}

void SessionRuntime::TellEnd() {
  const SessionSnapshot last = view_.Get();
  for (const Ended& ended : std::exchange(once_ended_, {})) {
    HasEnded(*last) ? ended(last) : ended(WhyLost());
  }
}

void SessionRuntime::Watch(SessionWatcher watcher) {
  Post([this, watcher = std::move(watcher)] { view_.Watch(watcher); });
}

}  // namespace veilsum::aggregator
