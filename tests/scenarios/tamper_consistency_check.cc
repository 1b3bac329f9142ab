// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Lies of round 3.

#include "crypto/primitives/labels.h"
#include "crypto/transcript/bitmap.h"
#include "tests/scenarios/tampering.h"

namespace veilsum::scenarios {
namespace {

// The survivors without the first of the others.
std::string OtherSurvivors(const Knowledge& knowledge) {
  auto survivors =
      crypto::DecodeBitmap(crypto::AsBytes(knowledge.survivors), knowledge.roster.size());
  if (!survivors.ok()) return knowledge.survivors;
  for (uint32_t position = 0; position < survivors->size(); ++position) {
    if (position == knowledge.position || !(*survivors)[position]) continue;
    (*survivors)[position] = false;
    break;
  }
  return crypto::EncodeBitmap(*survivors);
}

}  // namespace

void TamperConsistencyCheck(Misbehaviour how, const Knowledge& knowledge,
                            v1::ConsistencyCheck& message) {
  const bool forged = how == Misbehaviour::kForgedSurvivorSignature;
  if (how == Misbehaviour::kShortSurvivorSignature) {
    message.mutable_survivor_root_signature()->pop_back();
    return;
  }
  if (!forged && how != Misbehaviour::kSignsOtherSurvivors) return;
  const std::string survivors = forged ? knowledge.survivors : OtherSurvivors(knowledge);
  message.set_survivor_root_signature(crypto::ToString(
      crypto::Sign(forged ? *knowledge.somebody_else : *knowledge.identity,
                   crypto::kLabelSurvivorSignature,
                   crypto::SurvivorRoot(*knowledge.transcript, crypto::AsBytes(survivors)))
          .bytes()));
}

}  // namespace veilsum::scenarios
