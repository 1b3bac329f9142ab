// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/session_runtime.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/body_size.h"
#include "aggregator/runtime/names.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/transcript.h"
#include "proto/reason_status.h"
#include "proto/validate.h"

namespace veilsum::aggregator {
namespace {

constexpr Phase kPhasesInOrder[] = {Phase::kAdvertiseKeys, Phase::kShareKeys,
                                    Phase::kMaskedInputCollection, Phase::kConsistencyCheck,
                                    Phase::kUnmasking};

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

}  // namespace

absl::StatusOr<std::shared_ptr<SessionRuntime>> SessionRuntime::Create(
    const v1::Task& task, const v1::SessionHeader& header, SessionServices services) {
  SessionOptions options;
  options.header_bytes = header.SerializeAsString();
  options.admits = services.admits;
  options.enrolment = services.enrolment;
  for (Phase phase : kPhasesInOrder) {
    const double fraction = PolicyOf(task, phase).target_fraction();
    // Absent in a task whose tier has no such phase.
    if (fraction > 0) options.closing[static_cast<int>(phase)].target_fraction = fraction;
  }
  absl::StatusOr<SessionProtocol> protocol = SessionProtocol::Create(std::move(options));
  if (!protocol.ok()) return protocol.status();
  return std::shared_ptr<SessionRuntime>(
      new SessionRuntime(task, *std::move(protocol), std::move(services)));
}

SessionRuntime::SessionRuntime(const v1::Task& task, SessionProtocol protocol,
                               SessionServices services)
    : task_(task),
      services_(std::move(services)),
      strand_(services_.executors.NewControlStrand()),
      protocol_(std::move(protocol)),
      session_id_(protocol_.header().session_id()),
      view_(protocol_.header()),
      sum_(std::make_shared<SessionSum>(services_.executors, services_.recorder)),
      least_timer_(strand_),
      deadline_timer_(strand_),
      progress_timer_(strand_) {}

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
    services_.recorder.SessionStarted();
    CarryOut(protocol_.Start());
  });
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
    const auto offer = protocol_.OfferFor(identity);
    if (!offer.ok()) return refused(offer.status());
    Attach(identity, connection);
    SendTo(identity, **offer);
  });
}

void SessionRuntime::Resume(const IdentityPublicKey& identity, ConnectionPtr connection,
                            v1::Outcome last_outcome) {
  Post([this, identity, connection = std::move(connection), last_outcome] {
    if (protocol_.HasSeat(identity)) {
      Attach(identity, connection);
      Step(ClientResumed{identity, last_outcome});
      if (finished_) CloseAll();
      return;
    }
    const auto offer = protocol_.OfferFor(identity);
    if (!offer.ok()) {
      connection->Send(Encode(RefusedMessage(v1::Refused::SCOPE_CLIENT, offer.status())));
      connection->Close(absl::OkStatus());
      return;
    }
    Attach(identity, connection);
    if (last_outcome < v1::OUTCOME_OFFER) SendTo(identity, **offer);
  });
}

void SessionRuntime::Receive(const IdentityPublicKey& identity, ConnectionPtr connection,
                             v1::ClientMessage message, std::function<void()> done) {
  const auto shared = std::make_shared<v1::ClientMessage>(std::move(message));
  Post([this, identity, connection = std::move(connection), shared, done = std::move(done)] {
    if (IsAttached(identity, connection)) {
      std::optional<Event> event = EventFor(identity, *shared);
      if (event.has_value()) Step(*std::move(event));
    }
    done();
  });
}

// Nothing, and a refusal, for what is no event.
std::optional<Event> SessionRuntime::EventFor(const IdentityPublicKey& identity,
                                              v1::ClientMessage& message) {
  absl::Status refusal = StatusFor(v1::REASON_MALFORMED, "an empty message");
  // A refusal without a round is one of the Hello: the client would leave.
  v1::Round round = RoundOf(phase_);
  switch (message.message_case()) {
    case v1::ClientMessage::kAdvertiseKeys:
      return AdvertiseKeysReceived{identity, std::move(*message.mutable_advertise_keys())};
    case v1::ClientMessage::kShareKeys:
      round = v1::ROUND_SHARE_KEYS;
      refusal = CheckBody(message.share_keys());
      if (!refusal.ok()) break;
      return ShareKeysReceived{identity, std::move(*message.mutable_share_keys())};
    case v1::ClientMessage::kUnmasking:
      round = v1::ROUND_UNMASKING;
      refusal = CheckBody(message.unmasking());
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
  services_.recorder.Message(round, ReasonOf(refusal) == v1::REASON_OVERSIZED
                                        ? metrics::MessageResult::kOversized
                                        : metrics::MessageResult::kMalformed);
  v1::ServerMessage answer = RefusedMessage(v1::Refused::SCOPE_MESSAGE, refusal);
  answer.mutable_refused()->set_round(round);
  SendTo(identity, answer);
  return std::nullopt;
}

// Before the roster is closed nobody parses a body.
absl::Status SessionRuntime::CheckBody(const v1::SignedMessage& message) const {
  const SessionProtocol::Shape shape = protocol_.shape();
  return shape.clients == 0 ? absl::OkStatus() : CheckBodySize(message.body(), shape.degree);
}

void SessionRuntime::Detach(const IdentityPublicKey& identity, ConnectionPtr connection) {
  Post([this, identity, connection = std::move(connection)] {
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
    if (protocol_.HasSeat(identity)) continue;
    connection->Send(refused);
    leaving_.push_back(identity);
  }
}

void SessionRuntime::CloseAll() {
  for (const auto& [identity, connection] : connections_) connection->Close(absl::OkStatus());
  connections_.clear();
}

// ---- Results ----

// OK when the sum is there and somebody else than `other_than` alone may have it.
absl::Status SessionRuntime::CheckResult(v1::Audience other_than) const {
  if (protocol_.header().audience() == other_than) {
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
  if (result_ == nullptr) {
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
    if (!protocol_.HasSeat(*identity) || protocol_.transcript() == nullptr) {
      return answer(StatusFor(v1::REASON_NOT_A_MEMBER, "the client has no seat in the session"));
    }
    if (absl::Status there = CheckResult(v1::AUDIENCE_OPERATOR); !there.ok()) {
      return answer(there);
    }
    // A signature costs more than all of the above together: not on the session's strand.
    asio::post(services_.executors.control(),
               [request, answer, identity = *identity, transcript = *protocol_.transcript(),
                result = result_] {
                 absl::Status own = CheckDownloadSignature(request, identity, transcript);
                 if (!own.ok()) return answer(std::move(own));
                 answer(result);
               });
  });
}

void SessionRuntime::GetResult(std::function<void(absl::StatusOr<PackedSum>)> answer) {
  Post([this, answer = std::move(answer)] {
    if (absl::Status there = CheckResult(v1::AUDIENCE_PARTICIPANTS); !there.ok()) {
      return answer(there);
    }
    answer(result_);
  });
}

void SessionRuntime::DropResult() {
  Post([this] { result_.reset(); });
}

// ---- Operators ----

void SessionRuntime::Abort(v1::Reason reason, std::string detail) {
  Post([this, reason, detail = std::move(detail)] {
    if (!finished_) Step(AbortRequested{reason, detail});
  });
}

void SessionRuntime::Watch(SessionWatcher watcher) {
  Post([this, watcher = std::move(watcher)] { view_.Watch(watcher); });
}

}  // namespace veilsum::aggregator
