// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/protocol/conversation_testing.h"

#include <algorithm>
#include <utility>

#include "crypto/graph/parameters.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/bitmap.h"
#include "proto/limits.h"
#include "proto/session_graph.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

void FillWith(uint32_t number, uint8_t kind, absl::Span<uint8_t> out) {
  std::fill(out.begin(), out.end(), kind);
  for (int i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(number >> (8 * i));
}

}  // namespace

v1::SessionHeader TestHeader(uint32_t max_clients) {
  v1::SessionHeader header;
  header.set_protocol_version(limits::kProtocolVersion);
  header.set_session_id("0123456789abcdef");
  header.set_task_id("test-task");
  v1::VectorSpec& vector = *header.mutable_vector();
  vector.set_dimension(21);
  vector.set_clip(1);
  vector.set_quantisation_bits(8);
  vector.set_max_weight(10);
  vector.set_modulus_bits(ModulusBits(max_clients, 10, 8).value());
  header.set_tier(v1::TIER_SEMI_HONEST);
  header.set_graph(v1::GRAPH_RULE_COMPLETE);
  header.set_corruption_rate(0.2);
  header.set_dropout_rate(0.2);
  header.set_min_survivors(3);
  header.set_max_clients(max_clients);
  v1::PhaseDeadlines& deadlines = *header.mutable_deadlines();
  deadlines.set_advertise_keys_ms(1000);
  deadlines.set_share_keys_ms(1000);
  deadlines.set_masked_input_ms(1000);
  deadlines.set_unmasking_ms(1000);
  header.set_audience(v1::AUDIENCE_BOTH);
  return header;
}

v1::SessionHeader MaliciousHeader(uint32_t max_clients) {
  v1::SessionHeader header = TestHeader(max_clients);
  header.set_tier(v1::TIER_MALICIOUS);
  header.set_min_survivors(4);
  header.mutable_deadlines()->set_consistency_check_ms(1000);
  header.set_model_hash(crypto::ToString(TestModel()));
  header.set_roster_version(1);
  return header;
}

crypto::Digest TestModel() { return crypto::Sha256(crypto::AsBytes("the model")); }

SessionPolicy TestPolicy() {
  SessionPolicy policy;
  policy.least_tier = v1::TIER_SEMI_HONEST;
  policy.trust_aggregator_identities = true;
  return policy;
}

crypto::IdentityKeyPair TestIdentity(uint32_t number) {
  return crypto::IdentityKeyPair::Generate(
      [&](absl::Span<uint8_t> out) { FillWith(number, 0xA1, out); });
}

crypto::SessionSecret TestSecret(uint32_t number) {
  return crypto::SessionSecret::Generate(
      [&](absl::Span<uint8_t> out) { FillWith(number, 0xB2, out); });
}

Effects Joining::Offer(const std::string& header_bytes) const {
  v1::ServerMessage message;
  message.mutable_offer()->set_header(header_bytes);
  ParticipantProtocol protocol = Create().value();
  Effects effects = protocol.Step(MessageReceived{message});
  // It joins: the rest is as if it had remembered.
  if (effects.size() == 2 && std::holds_alternative<Remember>(effects[0])) {
    effects.erase(effects.begin());
  }
  return effects;
}

Conversation::Conversation(v1::SessionHeader header, uint32_t clients, Adjust adjust)
    : header_(std::move(header)), adjust_(std::move(adjust)) {
  for (uint32_t i = 0; i < clients; ++i) {
    identities_.push_back(std::make_unique<crypto::IdentityKeyPair>(TestIdentity(i)));
  }
  std::sort(identities_.begin(), identities_.end(),
            [](const auto& a, const auto& b) { return a->public_key() < b->public_key(); });
  journals.resize(clients);
  answers.resize(clients);
  for (uint32_t i = 0; i < clients; ++i) {
    clients_.push_back(ParticipantProtocol::Create(OptionsOf(i)).value());
  }
}

ParticipantOptions Conversation::OptionsOf(uint32_t position) const {
  ParticipantOptions options{.identity = identities_[position].get(),
                             .session_secret = TestSecret(position)};
  options.policy = TestPolicy();
  options.task_id = header_.task_id();
  if (!header_.model_hash().empty()) options.model_hash = TestModel();
  options.journal = journals[position];
  if (adjust_ != nullptr) adjust_(position, options);
  return options;
}

Effects Conversation::Step(uint32_t position, Event event) {
  Effects left;
  for (Effect& effect : clients_[position].Step(std::move(event))) {
    if (const auto* remember = std::get_if<Remember>(&effect)) {
      journals[position].push_back(remember->entry);
      if (remember->answers) answers[position] = true;
    } else {
      left.push_back(std::move(effect));
    }
  }
  return left;
}

Effects Conversation::Tell(uint32_t position, v1::ServerMessage message) {
  Effects effects = Step(position, MessageReceived{std::move(message)});
  for (const Effect& effect : effects) {
    if (!std::holds_alternative<EncodeInput>(effect)) continue;
    EXPECT_TRUE(Step(position, InputEncoded{InputOf(position)}).empty());
  }
  return effects;
}

v1::ServerMessage Conversation::Offer() const {
  v1::ServerMessage message;
  message.mutable_offer()->set_header(header_.SerializeAsString());
  return message;
}

v1::ServerMessage Conversation::Roster() const {
  v1::ServerMessage message;
  for (uint32_t i = 0; i < size(); ++i) {
    v1::Roster::Seat& seat = *message.mutable_roster()->mutable_roster()->add_seats();
    seat.set_identity(crypto::ToString(identity(i).public_key().bytes()));
    seat.set_entry_hash(
        crypto::ToString(crypto::EntryHash(crypto::AsBytes(advertised[i].entry()))));
  }
  return message;
}

v1::ServerMessage Conversation::Neighbours(uint32_t position) const {
  v1::ServerMessage message;
  for (const uint32_t neighbour : NeighboursOf(position)) {
    auto& entry = *message.mutable_neighbours()->add_neighbours();
    entry.set_position(neighbour);
    *entry.mutable_advertised() = advertised[neighbour];
  }
  return message;
}

v1::ServerMessage Conversation::Shares(uint32_t position, const std::vector<bool>& sharers) const {
  v1::ServerMessage message;
  v1::DeliveredShares& delivered = *message.mutable_shares();
  delivered.set_sharers(crypto::EncodeBitmap(sharers));
  for (const uint32_t dealer : NeighboursOf(position)) {
    if (!sharers[dealer]) continue;
    v1::ShareKeys body;
    EXPECT_TRUE(body.ParseFromString(shared[dealer].body()));
    for (const v1::SealedShares& sealed : body.shares()) {
      if (sealed.peer() != position) continue;
      *delivered.add_shares() = sealed;
      delivered.mutable_shares()->rbegin()->set_peer(dealer);
    }
  }
  return message;
}

v1::ServerMessage Conversation::Survivors(const std::vector<bool>& survivors) const {
  v1::ServerMessage message;
  message.mutable_survivors()->set_survivors(crypto::EncodeBitmap(survivors));
  return message;
}

v1::ServerMessage Conversation::Signatures(const std::vector<bool>& signers) const {
  v1::ServerMessage message;
  v1::ConsistencySignatures& signatures = *message.mutable_consistency();
  for (uint32_t i = 0; i < size(); ++i) {
    if (!signers[i]) continue;
    auto& one = *signatures.add_signatures();
    one.set_position(i);
    one.set_survivor_root_signature(checks[i].value().survivor_root_signature());
  }
  return message;
}

v1::ServerMessage Conversation::Result(const std::vector<bool>& survivors,
                                       const std::string& packed) const {
  v1::ServerMessage message;
  v1::SessionResult& result = *message.mutable_result();
  result.set_included(static_cast<uint32_t>(std::count(survivors.begin(), survivors.end(), true)));
  result.set_survivor_root(crypto::ToString(
      crypto::SurvivorRoot(transcript_, crypto::AsBytes(crypto::EncodeBitmap(survivors)))));
  result.set_result_digest(crypto::ToString(crypto::Sha256(crypto::AsBytes(packed))));
  result.set_total_bytes(packed.size());
  return message;
}

crypto::Digest Conversation::InputOf(uint32_t position) {
  return crypto::Sha256(crypto::EncodeU64(position));
}

std::vector<bool> Conversation::AllBut(std::vector<uint32_t> positions) const {
  std::vector<bool> members = Everybody();
  for (const uint32_t position : positions) members[position] = false;
  return members;
}

std::vector<uint32_t> Conversation::NeighboursOf(uint32_t position) const {
  const uint32_t degree = crypto::PlanGraph(GraphRequestOf(header_, size()))->degree;
  return DrawGraph(header_, size(), degree, transcript_)->NeighboursOf(position);
}

void Conversation::AdvertiseKeys() {
  for (uint32_t i = 0; i < size(); ++i) {
    advertised.push_back(Find<Send>(Tell(i, Offer())).message.advertise_keys());
  }
  std::vector<crypto::RosterSeat> seats;
  for (uint32_t i = 0; i < size(); ++i) {
    seats.push_back(
        {identity(i).public_key(), crypto::EntryHash(crypto::AsBytes(advertised[i].entry()))});
  }
  transcript_ = crypto::TranscriptDigest(
      crypto::HeaderHash(crypto::AsBytes(Offer().offer().header())), crypto::RosterRoot(seats));
}

void Conversation::AnnounceRoster() {
  AdvertiseKeys();
  for (uint32_t i = 0; i < size(); ++i) EXPECT_TRUE(Tell(i, Roster()).empty());
  roster_announced_ = true;
}

void Conversation::ShareKeys() {
  if (!roster_announced_) AnnounceRoster();
  for (uint32_t i = 0; i < size(); ++i) {
    const Effects effects = Tell(i, Neighbours(i));
    shared.push_back(Find<Send>(effects).message.share_keys());
    EXPECT_EQ(Find<EncodeInput>(effects).spec.dimension(), header_.vector().dimension());
  }
}

void Conversation::DeliverShares(const std::vector<bool>& sharers) {
  ShareKeys();
  uploads.resize(size());
  for (uint32_t i = 0; i < size(); ++i) {
    if (sharers[i]) uploads[i] = Find<StartUpload>(Tell(i, Shares(i, sharers)));
  }
}

void Conversation::SignSurvivors(const std::vector<bool>& survivors) {
  checks.resize(size());
  for (uint32_t i = 0; i < size(); ++i) {
    if (!survivors[i]) continue;
    checks[i] = Find<Send>(Tell(i, Survivors(survivors))).message.consistency_check();
  }
}

void Conversation::AnswerSurvivors(const std::vector<bool>& survivors) {
  const bool malicious = header_.tier() == v1::TIER_MALICIOUS;
  if (malicious) SignSurvivors(survivors);
  const v1::ServerMessage message = malicious ? Signatures(survivors) : Survivors(survivors);
  unmaskings.resize(size());
  for (uint32_t i = 0; i < size(); ++i) {
    if (!survivors[i]) continue;
    unmaskings[i] = Find<Send>(Tell(i, message)).message.unmasking();
  }
}

}  // namespace veilsum::client
