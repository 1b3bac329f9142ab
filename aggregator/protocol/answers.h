// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What every round does the same way: reply, drop a client, abort, change the phase, and the checks
// that each message goes through before its round looks at it.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_ANSWERS_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_ANSWERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "aggregator/protocol/session_state.h"
#include "google/protobuf/message_lite.h"

namespace veilsum::aggregator {

// "ShareKeys": the round's name for people.
absl::string_view RoundName(Phase phase);

// Nothing once the session has ended.
std::optional<Phase> PresentPhase(const SessionState& state);

// fill(ServerMessage&).
template <class Fill>
MessagePtr MakeMessage(const Fill& fill) {
  auto message = std::make_shared<v1::ServerMessage>();
  fill(*message);
  return message;
}
MessagePtr MakeRefusal(v1::Refused::Scope scope, v1::Reason reason, absl::string_view detail);

// ---- Effects ----

// To be stored before whatever comes later in the step: say it first. Nothing once the session has
// ended.
void Remember(SessionState& state, Operation operation);
// A message that was accepted; `message` is what a store keeps.
void RememberMessage(SessionState& state, Phase phase, const IdentityPublicKey& from,
                     const Digest& digest, const google::protobuf::MessageLite& message);

void Accept(SessionState& state, const IdentityPublicKey& to, Phase phase);
void AcceptAgain(SessionState& state, const IdentityPublicKey& to, Phase phase);
// Nothing changes.
void Refuse(SessionState& state, Reply reply);
void SendTo(SessionState& state, const IdentityPublicKey& to, MessagePtr message);
// make() as Send::make.
void SendLater(SessionState& state, const IdentityPublicKey& to,
               std::function<v1::ServerMessage()> make);

// The seat is lost; the phase's own books are the caller's to keep, and to remember it too, unless
// it follows from the closing of a phase.
void DropMember(SessionState& state, uint32_t position, Phase phase, Drop drop);
// The same, as the outcome of the member's message.
void DropSender(SessionState& state, uint32_t position, Phase phase, MessageResult result,
                Drop drop);
// Those of U3 whose message of this phase has not come. They keep their seats.
void ReportSilent(SessionState& state, const FixedSets& sets, Phase phase,
                  absl::string_view detail);

// Tells every seat, and ends the session.
void Abort(SessionState& state, v1::Reason reason, std::string detail,
           std::optional<IdentityPublicKey> blamed = std::nullopt);

void StartPhase(SessionState& state, Phase phase, uint32_t expected);

// The least time has passed and the target fraction of `expected` answered.
bool TargetReached(const SessionState& state, Phase phase, uint32_t answered, uint32_t expected);

// visit(Member&) for those of U3 that have their seat, by position.
template <class Visit>
void ForEachSurvivor(SessionState& state, const FixedSets& sets, const Visit& visit) {
  for (uint32_t position = 0; position < sets.survivors.size(); ++position) {
    Member& member = state.MemberAt(position);
    if (sets.survivors[position] && !member.dropped.has_value()) visit(member);
  }
}

// ---- Checks: true or a value, or the message was refused ----

// Has a seat in the closed roster, and did not send a message of this phase before. A resend is
// accepted again, other bytes are a conflict.
std::optional<uint32_t> FindSender(SessionState& state, const IdentityPublicKey& from, Phase phase,
                                   const Digest& digest);
bool CheckPhase(SessionState& state, const IdentityPublicKey& from, Phase phase);
bool CheckNotDropped(SessionState& state, uint32_t position, Phase phase);
// The signature of docs/protocol.md, "message digest": over T1, the round and `digest`.
bool CheckSignature(SessionState& state, uint32_t position, Phase phase, const Digest& digest,
                    const std::string& signature);
// Lengths alone.
bool CheckSignedMessage(SessionState& state, const IdentityPublicKey& from, Phase phase,
                        const v1::SignedMessage& message);

bool VerifySignature(const IdentityPublicKey& signer, absl::string_view label, const Digest& digest,
                     const std::string& signature);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_ANSWERS_H_
