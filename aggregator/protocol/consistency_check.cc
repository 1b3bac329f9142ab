// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Round 3, ConsistencyCheck (malicious tier): every survivor signs the survivor root, and all get
// the signatures. What a client opens shares for is thereby one set for everybody.

#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/protocol/answers.h"
#include "aggregator/protocol/rounds.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/validate.h"

namespace veilsum::aggregator {
namespace {

constexpr Phase kPhase = Phase::kConsistencyCheck;

// The set that is signed, wherever the session stands after it; null where there is none.
const FixedSets* SetsOf(const SessionState& state) {
  if (const ConsistencyCheckPhase* phase = state.In<ConsistencyCheckPhase>()) {
    return phase->sets.get();
  }
  if (const UnmaskingPhase* phase = state.In<UnmaskingPhase>()) return phase->sets.get();
  if (const EndedPhase* phase = state.In<EndedPhase>()) return phase->sets.get();
  return nullptr;
}

// The round has closed without this client, whose seat and answer in Unmasking are welcome
// nevertheless: it is told that the aggregator has the signature, which nobody needs.
bool SignsTooLateToMatter(const SessionState& state) {
  return state.In<ConsistencyCheckPhase>() == nullptr && SetsOf(state) != nullptr;
}

bool IsSigned(const SessionState& state, uint32_t position, const std::string& signature) {
  return VerifySignature(state.cohort->members[position].identity, crypto::kLabelSurvivorSignature,
                         SetsOf(state)->survivor_root, signature);
}

// A good one, by a client of U3 that has its seat.
void TakeSignature(SessionState& state, uint32_t position, const ConsistencyCheckReceived& event,
                   const Digest& digest) {
  RememberMessage(state, kPhase, event.from, digest, event.message);
  // What comes after the end is not remembered, and so makes no difference later.
  if (state.In<EndedPhase>() == nullptr) state.MemberAt(position).AcceptedIn(kPhase) = digest;
  if (ConsistencyCheckPhase* phase = state.In<ConsistencyCheckPhase>()) {
    phase->signatures[position] = event.message.survivor_root_signature();
    ++phase->answered;
  }
  Accept(state, event.from, kPhase);
}

void RefuseSignature(SessionState& state, uint32_t position) {
  const IdentityPublicKey& from = state.MemberAt(position).identity;
  Drop drop{v1::REASON_BAD_SIGNATURE,
            "the signature is not this identity's over the survivors of this session"};
  ConsistencyCheckPhase* phase = state.In<ConsistencyCheckPhase>();
  if (phase == nullptr) {
    Refuse(state, {from, kPhase, MessageResult::kBadSignature, drop.reason, drop.detail});
    return;
  }
  // Its input stays in the sum, and others hold the shares of its self mask.
  --phase->expected;
  DropSender(state, position, kPhase, MessageResult::kBadSignature, std::move(drop));
}

MessagePtr MakeConsistencySignatures(const ConsistencyCheckPhase& phase) {
  return MakeMessage([&](v1::ServerMessage& message) {
    v1::ConsistencySignatures* list = message.mutable_consistency();
    for (uint32_t position = 0; position < phase.signatures.size(); ++position) {
      if (phase.signatures[position].empty()) continue;
      auto* signature = list->add_signatures();
      signature->set_position(position);
      signature->set_survivor_root_signature(phase.signatures[position]);
    }
  });
}

}  // namespace

void StartConsistencyCheck(SessionState& state, FixedSetsPtr sets, DigestsPtr digests) {
  ConsistencyCheckPhase phase{std::move(sets), std::move(digests),
                              std::vector<std::string>(state.cohort->clients())};
  ForEachSurvivor(state, *phase.sets, [&](const Member&) { ++phase.expected; });
  const uint32_t expected = phase.expected;
  state.phase = std::move(phase);
  StartPhase(state, kPhase, expected);
}

// Round 3, the aggregator's check of a signature. The round-independent checks come first, so that
// a resend is known for one whenever it comes.
void Receive(SessionState& state, const ConsistencyCheckReceived& event) {
  if (state.header.tier() != v1::TIER_MALICIOUS) {
    Refuse(state, {event.from, kPhase, MessageResult::kMalformed, v1::REASON_UNSUPPORTED,
                   "consistency_check: belongs to the malicious tier; this session's tier has no "
                   "such round"});
    return;
  }
  const absl::Status status = v1::ValidateConsistencyCheck(event.message);
  if (!status.ok()) {
    Refuse(state, {event.from, kPhase, MessageResult::kMalformed, v1::REASON_MALFORMED,
                   std::string(status.message())});
    return;
  }
  const std::string& signature = event.message.survivor_root_signature();
  const Digest digest = crypto::Sha256(crypto::AsBytes(signature));
  const std::optional<uint32_t> position = FindSender(state, event.from, kPhase, digest);
  if (!position.has_value()) return;
  if (!SignsTooLateToMatter(state) && !CheckPhase(state, event.from, kPhase)) return;
  // Who is in the roster and neither dropped nor in U3 does not exist from here on.
  if (!CheckNotDropped(state, *position, kPhase)) return;
  if (IsSigned(state, *position, signature)) {
    TakeSignature(state, *position, event, digest);
  } else {
    RefuseSignature(state, *position);
  }
}

// What it signed stays signed.
void WithdrawFrom(SessionState&, ConsistencyCheckPhase& phase, uint32_t position) {
  if (phase.sets->survivors[position] && phase.signatures[position].empty()) --phase.expected;
}

bool IsDone(const SessionState& state, const ConsistencyCheckPhase& phase) {
  const uint32_t threshold = state.cohort->threshold();
  return state.deadline_passed || phase.answered == phase.expected || phase.expected < threshold ||
         (phase.answered >= threshold &&
          TargetReached(state, kPhase, phase.answered, phase.expected));
}

// Round 3, closing: t signatures, or nobody may open anything.
void Close(SessionState& state, ConsistencyCheckPhase phase) {
  const uint32_t threshold = state.cohort->threshold();
  Remember(state, ClosePhase{kPhase, phase.answered});
  state.effects.emplace_back(PhaseClosed{kPhase, phase.answered});
  ReportSilent(state, *phase.sets, kPhase, "no signature came before the phase closed");
  if (phase.answered < threshold) {
    Abort(state, v1::REASON_BELOW_THRESHOLD,
          absl::StrCat("too few survivors signed the survivor set: ", phase.answered, " of ",
                       phase.sets->included, " did, at least ", threshold,
                       " must, and nobody opens a share before"));
    return;
  }
  const MessagePtr signatures = MakeConsistencySignatures(phase);
  ForEachSurvivor(state, *phase.sets,
                  [&](const Member& member) { SendTo(state, member.identity, signatures); });
  StartUnmasking(state, std::move(phase.sets), std::move(phase.digests), signatures);
}

}  // namespace veilsum::aggregator
