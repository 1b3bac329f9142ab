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

// The roster is open: there is only the offer to have.
void ResumeBeforeRoster(SessionState& state, const AdvertiseKeysPhase& phase,
                        const ClientResumed& event) {
  const auto out = phase.out.find(event.from);
  if (out != phase.out.end()) {
    SendRefusal(state, event.from, out->second.reason, out->second.detail);
  } else if (phase.seats.count(event.from) == 0 && !state.options.admits(event.from)) {
    SendRefusal(state, event.from, v1::REASON_NOT_A_MEMBER,
                "this identity may not take part in the task");
  } else if (event.last_outcome < v1::OUTCOME_OFFER) {
    SendTo(state, event.from, state.offer);
  }
}

// What U3 and the sum were, as far as they are known.
void ResumeAfterUploads(SessionState& state, const IdentityPublicKey& to, v1::Outcome last) {
  if (const UnmaskingPhase* phase = state.In<UnmaskingPhase>()) {
    if (last < v1::OUTCOME_SURVIVORS) SendTo(state, to, phase->survivor_set);
  } else if (const EndedPhase* ended = state.In<EndedPhase>()) {
    if (last < v1::OUTCOME_SURVIVORS) SendTo(state, to, ended->survivor_set);
    if (last < v1::OUTCOME_RESULT) SendTo(state, to, ended->last_word);
  }
}

void ResumeMember(SessionState& state, uint32_t position, v1::Outcome last) {
  const Member& member = state.MemberAt(position);
  if (member.dropped.has_value()) {
    SendRefusal(state, member.identity, member.dropped->reason, member.dropped->detail);
    return;
  }
  if (last < v1::OUTCOME_OFFER) SendTo(state, member.identity, state.offer);
  if (last < v1::OUTCOME_ROSTER) {
    SendTo(state, member.identity, state.cohort->roster);
    SendTo(state, member.identity, MakeNeighbourEntries(*state.cohort, position));
  }
  if (const MaskedInputPhase* phase = state.In<MaskedInputPhase>()) {
    if (last < v1::OUTCOME_SHARES) {
      SendTo(state, member.identity, MakeDeliveredShares(*state.cohort, *phase, position));
    }
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
