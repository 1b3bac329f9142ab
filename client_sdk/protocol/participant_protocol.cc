// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Which round a message belongs to, what is remembered and sent again, and how a session ends. The
// rounds themselves are in the files that rounds.h names.

#include "client_sdk/protocol/participant_protocol.h"

#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/erase.h"
#include "client_sdk/protocol/journal.h"
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

// Everybody else checks this client by the root that it has itself, if all is well.
absl::Status CheckEnrolled(const ParticipantOptions& options) {
  absl::Status policy = CheckPolicy(options.policy);
  if (!policy.ok()) return policy;
  if (!options.enrolment_signature.empty() &&
      options.enrolment_signature.size() != limits::kSignatureBytes) {
    return absl::InvalidArgumentError(absl::StrCat("enrolment_signature: must be ",
                                                   limits::kSignatureBytes, " bytes or absent, is ",
                                                   options.enrolment_signature.size()));
  }
  const crypto::IdentityPublicKey& self = options.identity->public_key();
  absl::Status enrolled = CheckInRosterFile(options.policy, self);
  if (enrolled.ok()) enrolled = CheckEnrolment(options.policy, self, options.enrolment_signature);
  if (enrolled.ok()) return enrolled;
  return MakeError(absl::StatusCode::kInvalidArgument, ReasonOf(enrolled),
                   absl::StrCat("this client itself: ", enrolled.message()));
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
    context.enrolment_signature = std::move(options.enrolment_signature);
  }
  ~State() { ForgetSent(); }

  // ---- The journal ----

  // FAILED_PRECONDITION with REASON_STATE_REFUSED. `answered` is asked only afterwards: this
  // session may be the one that answered.
  absl::Status Replay(const std::vector<std::string>& journal) {
    for (size_t i = 0; i < journal.size(); ++i) {
      const absl::Status replayed = ReplayEntry(journal[i]);
      if (replayed.ok()) continue;
      return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_STATE_REFUSED,
                       absl::StrCat("the saved state of the session cannot be taken up again: "
                                    "entry ",
                                    i, ": ", replayed.message()));
    }
    context.input_ready = false;
    return absl::OkStatus();
  }

  absl::Status ReplayEntry(const std::string& bytes) {
    absl::StatusOr<Event> event = ParseJournalEntry(bytes);
    if (!event.ok()) return event.status();
    std::visit([&](auto&& one) { On(std::move(one)); }, *std::move(event));
    return CheckReplayed(bytes, std::exchange(effects, {}));
  }

  bool WantsInput() const {
    return std::holds_alternative<AwaitingShares>(phase) ||
           std::holds_alternative<AwaitingSurvivors>(phase);
  }

  // ---- Events ----

  void On(MessageReceived event) {
    const v1::ServerMessage& message = event.message;
    switch (message.message_case()) {
      case v1::ServerMessage::kOffer:
        return Advance(message, message.offer(), AdvertiseKeys, v1::OUTCOME_OFFER);
      case v1::ServerMessage::kRoster:
        return OnRoster(message);
      case v1::ServerMessage::kNeighbours:
        return Advance(message, message.neighbours(), ShareKeys, v1::OUTCOME_ROSTER);
      case v1::ServerMessage::kShares:
        return Advance(message, message.shares(), MaskInput, v1::OUTCOME_SHARES);
      case v1::ServerMessage::kSurvivors:
        return OnSurvivors(message);
      case v1::ServerMessage::kConsistency:
        return OnConsistency(message);
      case v1::ServerMessage::kResult:
        return Advance(message, message.result(), CheckResult, v1::OUTCOME_RESULT);
      case v1::ServerMessage::kAccepted:
        return OnAccepted(message.accepted());
      case v1::ServerMessage::kRefused:
        return OnRefused(message.refused());
      case v1::ServerMessage::kProgress:
        effects.push_back(Progress{message.progress()});
        return;
      case v1::ServerMessage::kWaiting:
        return;
      case v1::ServerMessage::kChallenge:
      case v1::ServerMessage::MESSAGE_NOT_SET:
        return Decline(
            Declined(v1::REASON_MALFORMED, "a message that has no place within a session"));
    }
  }

  void On(InputEncoded event) {
    if (!WantsInput()) return;
    if (context.input_digest.value_or(event.input_digest) != event.input_digest) {
      return Decline(Declined(v1::REASON_CONFLICT,
                              "the input is not the one that was encoded before in this session"));
    }
    if (!context.input_digest.has_value()) {
      context.input_digest = event.input_digest;
      effects.push_back(RememberInput(event.input_digest));
    }
    if (std::exchange(context.input_ready, true)) return;
    const auto* phase_now = std::get_if<AwaitingSurvivors>(&phase);
    if (phase_now != nullptr) effects.push_back(BeginUpload(*phase_now, context));
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
    // The phase is over. The stream says what that means: dropped, aborted, or, where an earlier
    // attempt was counted and its receipt lost, in the sum.
    if (event.reason == v1::REASON_LATE) return;
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

  void On(CancelRequested event) {
    SendWithdraw(event.reason, event.detail);
    Finish(MakeError(absl::StatusCode::kCancelled, event.reason, event.detail));
  }

  // ---- Messages ----

  // Takes `message` through its round if the client waits for it. A message of a round that is
  // over is the aggregator's resend and changes nothing; one that is ahead of its time is refused.
  template <typename P, typename Next, typename Message>
  void Advance(const v1::ServerMessage& whole, const Message& message,
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
    ForgetSent();
    for (const Effect& effect : effects) {
      if (const auto* send = std::get_if<Send>(&effect)) unacknowledged = send->message;
    }
    // The result is asked for again after a restart.
    if (outcome == v1::OUTCOME_RESULT) return;
    effects.insert(effects.begin(),
                   RememberOutcome(whole, unacknowledged.has_value() ? &*unacknowledged : nullptr));
  }

  void OnRoster(const v1::ServerMessage& message) {
    const v1::RosterAnnouncement& announcement = message.roster();
    // A resume before the entries arrived brings the roster again.
    if (const auto* phase_now = std::get_if<AwaitingNeighbours>(&phase)) {
      const absl::Status same = CheckSameRoster(phase_now->roster_root, announcement);
      return same.ok() ? void() : Decline(same);
    }
    // The outcome is taken in only with the entries that follow.
    Advance(message, announcement, CheckRoster, v1::OUTCOME_OFFER);
  }

  bool malicious() const { return context.header.tier() == v1::TIER_MALICIOUS; }

  // The survivor set that this session is bound to; null before there is one.
  const TakenSurvivors* taken_survivors() const {
    if (const auto* signed_one = std::get_if<AwaitingConsistency>(&phase)) {
      return &signed_one->survivors;
    }
    if (const auto* answered = std::get_if<AwaitingResult>(&phase)) return &answered->survivors;
    const auto* download = std::get_if<AwaitingDownload>(&phase);
    return download == nullptr ? nullptr : &download->survivors;
  }

  void OnSurvivors(const v1::ServerMessage& message) {
    const v1::SurvivorSet& survivors = message.survivors();
    if (const TakenSurvivors* taken = taken_survivors()) {
      const absl::Status same = CheckSameSurvivors(*taken, survivors);
      return same.ok() ? void() : Decline(same);
    }
    if (malicious()) return Advance(message, survivors, SignSurvivors, v1::OUTCOME_SURVIVORS);
    Advance(message, survivors, AnswerSurvivors, v1::OUTCOME_SURVIVORS);
  }

  void OnConsistency(const v1::ServerMessage& message) {
    if (malicious()) {
      return Advance(message, message.consistency(), CheckSignatures, v1::OUTCOME_CONSISTENCY);
    }
    Decline(Declined(v1::REASON_UNSUPPORTED,
                     "signatures of the consistency check, which is not part of this session"));
  }

  // The latest round for which this client can have sent anything. An upload needs both the shares
  // and the input.
  v1::Round sent_round() const {
    if (taken_survivors() != nullptr) {
      return std::holds_alternative<AwaitingConsistency>(phase) ? v1::ROUND_CONSISTENCY_CHECK
                                                                : v1::ROUND_UNMASKING;
    }
    if (std::holds_alternative<AwaitingSurvivors>(phase)) {
      return context.input_digest.has_value() ? v1::ROUND_MASKED_INPUT_COLLECTION
                                              : v1::ROUND_SHARE_KEYS;
    }
    if (std::holds_alternative<AwaitingShares>(phase)) return v1::ROUND_SHARE_KEYS;
    return std::holds_alternative<AwaitingOffer>(phase) ? v1::ROUND_UNSPECIFIED
                                                        : v1::ROUND_ADVERTISE_KEYS;
  }

  void OnAccepted(const v1::Accepted& accepted) {
    if (accepted.round() > sent_round()) {
      return Decline(
          Declined(v1::REASON_STATE_REFUSED,
                   absl::StrCat("the aggregator has this client's message of ",
                                v1::Round_Name(accepted.round()),
                                ", which is later than anything that this client's state has sent: "
                                "the state was restored from an older copy")));
    }
    if (unacknowledged.has_value() && RoundOf(*unacknowledged) == accepted.round()) ForgetSent();
  }

  void ForgetSent() {
    if (unacknowledged.has_value()) EraseShares(*unacknowledged);
    unacknowledged.reset();
  }

  void OnRefused(const v1::Refused& refused) {
    if (refused.scope() == v1::Refused::SCOPE_MESSAGE && !EndsTheSession(refused)) return;
    Finish(MakeError(absl::StatusCode::kAborted, refused.reason(),
                     absl::StrCat(Describe(refused.scope()), " (",
                                  v1::Reason_Name(refused.reason()), "): ", refused.detail())));
  }

  // Whether the refusal of one message leaves this client nothing to wait for.
  bool EndsTheSession(const v1::Refused& refused) {
    // Somebody else speaks for this identity now.
    if (refused.reason() == v1::REASON_DISPLACED) return true;
    // The transport waits and steps Reconnected.
    if (refused.retry_after_ms() > 0) return false;
    if (refused.reason() != v1::REASON_LATE) return true;
    // A resend that crossed the close of its round. The outcome has arrived, or will.
    if (!unacknowledged.has_value()) return std::holds_alternative<AwaitingOffer>(phase);
    if (refused.round() != v1::ROUND_UNSPECIFIED && refused.round() != RoundOf(*unacknowledged)) {
      return false;
    }
    // Others answered in time: the input is in the sum, and the result is for this client too.
    if (taken_survivors() != nullptr) {
      ForgetSent();
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
    ForgetSent();
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
  const absl::Status enrolled = CheckEnrolled(options);
  if (!enrolled.ok()) return enrolled;
  const std::vector<std::string> journal = std::move(options.journal);
  auto answered = std::move(options.answered);
  auto state = std::make_unique<State>(std::move(options));
  const absl::Status replayed = state->Replay(journal);
  if (!replayed.ok()) return replayed;
  state->context.answered = std::move(answered);
  return ParticipantProtocol(std::move(state));
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

Effects ParticipantProtocol::TakeReplayed() {
  Effects again;
  if (state_->WantsInput()) again.push_back(EncodeInput{header().vector()});
  return again;
}

std::string ParticipantProtocol::session_id() const { return header().session_id(); }

v1::Outcome ParticipantProtocol::last_outcome() const { return state_->last_outcome; }

absl::StatusOr<v1::UploadClose> ParticipantProtocol::CloseUpload(const crypto::Digest& digest) {
  const TakenSurvivors* taken = state_->taken_survivors();
  const crypto::Digest* transcript = taken == nullptr ? nullptr : &taken->transcript;
  if (const auto* phase = std::get_if<AwaitingSurvivors>(&state_->phase)) {
    transcript = &phase->cohort.transcript;
  }
  if (transcript == nullptr || !state_->context.input_ready) {
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
