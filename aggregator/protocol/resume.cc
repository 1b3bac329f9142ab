// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// "Connections" of docs/protocol.md: a client that comes back gets every later outcome again.

#include "aggregator/protocol/answers.h"
#include "aggregator/protocol/rounds.h"

namespace veilsum::aggregator {
namespace {

void SendRefusal(SessionState& state, const IdentityPublicKey& to, v1::Reason reason,
                 absl::string_view detail) {
  SendTo(state, to, MakeRefusal(v1::Refused::SCOPE_CLIENT, reason, detail));
}

void SendAccepted(SessionState& state, const IdentityPublicKey& to, Phase phase) {
  SendTo(state, to, MakeMessage([&](v1::ServerMessage& message) {
           message.mutable_accepted()->set_round(RoundOf(phase));
         }));
}

// An upload that is being added may yet be lost: nothing of it is promised.
bool IsBeingAdded(const SessionState& state, const Member& member, size_t phase) {
  const MaskedInputPhase* uploads = state.In<MaskedInputPhase>();
  return uploads != nullptr && phase == static_cast<size_t>(Phase::kMaskedInputCollection) &&
         uploads->uploads[*state.cohort->PositionOf(member.identity)] == UploadState::kFolding;
}

// First of all: a client with an old state sees by it that it is old.
void SendLatestAccepted(SessionState& state, const Member& member) {
  for (size_t phase = kPhases; phase-- > 0;) {
    if (!member.accepted[phase].has_value() || IsBeingAdded(state, member, phase)) continue;
    SendAccepted(state, member.identity, static_cast<Phase>(phase));
    return;
  }
  // Its entry, which is why it has a seat.
  SendAccepted(state, member.identity, Phase::kAdvertiseKeys);
}

// The roster is open: there is only the offer to have.
void ResumeBeforeRoster(SessionState& state, const AdvertiseKeysPhase& phase,
                        const ClientResumed& event) {
  const auto out = phase.out.find(event.from);
  const auto seat = phase.seats.find(event.from);
  if (seat != phase.seats.end()) SendLatestAccepted(state, seat->second);
  if (out != phase.out.end()) {
    SendRefusal(state, event.from, out->second.reason, out->second.detail);
  } else if (seat == phase.seats.end() && !state.options.admits(event.from)) {
    SendRefusal(state, event.from, v1::REASON_NOT_A_MEMBER,
                "this identity may not take part in the task");
  } else if (event.last_outcome < v1::OUTCOME_OFFER) {
    SendTo(state, event.from, state.offer);
  }
}

// What U3 and the sum were, as far as they are known.
void ResumeAfterUploads(SessionState& state, const IdentityPublicKey& to, v1::Outcome last) {
  MessagePtr survivor_set;
  MessagePtr signatures;
  MessagePtr result;
  if (const ConsistencyCheckPhase* phase = state.In<ConsistencyCheckPhase>()) {
    survivor_set = phase->sets->survivor_set;
  } else if (const UnmaskingPhase* phase = state.In<UnmaskingPhase>()) {
    survivor_set = phase->sets->survivor_set;
    signatures = phase->signatures;
  } else if (const EndedPhase* phase = state.In<EndedPhase>()) {
    survivor_set = phase->sets->survivor_set;
    signatures = phase->signatures;
    result = phase->last_word;
  }
  if (survivor_set != nullptr && last < v1::OUTCOME_SURVIVORS) SendTo(state, to, survivor_set);
  if (signatures != nullptr && last < v1::OUTCOME_CONSISTENCY) SendTo(state, to, signatures);
  if (result != nullptr && last < v1::OUTCOME_RESULT) SendTo(state, to, result);
}

void ResumeMember(SessionState& state, uint32_t position, v1::Outcome last) {
  const Member& member = state.MemberAt(position);
  if (member.dropped.has_value()) {
    SendRefusal(state, member.identity, member.dropped->reason, member.dropped->detail);
    return;
  }
  SendLatestAccepted(state, member);
  if (last < v1::OUTCOME_OFFER) SendTo(state, member.identity, state.offer);
  if (last < v1::OUTCOME_ROSTER) {
    SendTo(state, member.identity, state.cohort->roster);
    SendNeighbourEntries(state, position);
  }
  if (const MaskedInputPhase* phase = state.In<MaskedInputPhase>()) {
    if (last < v1::OUTCOME_SHARES) SendDeliveredShares(state, *phase, position);
  }
  ResumeAfterUploads(state, member.identity, last);
}

}  // namespace

void Receive(SessionState& state, const ClientResumed& event) {
  if (const AdvertiseKeysPhase* phase = state.In<AdvertiseKeysPhase>()) {
    ResumeBeforeRoster(state, *phase, event);
    return;
  }
  const EndedPhase* ended = state.In<EndedPhase>();
  if (ended != nullptr && ended->reason != v1::REASON_UNSPECIFIED) {
    SendTo(state, event.from, ended->last_word);
    return;
  }
  const std::optional<uint32_t> position = state.cohort->PositionOf(event.from);
  if (position.has_value()) {
    ResumeMember(state, *position, event.last_outcome);
  } else {
    SendRefusal(state, event.from, v1::REASON_LATE, "the session began without this client");
  }
}

}  // namespace veilsum::aggregator
