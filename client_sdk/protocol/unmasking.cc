// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// docs/protocol.md, "Round 4, Unmasking": the local checks, and the one answer of this session.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/rounds.h"
#include "crypto/transcript/bitmap.h"
#include "proto/validate.h"

namespace veilsum::client {
namespace {

absl::Status Refused(absl::string_view text) {
  return Declined(v1::REASON_SURVIVORS_REFUSED, text);
}

// "Local checks, in every tier, before anything is opened": the survivors as they are, in U2.
absl::StatusOr<std::vector<bool>> CheckSurvivors(const AwaitingSurvivors& phase,
                                                 const v1::SurvivorSet& message) {
  const absl::Status valid = v1::ValidateSurvivorSet(message, phase.cohort.clients);
  if (!valid.ok()) return Refused(valid.message());
  auto survivors = crypto::DecodeBitmap(crypto::AsBytes(message.survivors()), phase.cohort.clients);
  if (!survivors.ok()) return Refused(survivors.status().message());
  if (!(*survivors)[phase.cohort.self.position]) {
    return Refused("the survivors do not include this client, whose input was asked for");
  }
  for (uint32_t position = 0; position < phase.cohort.clients; ++position) {
    if ((*survivors)[position] && !phase.sharers[position]) {
      return Refused(
          absl::StrCat("position ", position, " is a survivor, but did not share its keys before"));
    }
  }
  return survivors;
}

// The same: enough of them.
absl::Status CheckCounts(const Cohort& cohort, const std::vector<bool>& survivors,
                         uint32_t min_survivors) {
  const auto count = std::count(survivors.begin(), survivors.end(), true);
  if (count < min_survivors) {
    return Refused(absl::StrCat("there are ", count, " survivors, the header promised at least ",
                                min_survivors));
  }
  uint32_t neighbours = 0;
  for (const crypto::Party& neighbour : cohort.neighbours) {
    neighbours += survivors[neighbour.position];
  }
  if (cohort.WithItself(neighbours) < cohort.threshold) {
    return Refused(absl::StrCat("of the neighbours ", neighbours, " survived",
                                cohort.counts_itself ? ", and this client itself" : "",
                                "; the threshold is ", cohort.threshold));
  }
  return absl::OkStatus();
}

// One share of `owner`: of b if it survived, of m if it dropped out, never both. None where the
// ciphertext could not be opened.
void Reveal(const crypto::Party& owner, bool survived, const HeldShares& held,
            v1::Unmasking& body) {
  const crypto::SecretBuffer& share = survived ? held.of_b : held.of_m;
  if (share.size() == 0) return;
  v1::RevealedShare& revealed = *body.add_shares();
  revealed.set_owner(owner.position);
  (survived ? revealed.mutable_self_mask_share() : revealed.mutable_mask_key_share())
      ->assign(crypto::ToString(ExposeSecret(share)));
}

void RevealOwn(const AwaitingSurvivors& phase, v1::Unmasking& body) {
  if (!phase.cohort.counts_itself) return;
  v1::RevealedShare& revealed = *body.add_shares();
  revealed.set_owner(phase.cohort.self.position);
  revealed.set_self_mask_share(crypto::ToString(ExposeSecret(phase.own_share_of_b)));
}

// "It then reveals, ascending by owner, for each neighbour in U2 …; on the complete graph also its
// own share of b."
v1::Unmasking RevealShares(const AwaitingSurvivors& phase, const std::vector<bool>& survivors) {
  v1::Unmasking body;
  bool own_due = true;
  for (size_t i = 0; i < phase.cohort.neighbours.size(); ++i) {
    const crypto::Party& neighbour = phase.cohort.neighbours[i];
    if (own_due && neighbour.position > phase.cohort.self.position) {
      RevealOwn(phase, body);
      own_due = false;
    }
    if (!phase.sharers[neighbour.position]) continue;
    Reveal(neighbour, survivors[neighbour.position], phase.held[i], body);
  }
  if (own_due) RevealOwn(phase, body);
  return body;
}

}  // namespace

absl::StatusOr<AwaitingResult> AnswerSurvivors(AwaitingSurvivors phase,
                                               const v1::SurvivorSet& message,
                                               SessionContext& context, Effects& effects) {
  const absl::StatusOr<std::vector<bool>> survivors = CheckSurvivors(phase, message);
  if (!survivors.ok()) return survivors.status();
  const absl::Status counts = CheckCounts(phase.cohort, *survivors, context.header.min_survivors());
  if (!counts.ok()) return counts;

  Send send;
  *send.message.mutable_unmasking() =
      SignBody(context, phase.cohort.transcript, crypto::ProtocolRound::kUnmasking,
               RevealShares(phase, *survivors).SerializeAsString());
  effects.push_back(std::move(send));
  // All other shares die with the phase.
  return AwaitingResult{
      phase.cohort.transcript, message.survivors(),
      static_cast<uint32_t>(std::count(survivors->begin(), survivors->end(), true))};
}

absl::Status CheckSameSurvivors(const AwaitingResult& phase, const v1::SurvivorSet& message) {
  if (message.survivors() == phase.survivors) return absl::OkStatus();
  return Refused("the aggregator showed two different survivor sets; only the first was answered");
}

}  // namespace veilsum::client
