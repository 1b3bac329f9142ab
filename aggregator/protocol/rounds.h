// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One group of functions per protocol round, each in a file of its own: take a message in, is the
// round done, close it. Effects go to state.effects. docs/protocol.md has the steps.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_ROUNDS_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_ROUNDS_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aggregator/protocol/events.h"
#include "aggregator/protocol/session_state.h"

namespace veilsum::aggregator {

// ---- advertise_keys.cc: round 0 ----

void Receive(SessionState& state, AdvertiseKeysReceived event);
void WithdrawFrom(SessionState& state, AdvertiseKeysPhase& phase, const IdentityPublicKey& from,
                  Drop drop);
// Seats may be taken and left by ever new identities. Nobody takes one any more while so many are
// out; those who have one may still leave.
bool TooManyOut(const AdvertiseKeysPhase& phase);
inline constexpr absl::string_view kTooManyOut =
    "too many clients have left this session, so that it takes no more; wait for the next one";
bool IsDone(const SessionState& state, const AdvertiseKeysPhase& phase);
void Close(SessionState& state, AdvertiseKeysPhase phase);
// The full entries of its neighbours, made when they are written.
void SendNeighbourEntries(SessionState& state, uint32_t position);

// ---- share_keys.cc: round 1 ----

void Receive(SessionState& state, ShareKeysReceived event);
void WithdrawFrom(SessionState& state, ShareKeysPhase& phase, uint32_t position);
bool IsDone(const SessionState& state, const ShareKeysPhase& phase);
void Close(SessionState& state, ShareKeysPhase phase);
// Of a session that has ended: the message was good, and its bytes are erased.
void ReplayErasedShares(SessionState& state, uint32_t dealer, const Digest& digest);
// U2 and the sealed shares for one of its clients, made when they are written.
void SendDeliveredShares(SessionState& state, const MaskedInputPhase& phase, uint32_t position);

// ---- masked_input_collection.cc: round 2 ----

void Receive(SessionState& state, UploadOpened event);
void Receive(SessionState& state, UploadCompleted event);
void Receive(SessionState& state, FoldFinished event);
void WithdrawFrom(SessionState& state, MaskedInputPhase& phase, uint32_t position);
// Nothing may be added any more, and nothing is being added.
bool IsDone(const SessionState& state, const MaskedInputPhase& phase);
// Refuses further uploads, for good, when the phase should close.
// The phase closes with the inputs that are being added, as far as can be seen.
bool WaitsForFolds(const SessionState& state, const MaskedInputPhase& phase);
// The input of a client of U2 is in the sum, and durable.
void Count(SessionState& state, MaskedInputPhase& phase, uint32_t position);
void StopUploads(const SessionState& state, MaskedInputPhase& phase);
void Close(SessionState& state, MaskedInputPhase phase);

// ---- consistency_check.cc: round 3, malicious tier ----

void StartConsistencyCheck(SessionState& state, FixedSetsPtr sets, DigestsPtr digests);
void Receive(SessionState& state, const ConsistencyCheckReceived& event);
void WithdrawFrom(SessionState& state, ConsistencyCheckPhase& phase, uint32_t position);
bool IsDone(const SessionState& state, const ConsistencyCheckPhase& phase);
void Close(SessionState& state, ConsistencyCheckPhase phase);

// ---- unmasking.cc: round 4 ----

// `signatures`: the message of round 3, null in the semi-honest tier.
void StartUnmasking(SessionState& state, FixedSetsPtr sets, DigestsPtr digests,
                    MessagePtr signatures);
void Receive(SessionState& state, UnmaskingReceived event);
void WithdrawFrom(SessionState& state, UnmaskingPhase& phase, uint32_t position);
bool IsDone(const SessionState& state, const UnmaskingPhase& phase);
// Reconstruction begins; the phase stays until Receive(UnmaskFinished).
void Close(SessionState& state, UnmaskingPhase& phase);
void Receive(SessionState& state, UnmaskFinished event);
// Of a session that has ended, as ReplayErasedShares; what came of the shares is said by the end.
void ReplayErasedAnswer(SessionState& state, uint32_t holder, const Digest& digest);
void CloseErased(SessionState& state, UnmaskingPhase& phase);

// ---- session_protocol.cc: whichever round it is ----

// Errors as SessionProtocol::Create.
absl::StatusOr<std::unique_ptr<SessionState>> NewState(SessionOptions options);

struct Tally {
  std::optional<Phase> phase;
  uint32_t answered = 0;
  uint32_t expected = 0;

  friend bool operator==(const Tally&, const Tally&) = default;
};
Tally TallyOf(const SessionState& state);
// A member loses its seat by its own will; its phase is the present one.
void TakeSeatFrom(SessionState& state, uint32_t position, Phase phase, Drop drop);
// Closes the present phase if it is time. True: a new phase began, which may be over too.
bool CloseIfDone(SessionState& state);

// ---- resume.cc ----

void Receive(SessionState& state, const ClientResumed& event);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_ROUNDS_H_
