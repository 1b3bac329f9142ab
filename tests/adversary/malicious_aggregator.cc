// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/adversary/malicious_aggregator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/graph/parameters.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/bitmap.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"
#include "proto/session_graph.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::adversary {
namespace {

std::string Bitmap(uint32_t clients, const std::set<uint32_t>& members) {
  std::vector<bool> bits(clients);
  for (const uint32_t member : members) bits[member] = true;
  return crypto::EncodeBitmap(bits);
}

}  // namespace

v1::SessionHeader HeaderFor(const Cohort& cohort) {
  v1::SessionHeader header;
  header.set_protocol_version(limits::kProtocolVersion);
  header.set_session_id(std::string(limits::kSessionIdBytes, 'a'));
  header.set_task_id(kTaskId);
  v1::VectorSpec& vector = *header.mutable_vector();
  vector.set_dimension(9);
  vector.set_clip(1);
  vector.set_quantisation_bits(12);
  vector.set_max_weight(1);
  vector.set_modulus_bits(ModulusBits(cohort.clients, 1, 12).value());
  header.set_tier(cohort.tier);
  header.set_graph(v1::GRAPH_RULE_COMPLETE);
  header.set_corruption_rate(cohort.corruption_rate);
  header.set_min_survivors(cohort.min_survivors);
  header.set_max_clients(cohort.clients);
  v1::PhaseDeadlines& deadlines = *header.mutable_deadlines();
  deadlines.set_advertise_keys_ms(1000);
  deadlines.set_share_keys_ms(1000);
  deadlines.set_masked_input_ms(1000);
  deadlines.set_consistency_check_ms(1000);
  deadlines.set_unmasking_ms(1000);
  header.set_audience(v1::AUDIENCE_OPERATOR);
  header.set_model_hash(crypto::ToString(ModelHash()));
  header.set_roster_version(1);
  return header;
}

std::vector<std::shared_ptr<const crypto::IdentityKeyPair>> IdentitiesOf(const Cohort& cohort) {
  std::vector<std::shared_ptr<const crypto::IdentityKeyPair>> identities;
  for (uint32_t client = 0; client < cohort.clients; ++client) {
    identities.push_back(std::make_shared<const crypto::IdentityKeyPair>(
        crypto::IdentityKeyPair::Generate([&](absl::Span<uint8_t> out) {
          crypto::DeterministicRandom(crypto::EncodeU64(cohort.seed),
                                      absl::StrCat("identity", client))
              .Fill(out);
        })));
  }
  std::sort(identities.begin(), identities.end(),
            [](const auto& a, const auto& b) { return a->public_key() < b->public_key(); });
  return identities;
}

v1::SignedMessage SignUnmasking(const crypto::IdentityKeyPair& key, const ClientView& view,
                                const v1::Unmasking& body) {
  std::vector<crypto::RosterSeat> roster;
  for (const v1::Roster::Seat& seat : view.roster->seats()) {
    crypto::RosterSeat parsed{
        crypto::IdentityPublicKey::Parse(crypto::AsBytes(seat.identity())).value(), {}};
    std::copy(seat.entry_hash().begin(), seat.entry_hash().end(), parsed.entry_hash.begin());
    roster.push_back(parsed);
  }
  const crypto::Digest transcript = crypto::TranscriptDigest(
      crypto::HeaderHash(crypto::AsBytes(view.header)), crypto::RosterRoot(roster));
  v1::SignedMessage message;
  message.set_body(body.SerializeAsString());
  const crypto::Digest digest =
      crypto::MessageSignatureDigest(transcript, crypto::ProtocolRound::kUnmasking,
                                     crypto::Sha256(crypto::AsBytes(message.body())));
  message.set_signature(
      crypto::ToString(crypto::Sign(key, crypto::kLabelMessageSignature, digest).bytes()));
  return message;
}

crypto::Digest ModelHash(uint8_t model) {
  crypto::Digest hash{};
  hash.fill(model);
  return hash;
}

client::SessionPolicy PolicyFor(
    const std::vector<std::shared_ptr<const crypto::IdentityKeyPair>>& identities) {
  client::IdentityRoster roster;
  roster.version = 1;
  for (const auto& identity : identities) roster.identities.insert(identity->public_key());
  client::SessionPolicy policy;
  policy.identity_root = std::make_shared<const client::IdentityRoot>(std::move(roster));
  return policy;
}

MaliciousAggregator::MaliciousAggregator(const Cohort& cohort)
    : header(HeaderFor(cohort)), honest_(cohort.clients - cohort.corrupted) {
  const auto identities = IdentitiesOf(cohort);
  client::SessionPolicy policy = PolicyFor(identities);
  policy.least_tier = cohort.tier;
  for (uint32_t client = 0; client < cohort.clients; ++client) {
    clients_.push_back(std::make_unique<HonestClient>(HonestClient::Options{
        identities[client], policy, ModelHash(), "", 100 * cohort.seed + client}));
  }
}

uint32_t MaliciousAggregator::threshold() const {
  return crypto::PlanGraph(GraphRequestOf(header, size())).value().threshold;
}

MaliciousAggregator::Set MaliciousAggregator::Everybody() const { return AllBut({}); }

MaliciousAggregator::Set MaliciousAggregator::Honest() const {
  Set honest;
  for (uint32_t client = 0; client < honest_; ++client) honest.insert(client);
  return honest;
}

MaliciousAggregator::Set MaliciousAggregator::AllBut(const Set& left_out) const {
  Set all;
  for (uint32_t client = 0; client < size(); ++client) {
    if (left_out.count(client) == 0) all.insert(client);
  }
  return all;
}

// ---- Messages ----

v1::ServerMessage MaliciousAggregator::OfferOf(const v1::SessionHeader& header) {
  v1::ServerMessage message;
  message.mutable_offer()->set_header(header.SerializeAsString());
  return message;
}

v1::ServerMessage MaliciousAggregator::Roster() const {
  v1::ServerMessage message;
  for (const v1::AdvertiseKeys& advertised : seats) {
    v1::AdvertiseKeysEntry entry;
    entry.ParseFromString(advertised.entry());
    v1::Roster::Seat& seat = *message.mutable_roster()->mutable_roster()->add_seats();
    seat.set_identity(entry.identity());
    seat.set_entry_hash(crypto::ToString(crypto::EntryHash(crypto::AsBytes(advertised.entry()))));
  }
  return message;
}

v1::ServerMessage MaliciousAggregator::Neighbours(uint32_t to) const {
  v1::ServerMessage message;
  for (uint32_t position = 0; position < seats.size(); ++position) {
    if (position == to) continue;
    auto& neighbour = *message.mutable_neighbours()->add_neighbours();
    neighbour.set_position(position);
    *neighbour.mutable_advertised() = seats[position];
  }
  return message;
}

v1::ServerMessage MaliciousAggregator::Shares(uint32_t to, const Set& sharers) const {
  v1::ServerMessage message;
  v1::DeliveredShares& delivered = *message.mutable_shares();
  delivered.set_sharers(Bitmap(size(), sharers));
  for (const uint32_t dealer : sharers) {
    if (dealer == to) continue;
    v1::SealedShares& shares = *delivered.add_shares();
    shares = shared.at(dealer).shares(static_cast<int>(to));
    shares.set_peer(dealer);
  }
  return message;
}

v1::ServerMessage MaliciousAggregator::Survivors(const Set& survivors) const {
  v1::ServerMessage message;
  message.mutable_survivors()->set_survivors(Bitmap(size(), survivors));
  return message;
}

v1::ServerMessage MaliciousAggregator::Signatures(const Set& signers) const {
  v1::ServerMessage message;
  message.mutable_consistency();
  for (const uint32_t signer : signers) {
    const auto found = signatures.find(signer);
    if (found == signatures.end()) continue;
    auto& signature = *message.mutable_consistency()->add_signatures();
    signature.set_position(signer);
    signature.set_survivor_root_signature(found->second);
  }
  return message;
}

crypto::Digest MaliciousAggregator::Transcript() const {
  std::vector<crypto::RosterSeat> roster;
  for (uint32_t client = 0; client < size(); ++client) {
    roster.push_back(
        {clients_[client]->identity(), crypto::EntryHash(crypto::AsBytes(seats[client].entry()))});
  }
  return crypto::TranscriptDigest(crypto::HeaderHash(crypto::AsBytes(header.SerializeAsString())),
                                  crypto::RosterRoot(roster));
}

std::string MaliciousAggregator::SignAs(uint32_t corrupted, const Set& survivors) const {
  const crypto::Digest root =
      crypto::SurvivorRoot(Transcript(), crypto::AsBytes(Bitmap(size(), survivors)));
  return crypto::ToString(
      crypto::Sign(clients_[corrupted]->key_pair(), crypto::kLabelSurvivorSignature, root).bytes());
}

v1::ServerMessage MaliciousAggregator::Accepted(v1::Round round) {
  v1::ServerMessage message;
  message.mutable_accepted()->set_round(round);
  return message;
}

v1::ServerMessage MaliciousAggregator::Aborted() {
  v1::ServerMessage message;
  message.mutable_refused()->set_scope(v1::Refused::SCOPE_SESSION);
  message.mutable_refused()->set_reason(v1::REASON_INTERNAL);
  return message;
}

// ---- Rounds ----

void MaliciousAggregator::Listen(uint32_t from) {
  const HonestClient& speaker = *clients_[from];
  if (const auto* said = speaker.Last(v1::ClientMessage::kShareKeys)) {
    shared[from].ParseFromString(said->share_keys().body());
  }
  if (const auto* said = speaker.Last(v1::ClientMessage::kConsistencyCheck)) {
    signatures[from] = said->consistency_check().survivor_root_signature();
  }
}

void MaliciousAggregator::OfferTo(const Set& to) {
  if (seats.empty()) seats.resize(size());
  for (const uint32_t client : to) {
    clients_[client]->Hear(Offer());
    const auto* said = clients_[client]->Last(v1::ClientMessage::kAdvertiseKeys);
    if (said != nullptr) seats[client] = said->advertise_keys();
    if (corrupted(client)) {
      keys_.AddClient(clients_[client]->identity(), clients_[client]->session_secret(),
                      header.SerializeAsString());
    }
  }
}

void MaliciousAggregator::AnnounceTo(const Set& to) {
  for (const uint32_t client : to) {
    clients_[client]->Hear(Roster());
    clients_[client]->Hear(Neighbours(client));
    Listen(client);
  }
}

void MaliciousAggregator::DeliverTo(const Set& to, const Set& sharers) {
  for (const uint32_t client : to) clients_[client]->Hear(Shares(client, sharers));
}

void MaliciousAggregator::ShowSurvivorsTo(const Set& to, const Set& survivors) {
  for (const uint32_t client : to) {
    clients_[client]->Hear(Survivors(survivors));
    Listen(client);
  }
}

void MaliciousAggregator::PassSignaturesTo(const Set& to, const Set& signers) {
  for (const uint32_t client : to) clients_[client]->Hear(Signatures(signers));
}

void MaliciousAggregator::PlayUntilUploads() {
  OfferTo(Everybody());
  AnnounceTo(Everybody());
  DeliverTo(Everybody(), Everybody());
}

void MaliciousAggregator::BeginSession() {
  header.mutable_session_id()->front() = static_cast<char>(header.session_id().front() + 1);
  seats.clear();
  shared.clear();
  signatures.clear();
  for (const auto& client : clients_) client->BeginSession();
}

Verdict MaliciousAggregator::Judge() const {
  std::vector<ClientView> views;
  for (uint32_t client = 0; client < honest_; ++client) {
    const std::vector<ClientView> own = clients_[client]->views();
    views.insert(views.end(), own.begin(), own.end());
  }
  return adversary::Judge(views, keys_);
}

}  // namespace veilsum::adversary
