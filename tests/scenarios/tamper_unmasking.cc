// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Lies of round 4.

#include <algorithm>
#include <utility>

#include "tests/scenarios/tampering.h"

namespace veilsum::scenarios {
namespace {

// The lowest position that is no longer in the list, so that never shared its keys.
uint32_t SilentPosition(const Knowledge& knowledge, const v1::Unmasking& body) {
  for (uint32_t position = 0; position < knowledge.roster.size(); ++position) {
    const bool listed =
        std::any_of(body.shares().begin(), body.shares().end(),
                    [&](const v1::RevealedShare& share) { return share.owner() == position; });
    if (!listed && position != knowledge.position) return position;
  }
  return static_cast<uint32_t>(knowledge.roster.size());
}

void AddShareOf(uint32_t owner, v1::Unmasking& body) {
  v1::RevealedShare surplus = body.shares(0);
  surplus.set_owner(owner);
  *body.add_shares() = std::move(surplus);
  std::sort(body.mutable_shares()->begin(), body.mutable_shares()->end(),
            [](const auto& a, const auto& b) { return a.owner() < b.owner(); });
}

std::string& BytesOf(v1::RevealedShare& share) {
  return share.has_self_mask_share() ? *share.mutable_self_mask_share()
                                     : *share.mutable_mask_key_share();
}

// True: the body is to be signed as it is now.
bool TamperBody(Misbehaviour how, const Knowledge& knowledge, v1::Unmasking& body) {
  if (body.shares().empty()) return false;
  switch (how) {
    case Misbehaviour::kWrongShareKind:
      for (v1::RevealedShare& share : *body.mutable_shares()) {
        if (!share.has_self_mask_share()) continue;
        share.set_mask_key_share(std::string(share.self_mask_share()));
        break;
      }
      return true;
    case Misbehaviour::kSelfShareOfDropout:
      for (v1::RevealedShare& share : *body.mutable_shares()) {
        if (!share.has_mask_key_share()) continue;
        share.set_self_mask_share(std::string(share.mask_key_share()));
        break;
      }
      return true;
    case Misbehaviour::kShareForStranger:
      AddShareOf(static_cast<uint32_t>(knowledge.roster.size()), body);
      return true;
    case Misbehaviour::kShareForSilentClient:
      AddShareOf(SilentPosition(knowledge, body), body);
      return true;
    case Misbehaviour::kShareTwice:
      AddShareOf(body.shares(0).owner(), body);
      return true;
    case Misbehaviour::kShortShare:
      BytesOf(*body.mutable_shares(0)).pop_back();
      return true;
    case Misbehaviour::kFlippedShareBit:
      FlipBit(BytesOf(*body.mutable_shares(0)), 3);
      return true;
    case Misbehaviour::kInconsistentShares:
      // Its own share of b is a true one, and would not fit the others.
      for (int i = 0; i < body.shares_size(); ++i) {
        if (body.shares(i).owner() != knowledge.position) continue;
        body.mutable_shares()->DeleteSubrange(i, 1);
        break;
      }
      return true;
    case Misbehaviour::kNoShareAtAll:
      body.clear_shares();
      return true;
    default:
      return how == Misbehaviour::kForgedUnmasking;
  }
}

}  // namespace

void TamperUnmasking(Misbehaviour how, const Knowledge& knowledge, v1::SignedMessage& message) {
  v1::Unmasking body;
  body.ParseFromString(message.body());
  std::string bytes;
  if (how == Misbehaviour::kTruncatedUnmasking) {
    bytes = message.body().substr(0, message.body().size() - 5);
  } else if (TamperBody(how, knowledge, body)) {
    bytes = body.SerializeAsString();
  } else {
    return;
  }
  message = SignBody(knowledge, crypto::ProtocolRound::kUnmasking, std::move(bytes),
                     how == Misbehaviour::kForgedUnmasking);
}

}  // namespace veilsum::scenarios
