// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Which round a message belongs to, what is sent again, and how a session ends. The rounds
// themselves are in the files that rounds.h names.

#include "client_sdk/protocol/participant_protocol.h"

#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/phases.h"
#include "client_sdk/protocol/rounds.h"
#include "proto/cut_text.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/validate.h"

namespace veilsum::client {
namespace {

// The index of phase P in the order of time.
template <typename P, size_t kIndex = 0>
constexpr size_t IndexOf() {
  if constexpr (std::is_same_v<P, std::variant_alternative_t<kIndex, Phase>>) {
    return kIndex;
  } else {
    return IndexOf<P, kIndex + 1>();
  }
}

absl::string_view Describe(v1::Refused::Scope scope) {
  switch (scope) {
    case v1::Refused::SCOPE_CLIENT:
      return "the aggregator dropped this client from the session";
    case v1::Refused::SCOPE_SESSION:
      return "the session was aborted";
    default:
      return "the aggregator refused a message";
  }
}

}  // namespace

v1::Round RoundOf(const v1::ClientMessage& message) {
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
      return v1::ROUND_UNSPECIFIED;
  }
}

struct ParticipantProtocol::State {
  explicit State(ParticipantOptions options)
      : phase(AwaitingOffer{std::move(options.session_secret)}) {
    context.identity = options.identity;
    context.policy = std::move(options.policy);
    context.task_id = std::move(options.task_id);
    context.model_hash = options.model_hash;
  }

  // ---- Events ----

  void On(MessageReceived event) {
    const v1::ServerMessage& message = event.message;
    switch (message.message_case()) {
      case v1::ServerMessage::kOffer:
        return Advance(message.offer(), AdvertiseKeys, v1::OUTCOME_OFFER);
      case v1::ServerMessage::kRoster:
        return OnRoster(message.roster());
      case v1::ServerMessage::kNeighbours:
        return Advance(message.neighbours(), ShareKeys, v1::OUTCOME_ROSTER);
      case v1::ServerMessage::kShares:
        return Advance(message.shares(), MaskInput, v1::OUTCOME_SHARES);
      case v1::ServerMessage::kSurvivors:
        return OnSurvivors(message.survivors());
      case v1::ServerMessage::kResult:
        return Advance(message.result(), CheckResult, v1::OUTCOME_RESULT);
      case v1::ServerMessage::kAccepted:
        return OnAccepted(message.accepted());
      case v1::ServerMessage::kRefused:
        return OnRefused(message.refused());
      case v1::ServerMessage::kProgress:
        effects.push_back(Progress{message.progress()});
        return;
      case v1::ServerMessage::kWaiting:
        return;
      case v1::ServerMessage::kConsistency:
        return Decline(Declined(v1::REASON_UNSUPPORTED,
                                "signatures of the consistency check, which is not part of this "
                                "session"));
      case v1::ServerMessage::kChallenge:
      case v1::ServerMessage::MESSAGE_NOT_SET:
        return Decline(
            Declined(v1::REASON_MALFORMED, "a message that has no place within a session"));
    }
  }

  void On(UploadAcknowledged event) {
    if (closed_digest.has_value() &&
        event.receipt.digest() != crypto::AsStringView(*closed_digest)) {
      return Decline(
          Declined(v1::REASON_CONFLICT, "the receipt is for another upload than this client's"));
    }
    // The masks' streams die here, unless the transport still holds the plan.
    if (auto* phase_now = std::get_if<AwaitingSurvivors>(&phase)) phase_now->plan.reset();
  }

  void On(UploadRefused event) {
    // Once the survivors are known the input is in the sum, whatever a straggling call says.
    if (!std::holds_alternative<AwaitingSurvivors>(phase)) return;
    const absl::Status status =
        MakeError(absl::StatusCode::kAborted, event.reason,
                  absl::StrCat("the aggregator refused the upload: ", event.detail));
    // It may still wait for an upload: tell it that none will come.
    SendWithdraw(event.reason, "the upload was refused for good");
    Finish(status);
  }

  void On(Reconnected) {
    if (unacknowledged.has_value()) effects.push_back(Send{*unacknowledged});
  }

  void On(ResultDownloaded event) {
    const auto* phase_now = std::get_if<AwaitingDownload>(&phase);
    if (phase_now == nullptr) return;
    const absl::Status status = CheckDownload(*phase_now, event.packed);
    if (!status.ok()) return Decline(status);
    Finished finished;
    finished.included = phase_now->result.included();
    finished.packed_sum = std::move(event.packed);
    effects.push_back(std::move(finished));
  }

  void On(DownloadRefused event) {
    if (!std::holds_alternative<AwaitingDownload>(phase)) return;
    Finish(MakeError(absl::StatusCode::kAborted, event.reason,
                     absl::StrCat("the aggregator refused the download: ", event.detail)));
  }

  void On(CancelRequested) {
    SendWithdraw(v1::REASON_CANCELLED, "cancelled by the caller");
    Finish(
        MakeError(absl::StatusCode::kCancelled, v1::REASON_CANCELLED, "cancelled by the caller"));
  }

  // ---- Messages ----

  // Takes `message` through its round if the client waits for it. A message of a round that is
  // over is the aggregator's resend and changes nothing; one that is ahead of its time is refused.
  template <typename P, typename Next, typename Message>
  void Advance(const Message& message,
               absl::StatusOr<Next> (*round)(P, const Message&, SessionContext&, Effects&),
               v1::Outcome outcome) {
    if (phase.index() > IndexOf<P>()) return;
    if (phase.index() < IndexOf<P>()) {
      return Decline(
          Declined(v1::REASON_EARLY, absl::StrCat("the aggregator sent ", message.GetTypeName(),
                                                  " before what has to come first")));
    }
    absl::StatusOr<Next> next = round(std::get<P>(std::move(phase)), message, context, effects);
    if (!next.ok()) return Decline(next.status());
    phase = *std::move(next);
    last_outcome = outcome;
    // The round is closed, so what was sent for it need not be sent again; what is sent now may.
    unacknowledged.reset();
    for (const Effect& effect : effects) {
      if (const auto* send = std::get_if<Send>(&effect)) unacknowledged = send->message;
    }
  }

  void OnRoster(const v1::RosterAnnouncement& announcement) {
    // A resume before the entries arrived brings the roster again.
    if (const auto* phase_now = std::get_if<AwaitingNeighbours>(&phase)) {
      const absl::Status same = CheckSameRoster(phase_now->roster_root, announcement);
      return same.ok() ? void() : Decline(same);
    }
    // The outcome is taken in only with the entries that follow.
    Advance(announcement, CheckRoster, v1::OUTCOME_OFFER);
  }

  void OnSurvivors(const v1::SurvivorSet& survivors) {
    const AwaitingResult* answered = std::get_if<AwaitingResult>(&phase);
    if (const auto* phase_now = std::get_if<AwaitingDownload>(&phase)) {
      answered = &phase_now->answered;
    }
    if (answered == nullptr) return Advance(survivors, AnswerSurvivors, v1::OUTCOME_SURVIVORS);
    const absl::Status same = CheckSameSurvivors(*answered, survivors);
    if (!same.ok()) Decline(same);
  }

  void OnAccepted(const v1::Accepted& accepted) {
    if (unacknowledged.has_value() && RoundOf(*unacknowledged) == accepted.round()) {
      unacknowledged.reset();
    }
  }

  void OnRefused(const v1::Refused& refused) {
    if (refused.scope() == v1::Refused::SCOPE_MESSAGE && !EndsTheSession(refused)) return;
    Finish(MakeError(absl::StatusCode::kAborted, refused.reason(),
                     absl::StrCat(Describe(refused.scope()), " (",
                                  v1::Reason_Name(refused.reason()), "): ", refused.detail())));
  }

  // Whether the refusal of one message leaves this client nothing to wait for.
  bool EndsTheSession(const v1::Refused& refused) {
    // The transport waits and steps Reconnected.
    if (refused.retry_after_ms() > 0) return false;
    if (refused.reason() != v1::REASON_LATE) return true;
    // A resend that crossed the close of its round. The outcome has arrived, or will.
    if (!unacknowledged.has_value()) return std::holds_alternative<AwaitingOffer>(phase);
    if (refused.round() != v1::ROUND_UNSPECIFIED && refused.round() != RoundOf(*unacknowledged)) {
      return false;
    }
    // Others answered in time: the input is in the sum, and the result is for this client too.
    if (RoundOf(*unacknowledged) == v1::ROUND_UNMASKING) {
      unacknowledged.reset();
      return false;
    }
    return true;
  }

  // ---- Ends ----

  void Decline(const absl::Status& status) {
    SendWithdraw(ReasonOf(status), status.message());
    Finish(status);
  }

  void SendWithdraw(v1::Reason reason, absl::string_view detail) {
    Send send;
    v1::Withdraw& withdraw = *send.message.mutable_withdraw();
    withdraw.set_reason(reason);
    withdraw.set_detail(std::string(CutText(detail, limits::kMaxDetailBytes)));
    effects.push_back(std::move(send));
  }

  void Finish(const absl::Status& status) {
    Finished finished;
    finished.status = status;
    finished.reason = ReasonOf(status);
    effects.push_back(std::move(finished));
  }

  bool ended() const { return std::holds_alternative<Ended>(phase); }

  // Nothing secret outlives the session.
  void End() {
    phase = Ended{};
    unacknowledged.reset();
    context.rounding_seed.reset();
  }

  SessionContext context;
  Phase phase;
  v1::Outcome last_outcome = v1::OUTCOME_NONE;
  std::optional<v1::ClientMessage> unacknowledged;
  std::optional<crypto::Digest> closed_digest;
  Effects effects;  // Of the present step.
};

absl::StatusOr<ParticipantProtocol> ParticipantProtocol::Create(ParticipantOptions options) {
  if (options.identity == nullptr) return absl::InvalidArgumentError("identity: must be there");
  const absl::Status valid = v1::ValidateTaskId(options.task_id);
  if (!valid.ok()) return valid;
  return ParticipantProtocol(std::make_unique<State>(std::move(options)));
}

ParticipantProtocol::ParticipantProtocol(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParticipantProtocol::ParticipantProtocol(ParticipantProtocol&&) noexcept = default;
ParticipantProtocol& ParticipantProtocol::operator=(ParticipantProtocol&&) noexcept = default;
ParticipantProtocol::~ParticipantProtocol() = default;

Effects ParticipantProtocol::Step(Event event) {
  if (state_->ended()) return {};
  std::visit([&](auto&& alternative) { state_->On(std::move(alternative)); }, std::move(event));
  Effects effects = std::exchange(state_->effects, {});
  if (!effects.empty() && std::holds_alternative<Finished>(effects.back())) state_->End();
  return effects;
}

std::string ParticipantProtocol::session_id() const { return header().session_id(); }

v1::Outcome ParticipantProtocol::last_outcome() const { return state_->last_outcome; }

absl::StatusOr<v1::UploadClose> ParticipantProtocol::CloseUpload(const crypto::Digest& digest) {
  const crypto::Digest* transcript = nullptr;
  if (const auto* phase = std::get_if<AwaitingSurvivors>(&state_->phase)) {
    transcript = &phase->cohort.transcript;
  } else if (const auto* answered = std::get_if<AwaitingResult>(&state_->phase)) {
    transcript = &answered->transcript;
  }
  if (transcript == nullptr) {
    return absl::FailedPreconditionError("no upload is under way in this session");
  }
  if (state_->closed_digest.value_or(digest) != digest) {
    return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_CONFLICT,
                     "this session's upload was closed with other bytes before");
  }
  state_->closed_digest = digest;
  v1::UploadClose close;
  close.set_digest(crypto::ToString(digest));
  close.set_signature(
      crypto::ToString(SignDigest(state_->context, *transcript,
                                  crypto::ProtocolRound::kMaskedInputCollection, digest)
                           .bytes()));
  return close;
}

const crypto::RandomSeed& ParticipantProtocol::rounding_seed() const {
  return state_->context.rounding_seed.value();
}

const v1::SessionHeader& ParticipantProtocol::header() const { return state_->context.header; }

bool ParticipantProtocol::finished() const { return state_->ended(); }

}  // namespace veilsum::client
