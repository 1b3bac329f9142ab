// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/adversary/synthetic_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/graph/parameters.h"
#include "crypto/primitives/aead.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/transcript/bitmap.h"
#include "crypto/transcript/key_schedule.h"
#include "proto/session_graph.h"

namespace veilsum::adversary {
namespace {

template <class Secret>
Secret Draw(uint64_t seed, absl::string_view purpose, uint32_t number) {
  return Secret::Generate([&](absl::Span<uint8_t> out) {
    crypto::DeterministicRandom(crypto::EncodeU64(seed), absl::StrCat(purpose, number)).Fill(out);
  });
}

std::string SerializeShare(const crypto::Share& share) {
  return crypto::ToString(crypto::ExposeSecret(share.Serialize()));
}

}  // namespace

v1::SessionHeader SyntheticHeader(v1::Tier tier, uint32_t clients, uint32_t min_survivors,
                                  double corruption_rate) {
  v1::SessionHeader header;
  header.set_session_id(std::string(16, 's'));
  header.set_tier(tier);
  header.set_graph(v1::GRAPH_RULE_COMPLETE);
  header.set_corruption_rate(corruption_rate);
  header.set_min_survivors(min_survivors);
  header.set_max_clients(clients);
  return header;
}

SyntheticSession::SyntheticSession(v1::SessionHeader header, uint32_t clients, uint64_t seed)
    : header_(std::move(header)), header_bytes_(header_.SerializeAsString()), seed_(seed) {
  header_hash_ = crypto::HeaderHash(crypto::AsBytes(header_bytes_));
  threshold_ = crypto::PlanGraph(GraphRequestOf(header_, clients)).value().threshold;
  for (uint32_t client = 0; client < clients; ++client) {
    identities_.push_back(
        std::make_shared<crypto::IdentityKeyPair>(crypto::IdentityKeyPair::FromSeed(
            Draw<crypto::IdentityPrivateKey>(seed_, "identity", client))));
  }
  std::sort(identities_.begin(), identities_.end(),
            [](const auto& a, const auto& b) { return a->public_key() < b->public_key(); });
  Announce();
}

crypto::SessionSecret SyntheticSession::SecretOf(uint32_t client) const {
  return Draw<crypto::SessionSecret>(seed_, "session", client);
}

void SyntheticSession::Announce() {
  v1::ServerMessage offer, roster, neighbours;
  offer.mutable_offer()->set_header(header_bytes_);
  std::vector<crypto::RosterSeat> seats;
  for (uint32_t client = 0; client < size(); ++client) {
    const crypto::SessionSecret secret = SecretOf(client);
    v1::AdvertiseKeysEntry entry;
    entry.set_identity(crypto::ToString(identity(client).bytes()));
    entry.set_channel_public_key(
        crypto::ToString(crypto::DeriveChannelKeyPair(secret, header_hash_).public_key.bytes()));
    entry.set_mask_public_key(crypto::ToString(
        crypto::DeriveMaskKeyPair(crypto::DeriveMaskPrivateSeed(secret, header_hash_))
            .public_key.bytes()));
    entry.set_self_mask_commitment(crypto::ToString(crypto::SelfMaskCommitment(
        header_hash_, identity(client), crypto::DeriveSelfMaskSeed(secret, header_hash_))));
    const std::string bytes = entry.SerializeAsString();
    seats.push_back({identity(client), crypto::EntryHash(crypto::AsBytes(bytes))});
    v1::Roster::Seat& seat = *roster.mutable_roster()->mutable_roster()->add_seats();
    seat.set_identity(entry.identity());
    seat.set_entry_hash(crypto::ToString(seats.back().entry_hash));
    auto& neighbour = *neighbours.mutable_neighbours()->add_neighbours();
    neighbour.set_position(client);
    neighbour.mutable_advertised()->set_entry(bytes);
    entries_.push_back(std::move(entry));
  }
  transcript_ = crypto::TranscriptDigest(header_hash_, crypto::RosterRoot(seats));
  for (uint32_t client = 0; client < size(); ++client) {
    ClientView view(identity(client));
    for (const v1::ServerMessage& message : {offer, roster, neighbours}) view.Shown(message);
    v1::ClientMessage advertised;
    advertised.mutable_advertise_keys()->set_entry(entries_[client].SerializeAsString());
    view.Said(advertised);
    views_.push_back(std::move(view));
  }
}

void SyntheticSession::Corrupt(uint32_t client) {
  keys_.AddClient(identity(client), SecretOf(client), header_bytes_);
}

void SyntheticSession::ReplaceMaskKey(uint32_t to, uint32_t of) {
  const crypto::MaskKeyPair made_up =
      crypto::DeriveMaskKeyPair(Draw<crypto::MaskPrivateSeed>(seed_, "made up", of));
  views_[to].neighbours.at(of).set_mask_public_key(crypto::ToString(made_up.public_key.bytes()));
  keys_.Add(made_up);
}

std::vector<crypto::Share> SyntheticSession::Split(uint32_t dealer, crypto::ShareKind kind) const {
  const crypto::SessionSecret secret = SecretOf(dealer);
  const crypto::RandomSeed seed = crypto::DerivePolynomialSeed(secret, transcript_, kind);
  crypto::DeterministicRandom random(crypto::ExposeSecret(seed), crypto::kLabelPolynomials);
  std::vector<uint32_t> xs;
  for (uint32_t client = 0; client < size(); ++client) xs.push_back(client + 1);
  const crypto::MaskPrivateSeed m = crypto::DeriveMaskPrivateSeed(secret, header_hash_);
  const crypto::SelfMaskSeed b = crypto::DeriveSelfMaskSeed(secret, header_hash_);
  return crypto::Split(kind == crypto::ShareKind::kMaskKey ? crypto::ExposeSecret(m)
                                                           : crypto::ExposeSecret(b),
                       threshold_, xs, random)
      .value();
}

v1::SignedMessage SyntheticSession::DealTo(uint32_t dealer) const {
  const auto of_m = Split(dealer, crypto::ShareKind::kMaskKey);
  const auto of_b = Split(dealer, crypto::ShareKind::kSelfMask);
  const auto channel = crypto::DeriveChannelKeyPair(SecretOf(dealer), header_hash_);
  v1::ShareKeys body;
  for (uint32_t holder = 0; holder < size(); ++holder) {
    const auto digest = [&](crypto::ShareKind kind, const crypto::Share& share) {
      return crypto::ShareDigest(transcript_, PartyAt(dealer), PartyAt(holder), kind,
                                 crypto::ExposeSecret(share.Serialize()));
    };
    const crypto::Digest m_digest = digest(crypto::ShareKind::kMaskKey, of_m[holder]);
    const crypto::Digest b_digest = digest(crypto::ShareKind::kSelfMask, of_b[holder]);
    v1::SealedShares& sealed = *body.add_shares();
    sealed.set_peer(holder);
    sealed.set_self_mask_share_digest(crypto::ToString(b_digest));
    if (holder == dealer) continue;
    sealed.set_mask_key_share_digest(crypto::ToString(m_digest));
    const auto peer =
        crypto::ChannelPublicKey::Parse(crypto::AsBytes(entries_[holder].channel_public_key()));
    const auto key = crypto::DeriveShareKey(crypto::AgreeChannel(channel, peer.value()).value(),
                                            transcript_, PartyAt(dealer), PartyAt(holder));
    const std::string both = SerializeShare(of_m[holder]) + SerializeShare(of_b[holder]);
    const crypto::Bytes data = crypto::ShareAssociatedData(transcript_, PartyAt(dealer),
                                                           PartyAt(holder), m_digest, b_digest);
    sealed.set_ciphertext(
        crypto::ToString(crypto::AeadSeal(key, crypto::AsBytes(both), data).value()));
  }
  v1::SignedMessage message;
  message.set_body(body.SerializeAsString());
  return message;
}

void SyntheticSession::Share() {
  for (uint32_t dealer = 0; dealer < size(); ++dealer) {
    v1::ClientMessage message;
    *message.mutable_share_keys() = DealTo(dealer);
    views_[dealer].Said(message);
  }
}

void SyntheticSession::ShowSharers(uint32_t to, const std::vector<bool>& sharers) {
  v1::ServerMessage message;
  message.mutable_shares()->set_sharers(crypto::EncodeBitmap(sharers));
  views_[to].Shown(message);
}

void SyntheticSession::Upload(uint32_t from, const std::string& input, uint8_t lanes) {
  crypto::Digest digest{};
  digest[0] = lanes;
  views_[from].Uploaded(input, digest);
}

void SyntheticSession::Reveal(const std::vector<uint32_t>& holders,
                              const std::vector<bool>& sharers,
                              const std::vector<bool>& survivors) {
  for (const uint32_t holder : holders) {
    v1::Unmasking body;
    for (uint32_t owner = 0; owner < size(); ++owner) {
      if (!sharers[owner] || (owner == holder && !survivors[owner])) continue;
      v1::RevealedShare& share = *body.add_shares();
      share.set_owner(owner);
      if (survivors[owner]) {
        share.set_self_mask_share(
            SerializeShare(Split(owner, crypto::ShareKind::kSelfMask)[holder]));
      } else {
        share.set_mask_key_share(SerializeShare(Split(owner, crypto::ShareKind::kMaskKey)[holder]));
      }
    }
    v1::ClientMessage message;
    message.mutable_unmasking()->set_body(body.SerializeAsString());
    views_[holder].Said(message);
  }
}

std::vector<bool> SyntheticSession::AllBut(const std::vector<uint32_t>& left_out) const {
  std::vector<bool> members = Everybody();
  for (const uint32_t client : left_out) members[client] = false;
  return members;
}

std::vector<bool> SyntheticSession::Only(const std::vector<uint32_t>& clients) const {
  std::vector<bool> members(size());
  for (const uint32_t client : clients) members[client] = true;
  return members;
}

Verdict SyntheticSession::Judge() const {
  std::vector<ClientView> honest;
  for (const ClientView& view : views_) {
    if (keys_.corrupted.count(view.identity) == 0) honest.push_back(view);
  }
  return adversary::Judge(honest, keys_);
}

}  // namespace veilsum::adversary
