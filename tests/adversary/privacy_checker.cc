// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/adversary/privacy_checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "crypto/sharing/field.h"
#include "crypto/transcript/bitmap.h"
#include "crypto/transcript/key_schedule.h"
#include "crypto/transcript/transcript.h"
#include "tests/adversary/combinations.h"
#include "tests/adversary/opened_secrets.h"
#include "tests/adversary/sight.h"

namespace veilsum::adversary {

// ---- What clients take in and let go of ----

void ClientView::Shown(const v1::ServerMessage& message) {
  if (message.has_offer() && header.empty()) header = message.offer().header();
  if (message.has_roster() && !roster.has_value()) roster = message.roster().roster();
  if (message.has_shares() && sharers.empty()) sharers = message.shares().sharers();
  for (const auto& neighbour : message.neighbours().neighbours()) {
    v1::AdvertiseKeysEntry parsed;
    if (parsed.ParseFromString(neighbour.advertised().entry())) {
      neighbours.emplace(neighbour.position(), std::move(parsed));
    }
  }
}

void ClientView::Said(const v1::ClientMessage& message) {
  if (message.has_advertise_keys() && !entry.has_value()) {
    v1::AdvertiseKeysEntry parsed;
    if (parsed.ParseFromString(message.advertise_keys().entry())) entry = std::move(parsed);
  }
  v1::ShareKeys shares;
  if (message.has_share_keys() && shares.ParseFromString(message.share_keys().body())) {
    dealt.push_back(std::move(shares));
  }
  v1::Unmasking unmasking;
  if (message.has_unmasking() && unmasking.ParseFromString(message.unmasking().body())) {
    revealed.push_back(std::move(unmasking));
  }
}

void ClientView::Uploaded(std::string input, const crypto::Digest& lanes) {
  uploads.push_back({std::move(input), lanes});
}

ClientView ClientView::RestoredTo(v1::Outcome last_outcome) const {
  ClientView restored(identity);
  if (last_outcome >= v1::OUTCOME_OFFER) {
    restored.header = header;
    restored.entry = entry;
  }
  if (last_outcome >= v1::OUTCOME_ROSTER) {
    restored.roster = roster;
    restored.neighbours = neighbours;
  }
  if (last_outcome >= v1::OUTCOME_SHARES) restored.sharers = sharers;
  return restored;
}

// ---- What the adversary brings along ----

void AdversaryKeys::AddClient(const crypto::IdentityPublicKey& identity,
                              const crypto::SessionSecret& secret, const std::string& header) {
  const crypto::Digest header_hash = crypto::HeaderHash(crypto::AsBytes(header));
  corrupted.insert(identity);
  Add(crypto::DeriveChannelKeyPair(secret, header_hash));
  Add(crypto::DeriveMaskKeyPair(crypto::DeriveMaskPrivateSeed(secret, header_hash)));
}

void AdversaryKeys::Add(const crypto::ChannelKeyPair& pair) {
  channel.emplace(pair.public_key, pair.private_key.Clone());
}

void AdversaryKeys::Add(const crypto::MaskKeyPair& pair) {
  mask.emplace(pair.public_key, pair.private_key.Clone());
}

std::string Verdict::Describe() const {
  const auto names = [](const std::set<crypto::IdentityPublicKey>& identities) {
    return absl::StrJoin(identities, " ", [](std::string* out, const auto& identity) {
      absl::StrAppend(out, identity.ToHex().substr(0, 8));
    });
  };
  std::string text = absl::StrCat("b of [", names(opened_b), "], m of [", names(opened_m),
                                  "] opened; ", combinations, " combinations of inputs known");
  if (!inconsistent.empty()) absl::StrAppend(&text, "; not as dealt: ", names(inconsistent));
  if (leak.has_value()) {
    absl::StrAppend(&text, "; LEAK: a combination of [", names(leak->clients), "] alone, at least ",
                    leak->promised, " were promised");
  }
  return text;
}

namespace {

using crypto::IdentityPublicKey;

// ---- Uploads ----

// Numbers for the unknowns.
class Columns {
 public:
  uint32_t Of(const std::string& name) {
    return numbers_.emplace(name, static_cast<uint32_t>(numbers_.size())).first->second;
  }

 private:
  std::map<std::string, uint32_t> numbers_;
};

class Ledger {
 public:
  Ledger(const OpenedSecrets& opened, const std::set<IdentityPublicKey>& corrupted)
      : opened_(opened), corrupted_(corrupted) {}

  void Take(const Sight& sight) {
    for (const ClientView::Upload& upload : sight.view->uploads) Take(sight, upload);
  }

  std::vector<SparseRow> Combinations() { return FreeOfMasks(std::move(observations_)); }
  const std::vector<uint32_t>& owner_of() const { return owner_of_; }
  const std::vector<IdentityPublicKey>& owners() const { return owners_; }

 private:
  void Take(const Sight& sight, const ClientView::Upload& upload) {
    const auto sharers =
        crypto::DecodeBitmap(crypto::AsBytes(sight.view->sharers), sight.parties.size());
    Observation seen;
    AddSelfMask(sight, seen);
    for (const uint32_t neighbour : sight.neighbours) {
      if (sharers.ok() && (*sharers)[neighbour]) AddPairwiseMask(sight, neighbour, seen);
    }
    // Its own is nothing new to a corrupted client.
    if (corrupted_.count(sight.view->identity) == 0) {
      seen.inputs.emplace(InputColumn(sight, upload), 1);
    }
    observations_.push_back(std::move(seen));
  }

  void AddSelfMask(const Sight& sight, Observation& seen) {
    const v1::AdvertiseKeysEntry& own = *sight.view->entry;
    if (opened_.KnowsSelfMask(sight.view->identity, own.self_mask_commitment())) return;
    seen.masks.emplace(
        masks_.Of(absl::StrCat("self", crypto::AsStringView(sight.transcript), sight.position,
                               crypto::AsStringView(sight.view->identity.bytes()),
                               own.self_mask_commitment())),
        1);
  }

  void AddPairwiseMask(const Sight& sight, uint32_t neighbour, Observation& seen) {
    const v1::AdvertiseKeysEntry* entry = sight.EntryAt(neighbour);
    // Without an entry there is no key to mask with.
    if (entry == nullptr) return;
    const std::string& own_key = sight.view->entry->mask_public_key();
    if (opened_.KnowsMaskKey(entry->mask_public_key()) || opened_.KnowsMaskKey(own_key)) return;
    std::string ends[2] = {End(sight.self(), own_key),
                           End(sight.parties[neighbour], entry->mask_public_key())};
    std::sort(std::begin(ends), std::end(ends));
    seen.masks.emplace(
        masks_.Of(absl::StrCat("pair", crypto::AsStringView(sight.transcript), ends[0], ends[1])),
        sight.position < neighbour ? 1 : crypto::field::kPrime - 1);
  }

  static std::string End(const crypto::Party& party, const std::string& key) {
    return absl::StrCat(party.position, ",", crypto::AsStringView(party.identity.bytes()), key);
  }

  // The same input of a caller is the same unknown, in whatever session; but what differs under
  // the same masks is two.
  uint32_t InputColumn(const Sight& sight, const ClientView::Upload& upload) {
    const absl::string_view identity = crypto::AsStringView(sight.view->identity.bytes());
    const std::string name = absl::StrCat(identity, upload.input);
    const std::string masked_as = absl::StrCat(crypto::AsStringView(sight.transcript), name);
    const bool first = lanes_.emplace(masked_as, upload.lanes).first->second == upload.lanes;
    const uint32_t column =
        inputs_.Of(first ? name : absl::StrCat(name, crypto::AsStringView(upload.lanes)));
    if (column == owner_of_.size()) owner_of_.push_back(OwnerNumber(sight.view->identity));
    return column;
  }

  uint32_t OwnerNumber(const IdentityPublicKey& identity) {
    const auto found = std::find(owners_.begin(), owners_.end(), identity);
    if (found != owners_.end()) return static_cast<uint32_t>(found - owners_.begin());
    owners_.push_back(identity);
    return static_cast<uint32_t>(owners_.size() - 1);
  }

  const OpenedSecrets& opened_;
  const std::set<IdentityPublicKey>& corrupted_;
  Columns masks_;
  Columns inputs_;
  std::map<std::string, crypto::Digest> lanes_;
  std::vector<uint32_t> owner_of_;  // By column of an input.
  std::vector<IdentityPublicKey> owners_;
  std::vector<Observation> observations_;
};

// The greatest promise to anybody, by client.
std::map<IdentityPublicKey, uint32_t> PromisesOf(const std::vector<Sight>& sights,
                                                 const std::set<IdentityPublicKey>& careless,
                                                 const std::set<IdentityPublicKey>& corrupted) {
  std::map<IdentityPublicKey, uint32_t> promises;
  for (const Sight& sight : sights) {
    const IdentityPublicKey& identity = sight.view->identity;
    if (careless.count(identity) > 0 || corrupted.count(identity) > 0) continue;
    uint32_t& promised = promises[identity];
    promised = std::max(promised, sight.promised);
  }
  return promises;
}

}  // namespace

Verdict Judge(const std::vector<ClientView>& views, const AdversaryKeys& keys,
              const std::set<IdentityPublicKey>& careless) {
  Verdict verdict;
  std::vector<Sight> sights;
  for (const ClientView& view : views) {
    std::optional<Sight> sight = SightOf(view, keys.corrupted);
    if (sight.has_value()) sights.push_back(*std::move(sight));
  }
  const OpenedSecrets opened(keys, sights);
  verdict.opened_b = opened.owners_of_b();
  verdict.opened_m = opened.owners_of_m();
  verdict.inconsistent = opened.inconsistent();

  Ledger ledger(opened, keys.corrupted);
  for (const Sight& sight : sights) ledger.Take(sight);
  const std::vector<SparseRow> combinations = ledger.Combinations();
  verdict.combinations = static_cast<uint32_t>(combinations.size());

  const std::map<IdentityPublicKey, uint32_t> promises =
      PromisesOf(sights, careless, keys.corrupted);
  uint32_t most = 0;
  for (const auto& [client, promised] : promises) most = std::max(most, promised - 1);
  Leak leak;
  const auto forbidden = [&](const std::set<uint32_t>& touched) {
    leak = {};
    for (const uint32_t owner : touched) {
      const IdentityPublicKey& client = ledger.owners()[owner];
      leak.clients.insert(client);
      const auto promise = promises.find(client);
      if (promise != promises.end()) leak.promised = std::max(leak.promised, promise->second);
    }
    return leak.clients.size() < leak.promised;
  };
  if (FindForbidden(combinations, ledger.owner_of(), most, forbidden).has_value()) {
    verdict.leak = std::move(leak);
  }
  return verdict;
}

}  // namespace veilsum::adversary
