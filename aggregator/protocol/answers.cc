// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/protocol/answers.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"
#include "proto/validate.h"

namespace veilsum::aggregator {
namespace {

constexpr absl::string_view kRoundNames[kPhases] = {
    "AdvertiseKeys", "ShareKeys", "MaskedInputCollection", "ConsistencyCheck", "Unmasking"};

// The numbers of docs/protocol.md are those of Phase.
crypto::ProtocolRound ProtocolRoundOf(Phase phase) {
  return static_cast<crypto::ProtocolRound>(phase);
}
static_assert(static_cast<int>(Phase::kUnmasking) ==
              static_cast<int>(crypto::ProtocolRound::kUnmasking));

}  // namespace

std::optional<uint32_t> Cohort::PositionOf(const IdentityPublicKey& identity) const {
  const auto found = std::lower_bound(members.begin(), members.end(), identity,
                                      [](const Member& member, const IdentityPublicKey& wanted) {
                                        return member.identity < wanted;
                                      });
  if (found == members.end() || found->identity != identity) return std::nullopt;
  return static_cast<uint32_t>(found - members.begin());
}

absl::string_view RoundName(Phase phase) { return kRoundNames[static_cast<size_t>(phase)]; }

std::optional<Phase> PresentPhase(const SessionState& state) {
  if (state.In<AdvertiseKeysPhase>() != nullptr) return Phase::kAdvertiseKeys;
  if (state.In<ShareKeysPhase>() != nullptr) return Phase::kShareKeys;
  if (state.In<MaskedInputPhase>() != nullptr) return Phase::kMaskedInputCollection;
  if (state.In<ConsistencyCheckPhase>() != nullptr) return Phase::kConsistencyCheck;
  if (state.In<UnmaskingPhase>() != nullptr) return Phase::kUnmasking;
  return std::nullopt;
}

MessagePtr MakeRefusal(v1::Refused::Scope scope, v1::Reason reason, absl::string_view detail) {
  return MakeMessage([&](v1::ServerMessage& message) {
    message.mutable_refused()->set_scope(scope);
    message.mutable_refused()->set_reason(reason);
    message.mutable_refused()->set_detail(std::string(detail));
  });
}

void Remember(SessionState& state, Operation operation) {
  if (!state.options.persists || state.In<EndedPhase>() != nullptr) return;
  state.effects.emplace_back(Persist{{std::move(operation)}});
}

void RememberMessage(SessionState& state, Phase phase, const IdentityPublicKey& from,
                     const Digest& digest, const google::protobuf::MessageLite& message) {
  if (!state.options.persists) return;
  Remember(state, PutMessage{phase, from, digest,
                             state.replaying ? std::string() : message.SerializeAsString()});
}

void Accept(SessionState& state, const IdentityPublicKey& to, Phase phase) {
  state.effects.emplace_back(Reply{to, phase, MessageResult::kAccepted});
}

void AcceptAgain(SessionState& state, const IdentityPublicKey& to, Phase phase) {
  state.effects.emplace_back(Reply{to, phase, MessageResult::kDuplicate});
}

void Refuse(SessionState& state, Reply reply) { state.effects.emplace_back(std::move(reply)); }

void SendTo(SessionState& state, const IdentityPublicKey& to, MessagePtr message) {
  state.effects.emplace_back(Send{to, std::move(message)});
}

void SendLater(SessionState& state, const IdentityPublicKey& to,
               std::function<v1::ServerMessage()> make) {
  state.effects.emplace_back(Send{to, nullptr, std::move(make)});
}

void DropMember(SessionState& state, uint32_t position, Phase phase, Drop drop) {
  Member& member = state.MemberAt(position);
  state.effects.emplace_back(ClientDropped{member.identity, phase, drop.reason, drop.detail});
  SendTo(state, member.identity, MakeRefusal(v1::Refused::SCOPE_CLIENT, drop.reason, drop.detail));
  member.dropped = std::move(drop);
}

void DropSender(SessionState& state, uint32_t position, Phase phase, MessageResult result,
                Drop drop) {
  Remember(state, DropClient{state.MemberAt(position).identity, phase, drop.reason, drop.detail});
  state.effects.emplace_back(Reply{state.MemberAt(position).identity, phase, result, drop.reason,
                                   drop.detail, /*dropped=*/true});
  DropMember(state, position, phase, std::move(drop));
}

void ReportSilent(SessionState& state, const FixedSets& sets, Phase phase,
                  absl::string_view detail) {
  ForEachSurvivor(state, sets, [&](Member& member) {
    if (member.silent || member.AcceptedIn(phase).has_value()) return;
    member.silent = true;
    state.effects.emplace_back(ClientDropped{member.identity, phase, v1::REASON_NO_ANSWER,
                                             std::string(detail), /*keeps_seat=*/true});
  });
}

void Abort(SessionState& state, v1::Reason reason, std::string detail,
           std::optional<IdentityPublicKey> blamed) {
  Remember(state, FinishSession{reason, detail, blamed});
  EndedPhase ended;
  ended.reason = reason;
  ended.detail = detail;
  ended.last_word = MakeRefusal(v1::Refused::SCOPE_SESSION, reason, detail);
  if (const AdvertiseKeysPhase* phase = state.In<AdvertiseKeysPhase>()) {
    for (const auto& [identity, member] : phase->seats) ended.seats.insert(identity);
    for (const IdentityPublicKey& identity : ended.seats) {
      SendTo(state, identity, ended.last_word);
    }
  } else {
    for (const Member& member : state.cohort->members) {
      SendTo(state, member.identity, ended.last_word);
    }
  }
  state.phase = std::move(ended);
  state.effects.emplace_back(Finished{reason, std::move(detail), {}, blamed});
}

void StartPhase(SessionState& state, Phase phase, uint32_t expected) {
  state.least_time_passed = false;
  state.deadline_passed = false;
  state.effects.emplace_back(PhaseStarted{phase, expected});
}

bool TargetReached(const SessionState& state, Phase phase, uint32_t answered, uint32_t expected) {
  const double fraction = state.options.closing[static_cast<size_t>(phase)].target_fraction;
  // The margin is for products like 0.7 · 10, which is a little more than 7 in binary.
  return state.least_time_passed && answered + 1e-6 >= fraction * expected;
}

std::optional<uint32_t> FindSender(SessionState& state, const IdentityPublicKey& from, Phase phase,
                                   const Digest& digest) {
  if (!state.cohort.has_value()) {
    const AdvertiseKeysPhase* advertise = state.In<AdvertiseKeysPhase>();
    if (advertise != nullptr && advertise->seats.count(from) != 0) {
      CheckPhase(state, from, phase);
    } else if (advertise == nullptr && state.In<EndedPhase>()->seats.count(from) != 0) {
      CheckPhase(state, from, phase);
    } else {
      Refuse(state, {from, phase, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER,
                     "this identity has no seat in the session"});
    }
    return std::nullopt;
  }
  const std::optional<uint32_t> position = state.cohort->PositionOf(from);
  if (!position.has_value()) {
    Refuse(state, {from, phase, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER,
                   "this identity has no seat in the session"});
    return std::nullopt;
  }
  const std::optional<Digest>& accepted = state.MemberAt(*position).AcceptedIn(phase);
  if (!accepted.has_value()) return position;
  if (*accepted == digest) {
    AcceptAgain(state, from, phase);
  } else {
    Refuse(state, {from, phase, MessageResult::kConflict, v1::REASON_CONFLICT,
                   absl::StrCat("another ", RoundName(phase),
                                " message of this client was accepted before and stays")});
  }
  return std::nullopt;
}

bool CheckPhase(SessionState& state, const IdentityPublicKey& from, Phase phase) {
  const std::optional<Phase> present = PresentPhase(state);
  if (present == phase) return true;
  if (present.has_value() && *present < phase) {
    Refuse(state, {from, phase, MessageResult::kWrongSession, v1::REASON_EARLY,
                   absl::StrCat(RoundName(phase), " has not begun; the session is in ",
                                RoundName(*present))});
    return false;
  }
  std::string detail = absl::StrCat(RoundName(phase), " has closed");
  if (const EndedPhase* ended = state.In<EndedPhase>()) {
    detail = ended->reason == v1::REASON_UNSPECIFIED
                 ? "the session is complete"
                 : absl::StrCat("the session was aborted: ", ended->detail);
  }
  Refuse(state, {from, phase, MessageResult::kLate, v1::REASON_LATE, std::move(detail)});
  return false;
}

bool CheckNotDropped(SessionState& state, uint32_t position, Phase phase) {
  const Member& member = state.MemberAt(position);
  if (!member.dropped.has_value()) return true;
  Refuse(state, {member.identity, phase, MessageResult::kNotMember, member.dropped->reason,
                 absl::StrCat("this client was dropped: ", member.dropped->detail)});
  return false;
}

bool CheckSignature(SessionState& state, uint32_t position, Phase phase, const Digest& digest,
                    const std::string& signature) {
  const IdentityPublicKey& signer = state.MemberAt(position).identity;
  const Digest signed_digest =
      crypto::MessageSignatureDigest(state.cohort->transcript, ProtocolRoundOf(phase), digest);
  if (VerifySignature(signer, crypto::kLabelMessageSignature, signed_digest, signature)) {
    return true;
  }
  Refuse(state, {signer, phase, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE,
                 absl::StrCat("the signature is not this identity's over this ", RoundName(phase),
                              " message in this session")});
  return false;
}

bool CheckSignedMessage(SessionState& state, const IdentityPublicKey& from, Phase phase,
                        const v1::SignedMessage& message) {
  const absl::Status status = v1::ValidateSignedMessage(message);
  if (status.ok()) return true;
  const bool oversized = message.body().size() > limits::kMaxMessageBytes;
  Refuse(state,
         {from, phase, oversized ? MessageResult::kOversized : MessageResult::kMalformed,
          oversized ? v1::REASON_OVERSIZED : v1::REASON_MALFORMED, std::string(status.message())});
  return false;
}

bool VerifySignature(const IdentityPublicKey& signer, absl::string_view label, const Digest& digest,
                     const std::string& signature) {
  const auto parsed = crypto::Signature::Parse(crypto::AsBytes(signature));
  return parsed.ok() && crypto::Verify(signer, label, digest, *parsed).ok();
}

}  // namespace veilsum::aggregator
