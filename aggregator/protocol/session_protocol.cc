// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/protocol/session_protocol.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "aggregator/protocol/answers.h"
#include "aggregator/protocol/rounds.h"
#include "aggregator/protocol/session_state.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/validate.h"

namespace veilsum::aggregator {
namespace {

absl::Status Invalid(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT, text);
}

absl::StatusOr<v1::SessionHeader> ParseHeader(const std::string& bytes) {
  if (bytes.size() > limits::kMaxHeaderBytes) {
    return Invalid(absl::StrCat("header: must be at most ", limits::kMaxHeaderBytes, " bytes, is ",
                                bytes.size()));
  }
  v1::SessionHeader header;
  if (!header.ParseFromString(bytes)) return Invalid("header: does not parse");
  const absl::Status status = v1::ValidateHeader(header);
  if (!status.ok()) return WithReason(status, v1::REASON_INVALID_ARGUMENT);
  return header;
}

// ---- Events that are not a round's message ----

void Receive(SessionState& state, const LeastTimePassed& event) {
  if (PresentPhase(state) == event.phase) state.least_time_passed = true;
}

void Receive(SessionState& state, const DeadlinePassed& event) {
  if (PresentPhase(state) == event.phase) state.deadline_passed = true;
}

void Receive(SessionState& state, const AbortRequested& event) {
  if (PresentPhase(state).has_value()) Abort(state, event.reason, event.detail);
}

// ---- A client leaves ----

Reply Farewell(const IdentityPublicKey& to, Phase phase) {
  Reply reply{to, phase, MessageResult::kAccepted};
  reply.dropped = true;
  return reply;
}

// Nothing of it was accepted, so nothing of it is kept: whoever makes up identities could fill the
// store and the reports with farewells. If it comes back it is offered the session again.
void WithdrawWithoutSeat(SessionState& state, const DropClient& leaving) {
  state.effects.emplace_back(Farewell(leaving.who, leaving.phase));
  SendTo(state, leaving.who,
         MakeRefusal(v1::Refused::SCOPE_CLIENT, leaving.reason, leaving.detail));
  state.effects.emplace_back(ClientRefused{leaving.who, leaving.phase, leaving.refusal_reason,
                                           leaving.refusal_detail, /*had_seat=*/false});
}

// True: its seat is free now, and its sender may say why.
bool WithdrawBeforeRoster(SessionState& state, AdvertiseKeysPhase& phase,
                          const DropClient& leaving) {
  const IdentityPublicKey& from = leaving.who;
  if (phase.out.count(from) != 0) {
    AcceptAgain(state, from, Phase::kAdvertiseKeys);
    return false;
  }
  if (phase.seats.count(from) == 0) {
    if (state.options.admits(from)) {
      WithdrawWithoutSeat(state, leaving);
    } else {
      Refuse(state, {from, Phase::kAdvertiseKeys, MessageResult::kNotMember,
                     v1::REASON_NOT_A_MEMBER, "this identity may not take part in the task"});
    }
    return false;
  }
  Remember(state, leaving);
  state.effects.emplace_back(Farewell(from, Phase::kAdvertiseKeys));
  WithdrawFrom(state, phase, from, {leaving.reason, leaving.detail});
  return true;
}

bool WithdrawMember(SessionState& state, uint32_t position, const DropClient& leaving) {
  if (state.MemberAt(position).dropped.has_value()) {
    AcceptAgain(state, leaving.who, leaving.phase);
    return false;
  }
  Remember(state, leaving);
  state.effects.emplace_back(Farewell(leaving.who, leaving.phase));
  TakeSeatFrom(state, position, leaving.phase, {leaving.reason, leaving.detail});
  return true;
}

void Receive(SessionState& state, const ClientWithdrew& event) {
  const std::optional<Phase> phase = PresentPhase(state);
  if (!phase.has_value()) {
    CheckPhase(state, event.from, Phase::kUnmasking);
    return;
  }
  const absl::Status status = v1::ValidateWithdraw(event.message);
  if (!status.ok()) {
    Refuse(state, {event.from, *phase, MessageResult::kMalformed, v1::REASON_MALFORMED,
                   std::string(status.message())});
    return;
  }
  const DropClient leaving{
      event.from,
      *phase,
      v1::REASON_WITHDREW,
      absl::StrCat("the client left: ", v1::Reason_Name(event.message.reason()), ": ",
                   event.message.detail()),
      event.message.reason(),
      event.message.detail()};
  bool left = false;
  if (AdvertiseKeysPhase* advertise_keys = state.In<AdvertiseKeysPhase>()) {
    left = WithdrawBeforeRoster(state, *advertise_keys, leaving);
  } else if (const auto position = state.cohort->PositionOf(event.from); position.has_value()) {
    left = WithdrawMember(state, *position, leaving);
  } else {
    Refuse(state, {event.from, *phase, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER,
                   "this identity has no seat in the session"});
  }
  if (!left) return;
  state.effects.emplace_back(
      ClientRefused{event.from, *phase, event.message.reason(), event.message.detail()});
}

Answers AnswersTo(const Event& event) {
  if (std::holds_alternative<UploadOpened>(event)) return Answers::kUploadOpened;
  const bool completed =
      std::holds_alternative<UploadCompleted>(event) || std::holds_alternative<FoldFinished>(event);
  return completed ? Answers::kUploadCompleted : Answers::kMessage;
}

}  // namespace

// ---- After every event ----

Tally TallyOf(const SessionState& state) {
  Tally count{PresentPhase(state)};
  std::visit(
      [&](const auto& phase) {
        using P = std::decay_t<decltype(phase)>;
        if constexpr (std::is_same_v<P, AdvertiseKeysPhase>) {
          count.answered = static_cast<uint32_t>(phase.seats.size());
          count.expected = state.header.max_clients();
        } else if constexpr (!std::is_same_v<P, EndedPhase>) {
          count.answered = phase.answered;
          count.expected = phase.expected;
        }
      },
      state.phase);
  return count;
}

void TakeSeatFrom(SessionState& state, uint32_t position, Phase phase, Drop drop) {
  if (ShareKeysPhase* share_keys = state.In<ShareKeysPhase>()) {
    WithdrawFrom(state, *share_keys, position);
  } else if (MaskedInputPhase* masked_input = state.In<MaskedInputPhase>()) {
    WithdrawFrom(state, *masked_input, position);
  } else if (auto* consistency_check = state.In<ConsistencyCheckPhase>()) {
    WithdrawFrom(state, *consistency_check, position);
  } else if (UnmaskingPhase* unmasking = state.In<UnmaskingPhase>()) {
    WithdrawFrom(state, *unmasking, position);
  }
  DropMember(state, position, phase, std::move(drop));
}

bool CloseIfDone(SessionState& state) {
  if (AdvertiseKeysPhase* advertise_keys = state.In<AdvertiseKeysPhase>()) {
    if (!IsDone(state, *advertise_keys)) return false;
    Close(state, std::move(*advertise_keys));
  } else if (ShareKeysPhase* share_keys = state.In<ShareKeysPhase>()) {
    if (!IsDone(state, *share_keys)) return false;
    Close(state, std::move(*share_keys));
  } else if (MaskedInputPhase* masked_input = state.In<MaskedInputPhase>()) {
    StopUploads(state, *masked_input);
    if (!IsDone(state, *masked_input)) return false;
    Close(state, std::move(*masked_input));
  } else if (auto* consistency_check = state.In<ConsistencyCheckPhase>()) {
    if (!IsDone(state, *consistency_check)) return false;
    Close(state, std::move(*consistency_check));
  } else if (UnmaskingPhase* unmasking = state.In<UnmaskingPhase>()) {
    if (!IsDone(state, *unmasking)) return false;
    Close(state, *unmasking);
  } else {
    return false;
  }
  return true;
}

absl::StatusOr<std::unique_ptr<SessionState>> NewState(SessionOptions options) {
  absl::StatusOr<v1::SessionHeader> header = ParseHeader(options.header_bytes);
  if (!header.ok()) return header.status();
  for (const ClosingRule& rule : options.closing) {
    if (!(rule.target_fraction > 0 && rule.target_fraction <= 1)) {
      return Invalid(absl::StrCat("target_fraction: must be greater than 0 and at most 1, is ",
                                  rule.target_fraction));
    }
  }
  if (options.admits == nullptr) return Invalid("admits: must be there");
  auto state = std::make_unique<SessionState>();
  state->header = *std::move(header);
  state->header_hash = crypto::HeaderHash(crypto::AsBytes(options.header_bytes));
  state->offer = MakeMessage([&](v1::ServerMessage& message) {
    message.mutable_offer()->set_header(options.header_bytes);
  });
  state->options = std::move(options);
  return state;
}

absl::StatusOr<SessionProtocol> SessionProtocol::Create(SessionOptions options) {
  absl::StatusOr<std::unique_ptr<SessionState>> state = NewState(std::move(options));
  if (!state.ok()) return state.status();
  return SessionProtocol(*std::move(state));
}

SessionProtocol::SessionProtocol(std::unique_ptr<SessionState> state) : state_(std::move(state)) {}
SessionProtocol::SessionProtocol(SessionProtocol&&) noexcept = default;
SessionProtocol& SessionProtocol::operator=(SessionProtocol&&) noexcept = default;
SessionProtocol::~SessionProtocol() = default;

Effects SessionProtocol::Start() {
  StartPhase(*state_, Phase::kAdvertiseKeys, state_->header.max_clients());
  return std::exchange(state_->effects, {});
}

Effects SessionProtocol::Step(Event event) {
  SessionState& state = *state_;
  const Tally before = TallyOf(state);
  const Answers answers = AnswersTo(event);
  std::visit([&](auto&& received) { Receive(state, std::move(received)); }, std::move(event));
  for (Effect& effect : state.effects) {
    if (Reply* reply = std::get_if<Reply>(&effect)) reply->answers = answers;
  }
  const Tally after = TallyOf(state);
  if (after != before && after.phase.has_value()) {
    state.effects.emplace_back(Progress{*after.phase, after.answered, after.expected});
  }
  while (CloseIfDone(state)) {
  }
  return std::exchange(state.effects, {});
}

absl::StatusOr<std::shared_ptr<const v1::ServerMessage>> SessionProtocol::OfferFor(
    const IdentityPublicKey& identity) const {
  const auto refused = [](v1::Reason reason, absl::string_view text) {
    return MakeError(absl::StatusCode::kFailedPrecondition, reason, text);
  };
  if (!state_->options.admits(identity)) {
    return MakeError(absl::StatusCode::kPermissionDenied, v1::REASON_NOT_A_MEMBER,
                     "this identity may not take part in the task");
  }
  const AdvertiseKeysPhase* phase = state_->In<AdvertiseKeysPhase>();
  if (phase == nullptr) {
    if (shape().clients == state_->header.max_clients() && !finished()) {
      return refused(v1::REASON_SESSION_FULL, "all seats of the session are taken");
    }
    return refused(v1::REASON_LATE, "the session has begun; wait for the next one");
  }
  if (phase->seats.count(identity) != 0) {
    return refused(v1::REASON_SEAT_TAKEN, "this identity already sits in the session");
  }
  const auto out = phase->out.find(identity);
  if (out != phase->out.end()) {
    return refused(v1::REASON_LATE, absl::StrCat("this client is out of the session (",
                                                 out->second.detail, "); wait for the next one"));
  }
  if (TooManyOut(*phase)) return refused(v1::REASON_SESSION_FULL, kTooManyOut);
  return state_->offer;
}

bool SessionProtocol::HasSeat(const IdentityPublicKey& identity) const {
  if (state_->cohort.has_value()) return state_->cohort->PositionOf(identity).has_value();
  if (const AdvertiseKeysPhase* phase = state_->In<AdvertiseKeysPhase>()) {
    return phase->seats.count(identity) != 0;
  }
  return state_->In<EndedPhase>()->seats.count(identity) != 0;
}

const Digest* SessionProtocol::transcript() const {
  return state_->cohort.has_value() ? &state_->cohort->transcript : nullptr;
}

const v1::SessionHeader& SessionProtocol::header() const { return state_->header; }

bool SessionProtocol::finished() const { return state_->In<EndedPhase>() != nullptr; }

bool SessionProtocol::waits_for_folds() const {
  const MaskedInputPhase* phase = state_->In<MaskedInputPhase>();
  return phase != nullptr && WaitsForFolds(*state_, *phase);
}

bool SessionProtocol::closing_uploads() const {
  const MaskedInputPhase* phase = state_->In<MaskedInputPhase>();
  return phase != nullptr && phase->closing;
}

SessionProtocol::Shape SessionProtocol::shape() const {
  if (!state_->cohort.has_value()) return {};
  const Cohort& cohort = *state_->cohort;
  return {cohort.clients(), cohort.parameters.degree, cohort.parameters.threshold};
}

}  // namespace veilsum::aggregator
