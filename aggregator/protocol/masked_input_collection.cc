// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Round 2, MaskedInputCollection: which uploads enter the sum, and U3. The bytes are the runtime's.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/protocol/answers.h"
#include "aggregator/protocol/rounds.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/bitmap.h"
#include "crypto/transcript/transcript.h"
#include "proto/validate.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::aggregator {
namespace {

constexpr Phase kPhase = Phase::kMaskedInputCollection;

// CheckPhase, and not in the last moments when only folds are waited for.
bool CheckOpenForUploads(SessionState& state, const IdentityPublicKey& from) {
  if (!CheckPhase(state, from, kPhase)) return false;
  if (!state.In<MaskedInputPhase>()->closing) return true;
  Refuse(state, {from, kPhase, MessageResult::kLate, v1::REASON_LATE,
                 "MaskedInputCollection is closing and takes no more inputs"});
  return false;
}

// The seat of an upload that proves by itself whose it is: it comes over an RPC of its own.
std::optional<uint32_t> FindUploader(SessionState& state, const UploadOpened& event) {
  absl::Status status = v1::ValidateUploadOpen(event.message);
  if (status.ok() && event.message.identity() != crypto::AsStringView(event.from.bytes())) {
    status = absl::InvalidArgumentError("open.identity: is not the identity that speaks");
  }
  if (!status.ok()) {
    Refuse(state, {event.from, kPhase, MessageResult::kMalformed, v1::REASON_MALFORMED,
                   std::string(status.message())});
    return std::nullopt;
  }
  if (event.message.session_id() != state.header.session_id()) {
    Refuse(state, {event.from, kPhase, MessageResult::kWrongSession, v1::REASON_WRONG_SESSION,
                   "the upload is for another session"});
    return std::nullopt;
  }
  const std::optional<uint32_t> position =
      state.cohort.has_value() ? state.cohort->PositionOf(event.from) : std::nullopt;
  if (!position.has_value()) {
    // Says that there is no seat, or that it is too early or late for the one there is.
    FindSender(state, event.from, kPhase, Digest{});
    return std::nullopt;
  }
  const Digest digest =
      crypto::UploadOpenSignatureDigest(state.cohort->transcript, event.message.total_bytes());
  if (VerifySignature(event.from, crypto::kLabelUploadOpenSignature, digest,
                      event.message.signature())) {
    return position;
  }
  Refuse(state, {event.from, kPhase, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE,
                 "the signature is not this identity's over this upload in this session"});
  return std::nullopt;
}

void DropUploader(SessionState& state, uint32_t position, std::string detail) {
  --state.In<MaskedInputPhase>()->expected;
  DropSender(state, position, kPhase, MessageResult::kMalformed,
             {v1::REASON_BAD_UPLOAD, std::move(detail)});
}

// Everything but the effects on the upload itself. True: fold it.
bool AcceptUpload(SessionState& state, const UploadCompleted& event) {
  const std::optional<uint32_t> position = FindSender(state, event.from, kPhase, event.digest);
  if (!position.has_value() || !CheckOpenForUploads(state, event.from) ||
      !CheckNotDropped(state, *position, kPhase)) {
    return false;
  }
  MaskedInputPhase& phase = *state.In<MaskedInputPhase>();
  absl::Status status = v1::ValidateUploadClose(event.message);
  if (status.ok() && phase.uploads[*position] != UploadState::kOpen) {
    status = absl::InvalidArgumentError("close: no upload of this client was opened");
  }
  if (!status.ok()) {
    Refuse(state, {event.from, kPhase, MessageResult::kMalformed, v1::REASON_MALFORMED,
                   std::string(status.message())});
    return false;
  }
  Digest signed_digest;
  std::copy(event.message.digest().begin(), event.message.digest().end(), signed_digest.begin());
  if (!CheckSignature(state, *position, kPhase, signed_digest, event.message.signature())) {
    return false;
  }
  if (signed_digest != event.digest) {
    DropUploader(state, *position, "the bytes that arrived have another digest than was signed");
    return false;
  }
  state.MemberAt(*position).AcceptedIn(kPhase) = event.digest;
  phase.uploads[*position] = UploadState::kFolding;
  ++phase.folding;
  return true;
}

// "2 of 9 clients have fewer than 5 …", or nothing.
std::string BelowThreshold(const Cohort& cohort, const MaskedInputPhase& phase) {
  uint32_t below = 0;
  for (uint32_t position = 0; position < cohort.clients(); ++position) {
    if (phase.delivery->sharers[position] && phase.counted.Of(position) < cohort.threshold())
      ++below;
  }
  if (below == 0) return "";
  return absl::StrCat(below, " clients have fewer than ", cohort.threshold(),
                      " neighbours whose input arrived, so that their masks cannot be removed");
}

bool ShouldClose(const SessionState& state, const MaskedInputPhase& phase) {
  if (state.deadline_passed || phase.answered == phase.expected ||
      phase.expected < state.header.min_survivors()) {
    return true;
  }
  return phase.answered >= state.header.min_survivors() &&
         TargetReached(state, kPhase, phase.answered, phase.expected) &&
         BelowThreshold(*state.cohort, phase).empty();
}

std::vector<bool> Survivors(const MaskedInputPhase& phase) {
  std::vector<bool> survivors(phase.uploads.size());
  for (size_t position = 0; position < survivors.size(); ++position) {
    survivors[position] = phase.uploads[position] == UploadState::kCounted;
  }
  return survivors;
}

// Why the session cannot go on with the inputs that are there.
std::optional<Drop> WrongWithSurvivors(const SessionState& state, const MaskedInputPhase& phase) {
  if (phase.answered < state.header.min_survivors()) {
    return Drop{v1::REASON_TOO_FEW_CLIENTS,
                absl::StrCat("too few masked inputs arrived: ", phase.answered, " of at least ",
                             state.header.min_survivors())};
  }
  std::string below = BelowThreshold(*state.cohort, phase);
  if (below.empty()) return std::nullopt;
  return Drop{v1::REASON_BELOW_THRESHOLD, std::move(below)};
}

FixedSetsPtr FixSets(const Cohort& cohort, const MaskedInputPhase& phase,
                     const std::string& bitmap) {
  auto sets = std::make_shared<FixedSets>();
  sets->sharers = phase.delivery->sharers;
  sets->survivors = Survivors(phase);
  sets->included = phase.answered;
  sets->survivor_root = crypto::SurvivorRoot(cohort.transcript, crypto::AsBytes(bitmap));
  sets->survivor_set = MakeMessage(
      [&](v1::ServerMessage& message) { message.mutable_survivors()->set_survivors(bitmap); });
  return sets;
}

}  // namespace

void Receive(SessionState& state, UploadOpened event) {
  const std::optional<uint32_t> position = FindUploader(state, event);
  if (!position.has_value()) return;
  const std::optional<Digest>& counted = state.MemberAt(*position).AcceptedIn(kPhase);
  if (counted.has_value() && counted != kUnknownDigest) {
    // The phase does not close without it. While it is folded this is no more durable than the fold
    // itself: whoever answers waits for the Reply to that.
    Reply reply{event.from, kPhase, MessageResult::kDuplicate};
    reply.upload_digest = counted;
    state.effects.emplace_back(std::move(reply));
    return;
  }
  if (!CheckOpenForUploads(state, event.from) || !CheckNotDropped(state, *position, kPhase)) return;
  const uint64_t due = PackedBytes(state.header.vector());
  if (event.message.total_bytes() != due) {
    DropUploader(state, *position,
                 absl::StrCat("open.total_bytes: must be ", due, " for this session, is ",
                              event.message.total_bytes()));
    return;
  }
  state.In<MaskedInputPhase>()->uploads[*position] = UploadState::kOpen;
  Accept(state, event.from, kPhase);
}

// Round 2: an upload counts once its digest and signature fit. Replied to by FoldFinished then.
void Receive(SessionState& state, UploadCompleted event) {
  const size_t before = state.effects.size();
  if (AcceptUpload(state, event)) {
    state.effects.emplace_back(Fold{event.from});
    return;
  }
  for (size_t i = before; i < state.effects.size(); ++i) {
    if (Reply* reply = std::get_if<Reply>(&state.effects[i])) {
      if (reply->result == MessageResult::kDuplicate) reply->upload_digest = event.digest;
    }
  }
  state.effects.emplace_back(DiscardUpload{event.from});
}

void Receive(SessionState& state, FoldFinished event) {
  MaskedInputPhase* phase = state.In<MaskedInputPhase>();
  const std::optional<uint32_t> position =
      state.cohort.has_value() ? state.cohort->PositionOf(event.from) : std::nullopt;
  if (phase == nullptr) {
    // The session was aborted meanwhile.
    CheckPhase(state, event.from, kPhase);
    return;
  }
  if (!position.has_value() || phase->uploads[*position] != UploadState::kFolding) return;
  Member& member = state.MemberAt(*position);
  --phase->folding;
  if (!event.status.ok()) {
    phase->uploads[*position] = UploadState::kNone;
    member.AcceptedIn(kPhase).reset();
    if (member.dropped.has_value()) {  // It withdrew meanwhile, and is not counted after all.
      --phase->expected;
      CheckNotDropped(state, *position, kPhase);
      return;
    }
    DropUploader(state, *position, std::string(event.status.message()));
    return;
  }
  Count(state, *phase, *position);
  Reply reply{event.from, kPhase, MessageResult::kAccepted};
  reply.upload_digest = member.AcceptedIn(kPhase);
  state.effects.emplace_back(std::move(reply));
}

void Count(SessionState& state, MaskedInputPhase& phase, uint32_t position) {
  phase.uploads[position] = UploadState::kCounted;
  phase.counted.Join(state.cohort->places(), position);
  ++phase.answered;
}

// What is in the sum stays in it.
void WithdrawFrom(SessionState&, MaskedInputPhase& phase, uint32_t position) {
  if (phase.uploads[position] == UploadState::kFolding ||
      phase.uploads[position] == UploadState::kCounted) {
    return;
  }
  phase.uploads[position] = UploadState::kNone;
  --phase.expected;
}

bool WaitsForFolds(const SessionState& state, const MaskedInputPhase& phase) {
  if (phase.folding == 0) return false;
  const uint32_t arrived = phase.answered + phase.folding;
  return phase.closing || arrived == phase.expected ||
         (arrived >= state.header.min_survivors() &&
          TargetReached(state, kPhase, arrived, phase.expected));
}

void StopUploads(const SessionState& state, MaskedInputPhase& phase) {
  if (ShouldClose(state, phase)) phase.closing = true;
}

bool IsDone(const SessionState&, const MaskedInputPhase& phase) {
  return phase.closing && phase.folding == 0;
}

// Round 2, closing: U3, once and for all.
void Close(SessionState& state, MaskedInputPhase phase) {
  const Cohort& cohort = *state.cohort;
  std::optional<Drop> wrong = WrongWithSurvivors(state, phase);
  FreezeSurvivors freeze{crypto::EncodeBitmap(Survivors(phase)), std::nullopt};
  FixedSetsPtr sets;
  if (!wrong.has_value()) {
    sets = FixSets(cohort, phase, freeze.survivors);
    freeze.survivor_root = sets->survivor_root;
  }
  Remember(state, std::move(freeze));
  state.effects.emplace_back(PhaseClosed{kPhase, phase.answered});
  // Where too many left, nobody was given the time to upload: the abort says why.
  const bool hopeless = phase.expected < state.header.min_survivors();
  for (uint32_t position = 0; position < cohort.clients() && !hopeless; ++position) {
    if (phase.delivery->sharers[position] && phase.uploads[position] != UploadState::kCounted &&
        !cohort.members[position].dropped.has_value()) {
      DropMember(state, position, kPhase,
                 {v1::REASON_NO_ANSWER, "no masked input came before the phase closed"});
    }
  }
  if (wrong.has_value()) {
    Abort(state, wrong->reason, std::move(wrong->detail));
    return;
  }
  ForEachSurvivor(state, *sets, [&](const Member& member) {
    SendTo(state, member.identity, sets->survivor_set);
  });
  // The ciphertexts end with this phase: who lost its shares lost its state, and is a dropout.
  DigestsPtr digests = phase.delivery->digests;
  if (state.header.tier() == v1::TIER_MALICIOUS) {
    StartConsistencyCheck(state, std::move(sets), std::move(digests));
  } else {
    StartUnmasking(state, std::move(sets), std::move(digests), nullptr);
  }
}

}  // namespace veilsum::aggregator
