// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Lies of round 1.

#include <algorithm>
#include <utility>
#include <vector>

#include "crypto/graph/parameters.h"
#include "crypto/primitives/aead.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/key_schedule.h"
#include "tests/scenarios/tampering.h"

namespace veilsum::scenarios {
namespace {

using Places = google::protobuf::RepeatedPtrField<v1::SealedShares>;

// The first place that has a ciphertext, so not the dealer's own.
v1::SealedShares& FirstSealed(Places& places) {
  return *std::find_if(places.begin(), places.end(),
                       [](const v1::SealedShares& place) { return !place.ciphertext().empty(); });
}

uint32_t ThresholdOf(const Knowledge& knowledge) {
  crypto::GraphRequest request;
  request.tier = crypto::Tier::kSemiHonest;
  request.rule = knowledge.header.graph() == v1::GRAPH_RULE_COMPLETE ? crypto::GraphRule::kComplete
                                                                     : crypto::GraphRule::kHarary;
  request.clients = static_cast<uint32_t>(knowledge.roster.size());
  request.corrupt = knowledge.header.corruption_rate();
  request.dropout = knowledge.header.dropout_rate();
  return crypto::PlanGraph(request).value().threshold;
}

std::vector<crypto::Share> SplitAmong(const std::vector<uint32_t>& holders, uint32_t threshold,
                                      crypto::ByteSpan secret, const crypto::RandomSeed& seed) {
  std::vector<uint32_t> indices;
  for (const uint32_t holder : holders) indices.push_back(holder + 1);
  crypto::DeterministicRandom random(ExposeSecret(seed), crypto::kLabelPolynomials);
  return crypto::Split(secret, threshold, indices, random).value();
}

// Everything as it should be, but what is dealt as shares of b are those of m.
void DealAnotherSecret(const Knowledge& knowledge, Places& places) {
  const crypto::Digest& t1 = *knowledge.transcript;
  const crypto::ChannelKeyPair channel =
      crypto::DeriveChannelKeyPair(knowledge.session_secret, knowledge.header_hash);
  const crypto::MaskPrivateSeed m =
      crypto::DeriveMaskPrivateSeed(knowledge.session_secret, knowledge.header_hash);
  std::vector<uint32_t> holders;
  for (const v1::SealedShares& place : places) holders.push_back(place.peer());
  const uint32_t threshold = ThresholdOf(knowledge);
  const std::vector<crypto::Share> of_m = SplitAmong(
      holders, threshold, ExposeSecret(m),
      crypto::DerivePolynomialSeed(knowledge.session_secret, t1, crypto::ShareKind::kMaskKey));

  const crypto::Party self = knowledge.PartyAt(knowledge.position);
  for (int i = 0; i < places.size(); ++i) {
    v1::SealedShares& place = *places.Mutable(i);
    if (place.ciphertext().empty()) continue;
    const crypto::Party holder = knowledge.PartyAt(place.peer());
    const crypto::SecretBuffer share = of_m[i].Serialize();
    const crypto::Digest m_digest =
        crypto::ShareDigest(t1, self, holder, crypto::ShareKind::kMaskKey, ExposeSecret(share));
    const crypto::Digest b_digest =
        crypto::ShareDigest(t1, self, holder, crypto::ShareKind::kSelfMask, ExposeSecret(share));
    const auto peer = crypto::ChannelPublicKey::Parse(
        crypto::AsBytes(knowledge.neighbours.at(place.peer()).channel_public_key()));
    const auto agreed = crypto::AgreeChannel(channel, peer.value());
    const std::string once = crypto::ToString(ExposeSecret(share));
    place.set_ciphertext(crypto::ToString(
        crypto::AeadSeal(crypto::DeriveShareKey(agreed.value(), t1, self, holder),
                         crypto::AsBytes(once + once),
                         crypto::ShareAssociatedData(t1, self, holder, m_digest, b_digest))
            .value()));
    place.set_mask_key_share_digest(crypto::ToString(m_digest));
    place.set_self_mask_share_digest(crypto::ToString(b_digest));
  }
}

// True: the body is to be signed as it is now.
bool TamperBody(Misbehaviour how, const Knowledge& knowledge, v1::ShareKeys& body) {
  Places& places = *body.mutable_shares();
  switch (how) {
    case Misbehaviour::kOmittedShare:
      places.RemoveLast();
      return true;
    case Misbehaviour::kSurplusShare: {
      v1::SealedShares surplus = FirstSealed(places);
      surplus.set_peer(static_cast<uint32_t>(knowledge.roster.size()));
      *places.Add() = std::move(surplus);
      return true;
    }
    case Misbehaviour::kRepeatedShare:
      *places.Mutable(1) = places.Get(0);
      return true;
    case Misbehaviour::kUnorderedShares:
      std::reverse(places.begin(), places.end());
      return true;
    case Misbehaviour::kNoShares:
      places.Clear();
      return true;
    case Misbehaviour::kSealedForItself:
      for (v1::SealedShares& place : places) {
        if (!place.ciphertext().empty()) continue;
        const uint32_t own = place.peer();
        place = FirstSealed(places);
        place.set_peer(own);
        break;
      }
      return true;
    case Misbehaviour::kShortCiphertext:
      FirstSealed(places).mutable_ciphertext()->pop_back();
      return true;
    case Misbehaviour::kCorruptedCiphertext:
      FlipBit(*FirstSealed(places).mutable_ciphertext(), 7);
      return true;
    case Misbehaviour::kAllCorrupted:
      for (v1::SealedShares& place : places) {
        if (!place.ciphertext().empty()) FlipBit(*place.mutable_ciphertext(), 7);
      }
      return true;
    case Misbehaviour::kSwappedDigests: {
      v1::SealedShares& place = FirstSealed(places);
      place.mutable_mask_key_share_digest()->swap(*place.mutable_self_mask_share_digest());
      return true;
    }
    case Misbehaviour::kInconsistentShares:
      DealAnotherSecret(knowledge, places);
      return true;
    default:
      return how == Misbehaviour::kForgedShareSignature;
  }
}

}  // namespace

void TamperShareKeys(Misbehaviour how, const Knowledge& knowledge, v1::SignedMessage& message) {
  v1::ShareKeys body;
  body.ParseFromString(message.body());
  std::string bytes;
  if (how == Misbehaviour::kGarbageShareKeys) {
    bytes = std::string(message.body().size(), '\xA5');
  } else if (TamperBody(how, knowledge, body)) {
    bytes = body.SerializeAsString();
  } else {
    return;
  }
  message = SignBody(knowledge, crypto::ProtocolRound::kShareKeys, std::move(bytes),
                     how == Misbehaviour::kForgedShareSignature);
}

}  // namespace veilsum::scenarios
