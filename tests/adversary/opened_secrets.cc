// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/adversary/opened_secrets.h"

#include <algorithm>

#include "crypto/primitives/aead.h"
#include "crypto/transcript/key_schedule.h"
#include "proto/limits.h"

namespace veilsum::adversary {

using crypto::Digest;
using crypto::IdentityPublicKey;

OpenedSecrets::OpenedSecrets(const AdversaryKeys& keys, const std::vector<Sight>& sights)
    : keys_(keys) {
  for (const auto& [key, secret] : keys.mask) mask_keys_.insert(key);
  for (const Sight& sight : sights) TakeDealt(sight);
  for (const Sight& sight : sights) TakeRevealed(sight);
  for (const Sight& dealer : sights) {
    for (const bool of_b : {true, false}) {
      const auto found = shares_.find({dealer.transcript, dealer.view->identity, of_b});
      if (found == shares_.end() || found->second.size() < dealer.threshold) continue;
      if (!Open(dealer, of_b, found->second)) inconsistent_.insert(dealer.view->identity);
    }
  }
}

bool OpenedSecrets::KnowsMaskKey(const std::string& public_key) const {
  const auto parsed = crypto::MaskPublicKey::Parse(crypto::AsBytes(public_key));
  // A key that nobody should parse gives an agreement that anybody can guess.
  return !parsed.ok() || mask_keys_.count(*parsed) > 0;
}

void OpenedSecrets::TakeDealt(const Sight& dealer) {
  for (const v1::ShareKeys& body : dealer.view->dealt) {
    for (const v1::SealedShares& sealed : body.shares()) {
      if (sealed.peer() >= dealer.parties.size()) continue;
      for (const bool of_b : {true, false}) {
        Announced& announced = announced_[{dealer.transcript, dealer.view->identity, of_b}];
        announced.dealer = &dealer;
        announced.digests[sealed.peer()].insert(of_b ? sealed.self_mask_share_digest()
                                                     : sealed.mask_key_share_digest());
      }
      if (!sealed.ciphertext().empty()) Decrypt(dealer, sealed);
    }
  }
}

// With a key of a corrupted holder, or one that the dealer was made to take for the holder's.
void OpenedSecrets::Decrypt(const Sight& dealer, const v1::SealedShares& sealed) {
  const v1::AdvertiseKeysEntry* entry = dealer.EntryAt(sealed.peer());
  if (entry == nullptr || sealed.peer() == dealer.position) return;
  const auto holder_key =
      crypto::ChannelPublicKey::Parse(crypto::AsBytes(entry->channel_public_key()));
  const auto dealer_key =
      crypto::ChannelPublicKey::Parse(crypto::AsBytes(dealer.view->entry->channel_public_key()));
  if (!holder_key.ok() || !dealer_key.ok()) return;
  const auto own = keys_.channel.find(*holder_key);
  if (own == keys_.channel.end()) return;
  const auto agreed = crypto::AgreeChannel(own->second, *dealer_key);
  if (agreed.ok()) TakeDecrypted(dealer, sealed, *agreed);
}

void OpenedSecrets::TakeDecrypted(const Sight& dealer, const v1::SealedShares& sealed,
                                  const crypto::ChannelSharedSecret& agreed) {
  const crypto::Party& holder = dealer.parties[sealed.peer()];
  Digest m_digest{}, b_digest{};
  if (sealed.mask_key_share_digest().size() != m_digest.size() ||
      sealed.self_mask_share_digest().size() != b_digest.size()) {
    return;
  }
  std::copy_n(sealed.mask_key_share_digest().begin(), m_digest.size(), m_digest.begin());
  std::copy_n(sealed.self_mask_share_digest().begin(), b_digest.size(), b_digest.begin());
  const auto opened = crypto::AeadOpen(
      crypto::DeriveShareKey(agreed, dealer.transcript, dealer.self(), holder),
      crypto::AsBytes(sealed.ciphertext()),
      crypto::ShareAssociatedData(dealer.transcript, dealer.self(), holder, m_digest, b_digest));
  if (!opened.ok() || opened->size() != 2 * limits::kShareBytes) return;
  const std::string both = crypto::ToString(crypto::ExposeSecret(*opened));
  const IdentityPublicKey& owner = dealer.view->identity;
  TakeShare({dealer.transcript, owner, false}, holder.position,
            both.substr(0, limits::kShareBytes));
  TakeShare({dealer.transcript, owner, true}, holder.position, both.substr(limits::kShareBytes));
}

void OpenedSecrets::TakeRevealed(const Sight& holder) {
  for (const v1::Unmasking& body : holder.view->revealed) {
    for (const v1::RevealedShare& share : body.shares()) {
      if (share.owner() >= holder.parties.size()) continue;
      const bool of_b = share.has_self_mask_share();
      TakeShare({holder.transcript, holder.parties[share.owner()].identity, of_b}, holder.position,
                of_b ? share.self_mask_share() : share.mask_key_share());
    }
  }
}

void OpenedSecrets::TakeShare(const SecretName& secret, uint32_t holder, const std::string& bytes) {
  const auto announced = announced_.find(secret);
  if (announced == announced_.end()) return;
  const Sight& dealer = *announced->second.dealer;
  const auto digests = announced->second.digests.find(holder);
  if (digests == announced->second.digests.end()) return;
  const Digest digest = crypto::ShareDigest(
      dealer.transcript, dealer.self(), dealer.parties[holder],
      std::get<bool>(secret) ? crypto::ShareKind::kSelfMask : crypto::ShareKind::kMaskKey,
      crypto::AsBytes(bytes));
  if (digests->second.count(crypto::ToString(digest)) == 0) return;
  auto share = crypto::Share::Parse(holder + 1, crypto::AsBytes(bytes));
  if (share.ok()) shares_[secret].emplace(holder + 1, *std::move(share));
}

bool OpenedSecrets::Open(const Sight& dealer, bool of_b, const SharesByX& shares) {
  std::vector<uint32_t> xs;
  std::vector<crypto::Share> first;
  for (const auto& [x, share] : shares) {
    if (xs.size() == dealer.threshold) break;
    xs.push_back(x);
    first.push_back(share.Clone());
  }
  const auto coefficients = crypto::LagrangeCoefficients::ForIndices(xs).value();
  return of_b ? OpenB(dealer, coefficients, first) : OpenM(dealer, coefficients, first);
}

bool OpenedSecrets::OpenB(const Sight& dealer, const crypto::LagrangeCoefficients& coefficients,
                          const std::vector<crypto::Share>& shares) {
  const auto b = crypto::Reconstruct<crypto::SelfMaskSeed>(coefficients, shares);
  const IdentityPublicKey& owner = dealer.view->identity;
  const std::string& commitment = dealer.view->entry->self_mask_commitment();
  if (!b.ok() || crypto::AsStringView(crypto::SelfMaskCommitment(dealer.header_hash, owner, *b)) !=
                     commitment) {
    return false;
  }
  owners_of_b_.insert(owner);
  self_masks_.insert({owner, commitment});
  return true;
}

bool OpenedSecrets::OpenM(const Sight& dealer, const crypto::LagrangeCoefficients& coefficients,
                          const std::vector<crypto::Share>& shares) {
  const auto m = crypto::Reconstruct<crypto::MaskPrivateSeed>(coefficients, shares);
  if (!m.ok()) return false;
  const crypto::MaskPublicKey key = crypto::DeriveMaskKeyPair(*m).public_key;
  if (crypto::AsStringView(key.bytes()) != dealer.view->entry->mask_public_key()) return false;
  owners_of_m_.insert(dealer.view->identity);
  mask_keys_.insert(key);
  return true;
}

}  // namespace veilsum::adversary
