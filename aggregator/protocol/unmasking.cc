// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Round 4, Unmasking: shares of b of the survivors and of m of the dropouts, never both.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/protocol/answers.h"
#include "aggregator/protocol/dealer_blame.h"
#include "aggregator/protocol/rounds.h"
#include "crypto/graph/parameters.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/transcript.h"
#include "proto/reason_status.h"
#include "proto/validate.h"

namespace veilsum::aggregator {
namespace {

constexpr Phase kPhase = Phase::kUnmasking;
constexpr absl::string_view kSilent = "no shares came before the phase closed";

// ---- One answer ----

// Is this the share that the owner dealt to the holder, of the kind that is due? Nothing is wrong:
// nullopt, with the share in `shares` unless the dealer made it unusable.
std::optional<Drop> CheckShare(const Cohort& cohort, const UnmaskingPhase& phase, uint32_t holder,
                               const v1::RevealedShare& revealed, std::vector<OwnedShare>& shares) {
  const uint32_t owner = revealed.owner();
  const std::optional<uint32_t> place = owner < cohort.clients() && phase.sets->sharers[owner]
                                            ? cohort.places().PlaceOf(owner, holder)
                                            : std::nullopt;
  if (!place.has_value()) {
    return Drop{v1::REASON_BAD_SHARE_LIST,
                absl::StrCat("unmasking.shares: ", owner, " is no owner of a share that this ",
                             "client holds")};
  }
  const bool survived = phase.sets->survivors[owner];
  if (revealed.has_self_mask_share() != survived) {
    return Drop{
        v1::REASON_WRONG_SHARE_KIND,
        absl::StrCat("unmasking.shares: the ", survived ? "self mask" : "mask key", " share of ",
                     owner, " is due, which ", survived ? "survived" : "dropped out")};
  }
  const std::string& bytes = survived ? revealed.self_mask_share() : revealed.mask_key_share();
  const ShareDigests& digests = (*phase.digests)[owner];
  const Digest& announced = survived ? digests.self_mask[*place] : digests.mask_key[*place];
  const Digest digest =
      crypto::ShareDigest(cohort.transcript, cohort.PartyAt(owner), cohort.PartyAt(holder),
                          survived ? crypto::ShareKind::kSelfMask : crypto::ShareKind::kMaskKey,
                          crypto::AsBytes(bytes));
  if (digest != announced) {
    return Drop{v1::REASON_WRONG_SHARE,
                absl::StrCat("unmasking.shares: the share of ", owner,
                             " does not match the digest that its dealer announced")};
  }
  auto share = crypto::Share::Parse(holder + 1, crypto::AsBytes(bytes));
  // It matches its digest, so it is the dealer's fault and not the holder's.
  if (share.ok()) shares.push_back({owner, *std::move(share)});
  return std::nullopt;
}

// Protobuf keeps bytes in strings, which nobody erases.
void Erase(std::string& text) {
  crypto::SecureErase(text.data(), text.size());
  text.clear();
}

void EraseShares(v1::Unmasking& body) {
  for (v1::RevealedShare& share : *body.mutable_shares()) {
    if (share.has_self_mask_share()) Erase(*share.mutable_self_mask_share());
    if (share.has_mask_key_share()) Erase(*share.mutable_mask_key_share());
  }
}

std::optional<Drop> CheckShares(const Cohort& cohort, const UnmaskingPhase& phase, uint32_t holder,
                                const v1::Unmasking& body, std::vector<OwnedShare>& shares) {
  const absl::Status status = v1::ValidateUnmasking(body);
  if (!status.ok()) return Drop{v1::REASON_BAD_SHARE_LIST, std::string(status.message())};
  shares.reserve(static_cast<size_t>(body.shares_size()));
  for (const v1::RevealedShare& revealed : body.shares()) {
    std::optional<Drop> drop = CheckShare(cohort, phase, holder, revealed, shares);
    if (drop.has_value()) return drop;
  }
  return std::nullopt;
}

std::optional<Drop> CheckBody(const Cohort& cohort, const UnmaskingPhase& phase, uint32_t holder,
                              const std::string& bytes, std::vector<OwnedShare>& shares) {
  v1::Unmasking body;
  if (!body.ParseFromString(bytes)) {
    return Drop{v1::REASON_BAD_SHARE_LIST, "unmasking: does not parse"};
  }
  std::optional<Drop> drop = CheckShares(cohort, phase, holder, body, shares);
  EraseShares(body);
  return drop;
}

// An answer that nobody waits for any more: the sum is there, or is being computed. Its client did
// its part and is told so; its shares are not looked at.
bool AnswersTooLateToMatter(const SessionState& state) {
  if (const UnmaskingPhase* phase = state.In<UnmaskingPhase>()) return phase->unmasking;
  const EndedPhase* ended = state.In<EndedPhase>();
  return ended != nullptr && ended->reason == v1::REASON_UNSPECIFIED;
}

void AcceptLate(SessionState& state, uint32_t position, const Digest& digest) {
  Member& member = state.MemberAt(position);
  // What comes after the end is not remembered, and so makes no difference later.
  if (state.In<EndedPhase>() == nullptr) member.AcceptedIn(kPhase) = digest;
  Accept(state, member.identity, kPhase);
  if (const EndedPhase* ended = state.In<EndedPhase>()) {
    SendTo(state, member.identity, ended->last_word);
  }
}

// It will not answer, or not again.
void StopWaiting(UnmaskingPhase& phase, const Member& member) {
  --(member.silent ? phase.silent : phase.expected);
}

// Its shares are there.
void CountAnswer(SessionState& state, uint32_t holder, const Digest& digest) {
  UnmaskingPhase& phase = *state.In<UnmaskingPhase>();
  Member& member = state.MemberAt(holder);
  if (member.silent) {  // In round 3; it is back.
    --phase.silent;
    ++phase.expected;
  }
  ++phase.answered;
  member.AcceptedIn(kPhase) = digest;
  Accept(state, member.identity, kPhase);
}

void TakeAnswer(SessionState& state, uint32_t holder, const v1::SignedMessage& message,
                const Digest& digest) {
  UnmaskingPhase& phase = *state.In<UnmaskingPhase>();
  std::vector<OwnedShare> shares;
  std::optional<Drop> drop = CheckBody(*state.cohort, phase, holder, message.body(), shares);
  const Member& member = state.MemberAt(holder);
  if (drop.has_value()) {
    StopWaiting(phase, member);
    DropSender(state, holder, kPhase, MessageResult::kMalformed, *std::move(drop));
    return;
  }
  RememberMessage(state, kPhase, member.identity, digest, message);
  for (const OwnedShare& share : shares) {
    if (++phase.share_counts[share.owner] == state.cohort->threshold()) --phase.secrets_missing;
  }
  phase.revealed[holder] = std::move(shares);
  CountAnswer(state, holder, digest);
}

void ReceiveAnswer(SessionState& state, const UnmaskingReceived& event) {
  if (!CheckSignedMessage(state, event.from, kPhase, event.message)) return;
  const Digest digest = crypto::Sha256(crypto::AsBytes(event.message.body()));
  const std::optional<uint32_t> holder = FindSender(state, event.from, kPhase, digest);
  if (!holder.has_value()) return;
  const bool too_late_to_matter = AnswersTooLateToMatter(state);
  if (!too_late_to_matter && !CheckPhase(state, event.from, kPhase)) return;
  // Who is in the roster and neither dropped nor in U3 does not exist from here on.
  if (!CheckNotDropped(state, *holder, kPhase) ||
      !CheckSignature(state, *holder, kPhase, digest, event.message.signature())) {
    return;
  }
  if (too_late_to_matter) {
    RememberMessage(state, kPhase, event.from, digest, event.message);
    AcceptLate(state, *holder, digest);
  } else {
    TakeAnswer(state, *holder, event.message, digest);
  }
}

// ---- Closing ----

// t shares of every secret: those of the lowest holders, so that the index sets coincide.
std::vector<std::vector<crypto::Share>> SharesByOwner(const Cohort& cohort, UnmaskingPhase& phase) {
  std::vector<std::vector<crypto::Share>> by_owner(cohort.clients());
  for (std::vector<OwnedShare>& revealed : phase.revealed) {
    for (OwnedShare& share : revealed) {
      std::vector<crypto::Share>& shares = by_owner[share.owner];
      if (shares.size() < cohort.threshold()) shares.push_back(std::move(share.share));
    }
    std::vector<OwnedShare>().swap(revealed);
  }
  return by_owner;
}

DropoutTask MakeDropoutTask(const Cohort& cohort, const UnmaskingPhase& phase, uint32_t position,
                            std::vector<crypto::Share> shares) {
  const Member& member = cohort.members[position];
  DropoutTask task{position, member.identity, member.mask_public_key, std::move(shares), {}};
  cohort.places().ForEach(position, [&](uint32_t peer) {
    if (!phase.sets->survivors[peer]) return;
    const Member& survivor = cohort.members[peer];
    task.surviving_neighbours.push_back({peer, survivor.identity, survivor.mask_public_key});
  });
  return task;
}

std::shared_ptr<const UnmaskPlan> MakePlan(const SessionState& state, UnmaskingPhase& phase) {
  const Cohort& cohort = *state.cohort;
  auto plan = std::make_shared<UnmaskPlan>();
  plan->header_hash = state.header_hash;
  plan->transcript = cohort.transcript;
  plan->threshold = cohort.threshold();
  plan->answers = phase.answered;
  plan->clients = cohort.clients();
  std::vector<std::vector<crypto::Share>> shares = SharesByOwner(cohort, phase);
  for (uint32_t position = 0; position < cohort.clients(); ++position) {
    if (!phase.sets->sharers[position]) continue;
    const Member& member = cohort.members[position];
    if (phase.sets->survivors[position]) {
      plan->self_masks.push_back(
          {position, member.identity, member.self_mask_commitment, std::move(shares[position])});
    } else {
      plan->dropouts.push_back(
          MakeDropoutTask(cohort, phase, position, std::move(shares[position])));
    }
  }
  return plan;
}

struct Fault {
  uint32_t dealer;
  std::string text;
};

// A holder leaves a share out that it could not open, which is the dealer's doing, or because it
// is corrupted itself: so a dealer is named only where more did so than may be corrupted.
std::optional<Fault> DealerAtFault(const SessionState& state, const UnmaskingPhase& phase) {
  const Cohort& cohort = *state.cohort;
  const double rate = state.header.corruption_rate();
  const uint32_t corrupted =
      std::max<uint32_t>(rate > 0 ? 1 : 0, crypto::FloorOfRate(rate, cohort.clients()));
  for (uint32_t dealer = 0; dealer < cohort.clients(); ++dealer) {
    if (!phase.sets->sharers[dealer] || phase.share_counts[dealer] >= cohort.threshold()) continue;
    uint32_t holders = 0;
    cohort.places().ForEach(dealer, [&](uint32_t holder) {
      if (cohort.members[holder].AcceptedIn(kPhase).has_value()) ++holders;
    });
    const uint32_t without = holders - phase.share_counts[dealer];
    if (without <= corrupted) continue;
    return Fault{dealer, absl::StrCat("; ", without, " of ", holders,
                                      " holders could not use what the client at position ", dealer,
                                      " dealt them")};
  }
  return std::nullopt;
}

void AbortBelowThreshold(SessionState& state, const UnmaskingPhase& phase) {
  const std::optional<Fault> fault = DealerAtFault(state, phase);
  std::optional<IdentityPublicKey> blamed;
  if (fault.has_value()) blamed = state.MemberAt(fault->dealer).identity;
  Abort(state, v1::REASON_BELOW_THRESHOLD,
        absl::StrCat(phase.secrets_missing, " secrets have fewer than ", state.cohort->threshold(),
                     " shares: ", phase.answered, " of ", phase.expected, " clients answered",
                     fault.has_value() ? fault->text : ""),
        blamed);
}

MessagePtr MakeResult(const SessionState& state, const FixedSets& sets,
                      const UnmaskOutcome& outcome) {
  return MakeMessage([&](v1::ServerMessage& message) {
    v1::SessionResult* result = message.mutable_result();
    result->set_included(sets.included);
    result->set_survivor_root(crypto::ToString(sets.survivor_root));
    // Not even its digest to those outside the audience: small sums can be guessed.
    if (state.header.audience() != v1::AUDIENCE_OPERATOR) {
      result->set_result_digest(crypto::ToString(outcome.result_digest));
      result->set_total_bytes(outcome.total_bytes);
    }
  });
}

void Complete(SessionState& state, const UnmaskOutcome& outcome) {
  Remember(state, FinishSession{v1::REASON_UNSPECIFIED, "", std::nullopt, outcome.result_digest,
                                outcome.total_bytes});
  UnmaskingPhase& phase = *state.In<UnmaskingPhase>();
  Finished finished;
  for (uint32_t position = 0; position < state.cohort->clients(); ++position) {
    if (phase.sets->survivors[position]) {
      finished.included.push_back(state.cohort->members[position].identity);
    }
  }
  EndedPhase ended;
  ended.last_word = MakeResult(state, *phase.sets, outcome);
  ForEachSurvivor(state, *phase.sets,
                  [&](const Member& member) { SendTo(state, member.identity, ended.last_word); });
  ended.sets = std::move(phase.sets);
  ended.signatures = std::move(phase.signatures);
  state.phase = std::move(ended);
  state.effects.emplace_back(std::move(finished));
}

}  // namespace

void StartUnmasking(SessionState& state, FixedSetsPtr sets, DigestsPtr digests,
                    MessagePtr signatures) {
  const uint32_t clients = state.cohort->clients();
  UnmaskingPhase phase{std::move(sets), std::move(digests), std::move(signatures),
                       std::vector<std::vector<OwnedShare>>(clients),
                       std::vector<uint32_t>(clients)};
  phase.secrets_missing = static_cast<uint32_t>(
      std::count(phase.sets->sharers.begin(), phase.sets->sharers.end(), true));
  ForEachSurvivor(state, *phase.sets,
                  [&](const Member& member) { ++(member.silent ? phase.silent : phase.expected); });
  const uint32_t expected = phase.expected;
  state.phase = std::move(phase);
  StartPhase(state, kPhase, expected);
}

// Round 4, the aggregator's checks of the revealed shares.
void Receive(SessionState& state, UnmaskingReceived event) {
  ReceiveAnswer(state, event);
  Erase(*event.message.mutable_body());
}

// Shares that it revealed already are used.
void WithdrawFrom(SessionState& state, UnmaskingPhase& phase, uint32_t position) {
  const Member& member = state.MemberAt(position);
  if (phase.sets->survivors[position] && !member.AcceptedIn(kPhase).has_value()) {
    StopWaiting(phase, member);
  }
}

bool IsDone(const SessionState& state, const UnmaskingPhase& phase) {
  if (phase.unmasking) return false;
  if (state.deadline_passed) return true;
  const bool all = phase.answered == phase.expected;
  // Somebody who was silent in round 3 may yet come back with what is missing.
  if (phase.secrets_missing != 0) return all && phase.silent == 0;
  return all || TargetReached(state, kPhase, phase.answered, phase.expected);
}

// Round 4, closing: t shares of every needed secret, or nothing is revealed.
void Close(SessionState& state, UnmaskingPhase& phase) {
  Remember(state, ClosePhase{kPhase, phase.answered});
  state.effects.emplace_back(PhaseClosed{kPhase, phase.answered});
  ReportSilent(state, *phase.sets, kPhase, kSilent);
  if (phase.secrets_missing != 0) {
    AbortBelowThreshold(state, phase);
    return;
  }
  phase.unmasking = true;
  state.effects.emplace_back(Unmask{MakePlan(state, phase)});
  phase.digests.reset();
}

void ReplayErasedAnswer(SessionState& state, uint32_t holder, const Digest& digest) {
  Remember(state, PutMessage{kPhase, state.MemberAt(holder).identity, digest, ""});
  if (state.In<UnmaskingPhase>()->unmasking) {
    AcceptLate(state, holder, digest);
  } else {
    CountAnswer(state, holder, digest);
  }
}

void CloseErased(SessionState& state, UnmaskingPhase& phase) {
  Remember(state, ClosePhase{kPhase, phase.answered});
  state.effects.emplace_back(PhaseClosed{kPhase, phase.answered});
  ReportSilent(state, *phase.sets, kPhase, kSilent);
  phase.unmasking = true;
}

void Receive(SessionState& state, UnmaskFinished event) {
  const UnmaskingPhase* phase = state.In<UnmaskingPhase>();
  if (phase == nullptr || !phase->unmasking) return;
  if (event.outcome.ok()) {
    Complete(state, *event.outcome);
    return;
  }
  const absl::Status& status = event.outcome.status();
  const v1::Reason reason = ReasonOf(status);
  const std::optional<uint32_t> dealer = BlamedDealer(status);
  std::optional<IdentityPublicKey> blamed;
  if (dealer.has_value() && *dealer < state.cohort->clients()) {
    blamed = state.MemberAt(*dealer).identity;
  }
  Abort(state, reason == v1::REASON_UNSPECIFIED ? v1::REASON_INTERNAL : reason,
        std::string(status.message()), blamed);
}

}  // namespace veilsum::aggregator
