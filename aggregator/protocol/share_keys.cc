// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Round 1, ShareKeys: sealed shares go from every dealer to every holder; the aggregator keeps
// their digests.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/protocol/answers.h"
#include "aggregator/protocol/rounds.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/bitmap.h"
#include "proto/limits.h"
#include "proto/validate.h"

namespace veilsum::aggregator {
namespace {

constexpr Phase kPhase = Phase::kShareKeys;

Digest DigestFrom(const std::string& bytes) {
  Digest digest{};
  if (bytes.size() == digest.size()) std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

// Exactly the dealer's places, its own without a ciphertext. Empty: nothing is wrong.
std::string WrongWithPlaces(const SharingPlaces& places, uint32_t dealer,
                            const v1::ShareKeys& body) {
  if (static_cast<uint32_t>(body.shares_size()) != places.places()) {
    return absl::StrCat("share_keys.shares: must be ", places.places(), ", one for each place, is ",
                        body.shares_size());
  }
  for (uint32_t place = 0; place < places.places(); ++place) {
    const v1::SealedShares& shares = body.shares(static_cast<int>(place));
    const uint32_t holder = places.At(dealer, place);
    if (shares.peer() != holder) {
      return absl::StrCat("share_keys.shares[", place, "].peer: must be ", holder, ", is ",
                          shares.peer());
    }
    if (shares.ciphertext().empty() != (holder == dealer)) {
      return absl::StrCat("share_keys.shares[", place,
                          "].ciphertext: must be absent for the dealer itself, and only there");
    }
  }
  return "";
}

void KeepShares(ShareKeysPhase& phase, uint32_t dealer, const v1::ShareKeys& body) {
  const size_t places = static_cast<size_t>(body.shares_size());
  std::string& ciphertexts = phase.ciphertexts[dealer];
  ShareDigests& digests = phase.digests[dealer];
  ciphertexts.reserve(places * limits::kSealedSharesBytes);
  digests.mask_key.reserve(places);
  digests.self_mask.reserve(places);
  for (const v1::SealedShares& shares : body.shares()) {
    digests.mask_key.push_back(DigestFrom(shares.mask_key_share_digest()));
    digests.self_mask.push_back(DigestFrom(shares.self_mask_share_digest()));
    ciphertexts += shares.ciphertext();
    ciphertexts.resize(digests.self_mask.size() * limits::kSealedSharesBytes);
  }
}

// Its shares are there.
void TakeShares(SessionState& state, uint32_t dealer, const Digest& digest) {
  ShareKeysPhase& phase = *state.In<ShareKeysPhase>();
  phase.sharing.Join(state.cohort->places(), dealer);
  ++phase.answered;
  Member& member = state.MemberAt(dealer);
  member.AcceptedIn(kPhase) = digest;
  Accept(state, member.identity, kPhase);
}

void ForgetShares(ShareKeysPhase& phase, uint32_t dealer) {
  phase.ciphertexts[dealer] = {};
  phase.digests[dealer] = {};
}

// The body of a signed message of this round, or the sender was refused or dropped.
std::optional<v1::ShareKeys> ParseBody(SessionState& state, uint32_t dealer,
                                       const std::string& bytes) {
  v1::ShareKeys body;
  std::string wrong;
  if (!body.ParseFromString(bytes)) {
    wrong = "share_keys: does not parse";
  } else {
    wrong = std::string(v1::ValidateShareKeys(body).message());
    if (wrong.empty()) wrong = WrongWithPlaces(state.cohort->places(), dealer, body);
  }
  if (wrong.empty()) return body;
  --state.In<ShareKeysPhase>()->expected;
  DropSender(state, dealer, kPhase, MessageResult::kMalformed,
             {v1::REASON_BAD_SHARE_LIST, std::move(wrong)});
  return std::nullopt;
}

bool EverySharerHasThreshold(const Cohort& cohort, const ShareKeysPhase& phase) {
  for (uint32_t position = 0; position < cohort.clients(); ++position) {
    if (!phase.digests[position].empty() && phase.sharing.Of(position) < cohort.threshold()) {
      return false;
    }
  }
  return true;
}

// U2: who shared, without those who have fewer than t places in it, again and again.
std::vector<bool> Prune(const Cohort& cohort, const ShareKeysPhase& phase) {
  std::vector<bool> sharers(cohort.clients());
  PlaceCounts counts = phase.sharing;
  std::vector<uint32_t> leaving;
  for (uint32_t position = 0; position < cohort.clients(); ++position) {
    sharers[position] = !phase.digests[position].empty();
    if (sharers[position] && counts.Of(position) < cohort.threshold()) leaving.push_back(position);
  }
  for (const uint32_t position : leaving) sharers[position] = false;
  while (!leaving.empty()) {
    const uint32_t position = leaving.back();
    leaving.pop_back();
    counts.Leave(cohort.places(), position);
    cohort.places().ForEach(position, [&](uint32_t peer) {
      if (!sharers[peer] || counts.Of(peer) >= cohort.threshold()) return;
      sharers[peer] = false;
      leaving.push_back(peer);
    });
  }
  return sharers;
}

void DropThoseLeftOut(SessionState& state, ShareKeysPhase& phase,
                      const std::vector<bool>& sharers) {
  const uint32_t threshold = state.cohort->threshold();
  for (uint32_t position = 0; position < sharers.size(); ++position) {
    if (sharers[position] || phase.digests[position].empty()) continue;
    ForgetShares(phase, position);
    DropMember(state, position, kPhase,
               {v1::REASON_TOO_FEW_NEIGHBOURS,
                absl::StrCat("fewer than ", threshold, " of this client's neighbours shared their ",
                             "keys, so that it could never be unmasked")});
  }
}

v1::ServerMessage MakeDeliveredShares(const Delivery& delivery, uint32_t position) {
  v1::ServerMessage message;
  v1::DeliveredShares* delivered = message.mutable_shares();
  delivered->set_sharers(crypto::EncodeBitmap(delivery.sharers));
  const SharingPlaces& places = delivery.directory->places;
  delivered->mutable_shares()->Reserve(static_cast<int>(places.places()));
  places.ForEach(position, [&](uint32_t dealer) {
    if (dealer == position || !delivery.sharers[dealer]) return;
    const ShareDigests& digests = (*delivery.digests)[dealer];
    const uint32_t place = *places.PlaceOf(dealer, position);
    v1::SealedShares* shares = delivered->add_shares();
    shares->set_peer(dealer);
    shares->set_ciphertext(delivery.ciphertexts[dealer].data() + place * limits::kSealedSharesBytes,
                           limits::kSealedSharesBytes);
    shares->set_mask_key_share_digest(crypto::ToString(digests.mask_key[place]));
    shares->set_self_mask_share_digest(crypto::ToString(digests.self_mask[place]));
  });
  return message;
}

}  // namespace

// Round 1, the aggregator's checks of a body.
void Receive(SessionState& state, ShareKeysReceived event) {
  if (!CheckSignedMessage(state, event.from, kPhase, event.message)) return;
  const Digest digest = crypto::Sha256(crypto::AsBytes(event.message.body()));
  const std::optional<uint32_t> dealer = FindSender(state, event.from, kPhase, digest);
  if (!dealer.has_value() || !CheckPhase(state, event.from, kPhase) ||
      !CheckNotDropped(state, *dealer, kPhase) ||
      !CheckSignature(state, *dealer, kPhase, digest, event.message.signature())) {
    return;
  }
  const std::optional<v1::ShareKeys> body = ParseBody(state, *dealer, event.message.body());
  if (!body.has_value()) return;
  RememberMessage(state, kPhase, event.from, digest, event.message);
  KeepShares(*state.In<ShareKeysPhase>(), *dealer, *body);
  TakeShares(state, *dealer, digest);
}

void ReplayErasedShares(SessionState& state, uint32_t dealer, const Digest& digest) {
  Remember(state, PutMessage{kPhase, state.MemberAt(dealer).identity, digest, ""});
  state.In<ShareKeysPhase>()->digests[dealer].self_mask.resize(1);
  TakeShares(state, dealer, digest);
}

// It has not masked anything yet: what it shared is forgotten.
void WithdrawFrom(SessionState& state, ShareKeysPhase& phase, uint32_t position) {
  --phase.expected;
  if (phase.digests[position].empty()) return;
  --phase.answered;
  ForgetShares(phase, position);
  phase.sharing.Leave(state.cohort->places(), position);
}

bool IsDone(const SessionState& state, const ShareKeysPhase& phase) {
  return state.deadline_passed || phase.answered == phase.expected ||
         phase.expected < state.header.min_survivors() ||
         (phase.answered >= state.header.min_survivors() &&
          TargetReached(state, kPhase, phase.answered, phase.expected) &&
          EverySharerHasThreshold(*state.cohort, phase));
}

// Round 1, closing: U2 and the sealed shares.
void Close(SessionState& state, ShareKeysPhase phase) {
  const Cohort& cohort = *state.cohort;
  Remember(state, ClosePhase{kPhase, phase.answered});
  state.effects.emplace_back(PhaseClosed{kPhase, phase.answered});
  // Where too many left, nobody was given the time to answer: the abort says why.
  const bool hopeless = phase.expected < state.header.min_survivors();
  for (uint32_t position = 0; position < cohort.clients() && !hopeless; ++position) {
    if (phase.digests[position].empty() && !cohort.members[position].dropped.has_value()) {
      DropMember(state, position, kPhase,
                 {v1::REASON_NO_ANSWER, "no ShareKeys message came before the phase closed"});
    }
  }
  std::vector<bool> sharers = Prune(cohort, phase);
  const uint32_t sharing = static_cast<uint32_t>(std::count(sharers.begin(), sharers.end(), true));
  if (sharing < state.header.min_survivors()) {
    Abort(state, v1::REASON_TOO_FEW_CLIENTS,
          absl::StrCat("too few clients shared their keys: ", phase.answered, " did, ", sharing,
                       " of them with at least ", cohort.threshold(),
                       " neighbours that did too; at least ", state.header.min_survivors(),
                       " are needed"));
    return;
  }
  DropThoseLeftOut(state, phase, sharers);

  auto delivery = std::make_shared<const Delivery>(
      Delivery{cohort.directory, std::move(sharers), std::move(phase.ciphertexts),
               std::make_shared<const std::vector<ShareDigests>>(std::move(phase.digests))});
  MaskedInputPhase next{std::move(delivery),
                        std::vector<UploadState>(cohort.clients(), UploadState::kNone),
                        PlaceCounts(cohort.clients()), 0, sharing};
  for (uint32_t position = 0; position < cohort.clients(); ++position) {
    if (next.delivery->sharers[position]) SendDeliveredShares(state, next, position);
  }
  state.phase = std::move(next);
  StartPhase(state, Phase::kMaskedInputCollection, sharing);
}

void SendDeliveredShares(SessionState& state, const MaskedInputPhase& phase, uint32_t position) {
  SendLater(state, state.MemberAt(position).identity, [delivery = phase.delivery, position] {
    return MakeDeliveredShares(*delivery, position);
  });
}

}  // namespace veilsum::aggregator
