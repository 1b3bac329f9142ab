// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// docs/protocol.md, "Round 3, ConsistencyCheck": one survivor set is signed, and it is answered
// only with as many signatures as any other set then cannot have.

#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/rounds.h"
#include "client_sdk/protocol/unmasking.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/bitmap.h"
#include "proto/validate.h"

namespace veilsum::client {
namespace {

// "A client counts the valid signatures of its neighbours in U3 over the survivor root that it
// signed itself, and itself on the complete graph." Others do not count, and cost nothing. No more
// than t are verified.
uint32_t CountSigners(const AwaitingConsistency& phase, const std::vector<bool>& survivors,
                      const v1::ConsistencySignatures& message) {
  const crypto::Digest root = phase.survivors.Root();
  uint32_t signers = phase.cohort.WithItself(0);
  int next = 0;  // Both lists ascend by position.
  for (const crypto::Party& neighbour : phase.cohort.neighbours) {
    if (signers >= phase.cohort.threshold) break;
    while (next < message.signatures_size() &&
           message.signatures(next).position() < neighbour.position) {
      ++next;
    }
    if (next == message.signatures_size()) break;
    if (message.signatures(next).position() != neighbour.position) continue;
    if (!survivors[neighbour.position]) continue;
    const auto signature = crypto::Signature::Parse(
        crypto::AsBytes(message.signatures(next).survivor_root_signature()));
    if (!signature.ok()) continue;
    signers +=
        crypto::Verify(neighbour.identity, crypto::kLabelSurvivorSignature, root, *signature).ok();
  }
  return signers;
}

}  // namespace

absl::StatusOr<AwaitingConsistency> SignSurvivors(AwaitingSurvivors phase,
                                                  const v1::SurvivorSet& survivors,
                                                  SessionContext& context, Effects& effects) {
  absl::StatusOr<AwaitingConsistency> taken = TakeSurvivors(std::move(phase), survivors, context);
  if (!taken.ok()) return taken.status();
  Send send;
  send.message.mutable_consistency_check()->set_survivor_root_signature(crypto::ToString(
      crypto::Sign(*context.identity, crypto::kLabelSurvivorSignature, taken->survivors.Root())
          .bytes()));
  effects.push_back(std::move(send));
  return taken;
}

absl::StatusOr<AwaitingResult> CheckSignatures(AwaitingConsistency phase,
                                               const v1::ConsistencySignatures& signatures,
                                               SessionContext& context, Effects& effects) {
  const absl::Status valid = v1::ValidateConsistencySignatures(signatures, phase.cohort.clients);
  if (!valid.ok()) return Declined(v1::REASON_MALFORMED, valid.message());
  const auto survivors =
      crypto::DecodeBitmap(crypto::AsBytes(phase.survivors.bitmap), phase.cohort.clients);
  if (!survivors.ok()) return Declined(v1::REASON_MALFORMED, survivors.status().message());
  const uint32_t signers = CountSigners(phase, *survivors, signatures);
  if (signers < phase.cohort.threshold) {
    return Declined(v1::REASON_TOO_FEW_SIGNATURES,
                    absl::StrCat("the aggregator showed ", signers,
                                 " good signatures of the survivor set that this client signed",
                                 phase.cohort.counts_itself ? ", its own among them" : "",
                                 "; this client insists on ", phase.cohort.threshold));
  }
  return RevealShares(std::move(phase), context, effects);
}

}  // namespace veilsum::client
