// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// docs/protocol.md, "Round 4, Unmasking": the local checks, and the one answer of this session.

#include "client_sdk/protocol/unmasking.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/erase.h"
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

// "… for each neighbour in U2: the share of b if that neighbour is in U3, the share of m if not,
// never both; on the complete graph also its own share of b. Shares it could not open are left
// out." Takes them out of `phase`, with which the others die.
std::vector<DueShare> TakeDue(AwaitingSurvivors& phase, const std::vector<bool>& survivors) {
  std::vector<DueShare> due;
  due.reserve(phase.held.size() + 1);
  for (size_t i = 0; i < phase.held.size(); ++i) {
    const uint32_t owner = phase.cohort.neighbours[i].position;
    const bool survived = survivors[owner];
    crypto::SecretBuffer& share = survived ? phase.held[i].of_b : phase.held[i].of_m;
    if (share.size() != 0) due.push_back(DueShare{owner, survived, std::move(share)});
  }
  if (phase.cohort.counts_itself) {
    const uint32_t self = phase.cohort.self.position;
    const auto after =
        std::find_if(due.begin(), due.end(), [&](const DueShare& one) { return one.owner > self; });
    due.insert(after, DueShare{self, true, std::move(phase.own_share_of_b)});
  }
  return due;
}

void Assign(std::string& text, const crypto::SecretBuffer& share) {
  const absl::string_view bytes = crypto::AsStringView(ExposeSecret(share));
  text.assign(bytes.data(), bytes.size());
}

// "It then reveals, ascending by owner, …"
std::string EncodeUnmasking(const std::vector<DueShare>& due) {
  v1::Unmasking body;
  for (const DueShare& one : due) {
    v1::RevealedShare& revealed = *body.add_shares();
    revealed.set_owner(one.owner);
    Assign(one.survived ? *revealed.mutable_self_mask_share() : *revealed.mutable_mask_key_share(),
           one.share);
  }
  std::string encoded = body.SerializeAsString();
  EraseShares(body);
  return encoded;
}

}  // namespace

absl::StatusOr<AwaitingConsistency> TakeSurvivors(AwaitingSurvivors phase,
                                                  const v1::SurvivorSet& message,
                                                  const SessionContext& context) {
  // An input that was never made is in no sum.
  if (!context.input_digest.has_value()) {
    return Refused("the survivors include this client, which has not uploaded its input");
  }
  const absl::StatusOr<std::vector<bool>> survivors = CheckSurvivors(phase, message);
  if (!survivors.ok()) return survivors.status();
  const absl::Status counts = CheckCounts(phase.cohort, *survivors, context.header.min_survivors());
  if (!counts.ok()) return counts;
  const auto included =
      static_cast<uint32_t>(std::count(survivors->begin(), survivors->end(), true));
  TakenSurvivors taken{phase.cohort.transcript, message.survivors(), included};
  std::vector<DueShare> due = TakeDue(phase, *survivors);
  return AwaitingConsistency{std::move(phase.cohort), std::move(taken), std::move(due)};
}

absl::StatusOr<AwaitingResult> RevealShares(AwaitingConsistency phase,
                                            const SessionContext& context, Effects& effects) {
  // Another session of this client may have answered since the offer.
  const absl::Status first = CheckNotAnswered(context, context.header);
  if (!first.ok()) return first;
  Send send;
  *send.message.mutable_unmasking() =
      SignBody(context, phase.cohort.transcript, crypto::ProtocolRound::kUnmasking,
               EncodeUnmasking(phase.due));
  effects.push_back(std::move(send));
  return AwaitingResult{std::move(phase.survivors)};
}

absl::StatusOr<AwaitingResult> AnswerSurvivors(AwaitingSurvivors phase,
                                               const v1::SurvivorSet& survivors,
                                               SessionContext& context, Effects& effects) {
  absl::StatusOr<AwaitingConsistency> taken = TakeSurvivors(std::move(phase), survivors, context);
  if (!taken.ok()) return taken.status();
  return RevealShares(*std::move(taken), context, effects);
}

absl::Status CheckSameSurvivors(const TakenSurvivors& taken, const v1::SurvivorSet& message) {
  if (message.survivors() == taken.bitmap) return absl::OkStatus();
  return Refused("the aggregator showed two different survivor sets; only the first one counts");
}

}  // namespace veilsum::client
