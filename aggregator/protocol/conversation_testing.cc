// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/protocol/conversation_testing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "crypto/graph/neighbour_graph.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/bitmap.h"
#include "gtest/gtest.h"
#include "proto/limits.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::aggregator {
namespace {

TestClient MakeClient(uint32_t index) {
  crypto::DeterministicRandom random(crypto::AsBytes(absl::StrCat("client ", index)), "test");
  const auto fill = [&](absl::Span<uint8_t> out) { random.Fill(out); };
  auto identity = crypto::IdentityKeyPair::Generate(fill);
  auto channel = crypto::ChannelKeyPair::FromPrivate(crypto::ChannelPrivateKey::Generate(fill));
  auto m = crypto::MaskPrivateSeed::Generate(fill);
  auto mask_keys = crypto::DeriveMaskKeyPair(m);
  return TestClient{std::move(identity),
                    std::move(channel),
                    std::move(m),
                    std::move(mask_keys),
                    crypto::SelfMaskSeed::Generate(fill),
                    {},
                    {}};
}

std::string ToText(crypto::ByteSpan bytes) { return crypto::ToString(bytes); }

}  // namespace

v1::SessionHeader TestHeader(uint32_t max_clients) {
  v1::SessionHeader header;
  header.set_protocol_version(limits::kProtocolVersion);
  header.set_session_id(std::string(16, 's'));
  header.set_task_id("test");
  header.mutable_vector()->set_dimension(1);
  header.mutable_vector()->set_clip(1);
  header.mutable_vector()->set_quantisation_bits(4);
  header.mutable_vector()->set_max_weight(1);
  header.mutable_vector()->set_modulus_bits(*ModulusBits(max_clients, 1, 4));
  header.set_tier(v1::TIER_SEMI_HONEST);
  header.set_graph(v1::GRAPH_RULE_COMPLETE);
  header.set_min_survivors(2);
  header.set_max_clients(max_clients);
  header.mutable_deadlines()->set_advertise_keys_ms(1000);
  header.mutable_deadlines()->set_share_keys_ms(1000);
  header.mutable_deadlines()->set_masked_input_ms(1000);
  header.mutable_deadlines()->set_unmasking_ms(1000);
  header.set_audience(v1::AUDIENCE_BOTH);
  return header;
}

v1::SessionHeader MaliciousHeader(uint32_t max_clients) {
  v1::SessionHeader header = TestHeader(max_clients);
  header.set_tier(v1::TIER_MALICIOUS);
  header.set_corruption_rate(0.1);
  header.set_min_survivors(3);
  header.mutable_deadlines()->set_consistency_check_ms(1000);
  return header;
}

Conversation::Conversation(v1::SessionHeader header, double target_fraction)
    : admits([](const IdentityPublicKey&) { return true; }),
      enrolment(
          [](const IdentityPublicKey&, absl::Span<const uint8_t>) { return absl::OkStatus(); }),
      header_bytes_(header.SerializeAsString()),
      target_fraction_(target_fraction) {
  for (uint32_t i = 0; i < header.max_clients(); ++i) clients_.push_back(MakeClient(i));
  std::sort(clients_.begin(), clients_.end(),
            [](const TestClient& a, const TestClient& b) { return a.id() < b.id(); });
  auto protocol = SessionProtocol::Create(Options());
  EXPECT_TRUE(protocol.ok()) << protocol.status();
  protocol_.emplace(*std::move(protocol));
  effects = protocol_->Start();
}

SessionOptions Conversation::Options() const {
  SessionOptions options;
  options.header_bytes = header_bytes_;
  for (ClosingRule& rule : options.closing) rule.target_fraction = target_fraction_;
  options.admits = [this](const IdentityPublicKey& identity) { return admits(identity); };
  options.enrolment = [this](const IdentityPublicKey& identity,
                             absl::Span<const uint8_t> signature) {
    return enrolment(identity, signature);
  };
  return options;
}

// ---- Messages ----

v1::AdvertiseKeysEntry Conversation::Entry(uint32_t i) const {
  const TestClient& client = clients_[i];
  v1::AdvertiseKeysEntry entry;
  entry.set_identity(ToText(client.id().bytes()));
  entry.set_channel_public_key(ToText(client.channel_keys.public_key.bytes()));
  entry.set_mask_public_key(ToText(client.mask_keys.public_key.bytes()));
  const Digest header_hash = crypto::HeaderHash(crypto::AsBytes(header_bytes_));
  entry.set_self_mask_commitment(
      ToText(crypto::SelfMaskCommitment(header_hash, client.id(), client.b)));
  return entry;
}

v1::AdvertiseKeys Conversation::SignEntry(uint32_t i, const v1::AdvertiseKeysEntry& entry) const {
  v1::AdvertiseKeys message;
  message.set_entry(entry.SerializeAsString());
  const Digest digest =
      crypto::EntrySignatureDigest(crypto::HeaderHash(crypto::AsBytes(header_bytes_)),
                                   crypto::EntryHash(crypto::AsBytes(message.entry())));
  const crypto::Signature signature =
      crypto::Sign(clients_[i].identity, crypto::kLabelEntrySignature, digest);
  message.set_signature(ToText(signature.bytes()));
  return message;
}

v1::AdvertiseKeys Conversation::Advertisement(uint32_t i) const { return SignEntry(i, Entry(i)); }

v1::SignedMessage Conversation::SignBody(uint32_t i, crypto::ProtocolRound round,
                                         std::string body) const {
  v1::SignedMessage message;
  const Digest digest = crypto::MessageSignatureDigest(*protocol_->transcript(), round,
                                                       crypto::Sha256(crypto::AsBytes(body)));
  message.set_body(std::move(body));
  const crypto::Signature signature =
      crypto::Sign(clients_[i].identity, crypto::kLabelMessageSignature, digest);
  message.set_signature(ToText(signature.bytes()));
  return message;
}

v1::ShareKeys Conversation::ShareKeysBody(uint32_t i) {
  TestClient& client = clients_[i];
  const auto [n, degree, threshold] = protocol_->shape();
  const Digest& transcript = *protocol_->transcript();
  const bool complete = degree + 1 == n;
  std::vector<uint32_t> places;
  if (complete) {
    for (uint32_t position = 0; position < n; ++position) places.push_back(position);
  } else {
    places =
        crypto::NeighbourGraph::Harary(n, degree, crypto::GraphSeed(transcript))->NeighboursOf(i);
  }
  std::vector<uint32_t> xs;
  for (const uint32_t position : places) xs.push_back(position + 1);
  crypto::DeterministicRandom random(ExposeSecret(client.b), "polynomials");
  const auto m_shares = crypto::Split(ExposeSecret(client.m), threshold, xs, random);
  const auto b_shares = crypto::Split(ExposeSecret(client.b), threshold, xs, random);
  client.m_shares.assign(n, "");
  client.b_shares.assign(n, "");
  v1::ShareKeys body;
  for (size_t place = 0; place < places.size(); ++place) {
    const uint32_t holder = places[place];
    client.m_shares[holder] = ToText(ExposeSecret((*m_shares)[place].Serialize()));
    client.b_shares[holder] = ToText(ExposeSecret((*b_shares)[place].Serialize()));
    const auto digest = [&](crypto::ShareKind kind, const std::string& share) {
      return ToText(crypto::ShareDigest(transcript, {i, client.id()},
                                        {holder, clients_[holder].id()}, kind,
                                        crypto::AsBytes(share)));
    };
    v1::SealedShares* shares = body.add_shares();
    shares->set_peer(holder);
    shares->set_self_mask_share_digest(
        digest(crypto::ShareKind::kSelfMask, client.b_shares[holder]));
    if (holder == i) continue;
    shares->set_ciphertext(
        absl::StrCat(client.m_shares[holder], client.b_shares[holder], std::string(16, 't')));
    shares->set_mask_key_share_digest(digest(crypto::ShareKind::kMaskKey, client.m_shares[holder]));
  }
  return body;
}

v1::ConsistencyCheck Conversation::ConsistencyCheck(uint32_t i,
                                                    const std::vector<bool>& survivors) const {
  v1::ConsistencyCheck message;
  const Digest root = crypto::SurvivorRoot(*protocol_->transcript(),
                                           crypto::AsBytes(crypto::EncodeBitmap(survivors)));
  const crypto::Signature signature =
      crypto::Sign(clients_[i].identity, crypto::kLabelSurvivorSignature, root);
  message.set_survivor_root_signature(ToText(signature.bytes()));
  return message;
}

v1::Unmasking Conversation::UnmaskingBody(uint32_t i, const std::vector<bool>& survivors) {
  v1::Unmasking body;
  for (uint32_t owner = 0; owner < size(); ++owner) {
    const TestClient& dealer = clients_[owner];
    if (dealer.b_shares.empty() || dealer.b_shares[i].empty()) continue;
    v1::RevealedShare* share = body.add_shares();
    share->set_owner(owner);
    if (survivors[owner]) {
      share->set_self_mask_share(dealer.b_shares[i]);
    } else {
      share->set_mask_key_share(dealer.m_shares[i]);
    }
  }
  return body;
}

uint64_t Conversation::UploadBytes() const { return PackedBytes(protocol_->header().vector()); }

v1::UploadOpen Conversation::OpenUpload(uint32_t i, uint64_t total_bytes) const {
  v1::UploadOpen open;
  open.set_session_id(protocol_->header().session_id());
  open.set_identity(ToText(clients_[i].id().bytes()));
  open.set_total_bytes(total_bytes);
  const crypto::Signature signature =
      crypto::Sign(clients_[i].identity, crypto::kLabelUploadOpenSignature,
                   crypto::UploadOpenSignatureDigest(*protocol_->transcript(), total_bytes));
  open.set_signature(ToText(signature.bytes()));
  return open;
}

v1::UploadClose Conversation::CloseUpload(uint32_t i, const Digest& digest) const {
  v1::UploadClose close;
  close.set_digest(ToText(digest));
  const Digest signed_digest = crypto::MessageSignatureDigest(
      *protocol_->transcript(), crypto::ProtocolRound::kMaskedInputCollection, digest);
  const crypto::Signature signature =
      crypto::Sign(clients_[i].identity, crypto::kLabelMessageSignature, signed_digest);
  close.set_signature(ToText(signature.bytes()));
  return close;
}

Digest Conversation::UploadDigest(uint32_t i) const {
  return crypto::Sha256(crypto::AsBytes(absl::StrCat("upload of ", i)));
}

// ---- Steps ----

const Effects& Conversation::Step(Event event) {
  effects = protocol_->Step(std::move(event));
  return effects;
}

const Effects& Conversation::Advertise(uint32_t i) {
  return Step(AdvertiseKeysReceived{client(i).id(), Advertisement(i)});
}

const Effects& Conversation::ShareBody(uint32_t i, const v1::ShareKeys& body) {
  return Step(ShareKeysReceived{
      client(i).id(), SignBody(i, crypto::ProtocolRound::kShareKeys, body.SerializeAsString())});
}

const Effects& Conversation::Share(uint32_t i) { return ShareBody(i, ShareKeysBody(i)); }

const Effects& Conversation::Upload(uint32_t i) {
  Step(UploadOpened{client(i).id(), OpenUpload(i, UploadBytes())});
  Step(UploadCompleted{client(i).id(), UploadDigest(i), CloseUpload(i, UploadDigest(i))});
  return Step(FoldFinished{client(i).id()});
}

const Effects& Conversation::SignSurvivors(uint32_t i, const std::vector<bool>& survivors) {
  return Step(ConsistencyCheckReceived{client(i).id(), ConsistencyCheck(i, survivors)});
}

const Effects& Conversation::UnmaskBody(uint32_t i, const v1::Unmasking& body) {
  return Step(UnmaskingReceived{
      client(i).id(), SignBody(i, crypto::ProtocolRound::kUnmasking, body.SerializeAsString())});
}

const Effects& Conversation::Unmask(uint32_t i, const std::vector<bool>& survivors) {
  return UnmaskBody(i, UnmaskingBody(i, survivors));
}

const Effects& Conversation::Withdraw(uint32_t i) {
  v1::Withdraw withdraw;
  withdraw.set_reason(v1::REASON_CANCELLED);
  withdraw.set_detail("bye");
  return Step(ClientWithdrew{client(i).id(), withdraw});
}

const Effects& Conversation::Resume(uint32_t i, v1::Outcome last_outcome) {
  return Step(ClientResumed{client(i).id(), last_outcome});
}

void Conversation::ToShareKeys() {
  for (uint32_t i = 0; i < size(); ++i) Advertise(i);
}

void Conversation::ToMaskedInput() {
  ToShareKeys();
  for (uint32_t i = 0; i < size(); ++i) Share(i);
}

void Conversation::ToSurvivors(const std::vector<bool>& survivors) {
  ToMaskedInput();
  for (uint32_t i = 0; i < size(); ++i) {
    if (survivors[i]) Upload(i);
  }
  if (Find<PhaseStarted>() == nullptr) Step(DeadlinePassed{Phase::kMaskedInputCollection});
}

void Conversation::ToUnmasking(const std::vector<bool>& survivors) {
  ToSurvivors(survivors);
  if (protocol_->header().tier() != v1::TIER_MALICIOUS) return;
  for (uint32_t i = 0; i < size(); ++i) {
    if (survivors[i]) SignSurvivors(i, survivors);
  }
}

// ---- What happened ----

Reply Conversation::TheReply() const {
  std::optional<Reply> the_reply;
  for (const Effect& effect : effects) {
    const Reply* reply = std::get_if<Reply>(&effect);
    if (reply == nullptr) continue;
    EXPECT_FALSE(the_reply.has_value()) << "more than one reply";
    the_reply = *reply;
  }
  EXPECT_TRUE(the_reply.has_value()) << "no reply";
  return the_reply.value_or(Reply{clients_[0].id(), Phase::kAdvertiseKeys,
                                  MessageResult::kOversized, v1::REASON_INTERNAL, "no reply"});
}

std::vector<std::pair<uint32_t, v1::Reason>> Conversation::Dropped() const {
  std::vector<std::pair<uint32_t, v1::Reason>> dropped;
  for (const Effect& effect : effects) {
    const ClientDropped* drop = std::get_if<ClientDropped>(&effect);
    if (drop == nullptr) continue;
    for (uint32_t i = 0; i < size(); ++i) {
      if (clients_[i].id() == drop->who) dropped.emplace_back(i, drop->reason);
    }
  }
  return dropped;
}

std::vector<v1::ServerMessage> Conversation::SentTo(uint32_t i) const {
  std::vector<v1::ServerMessage> messages;
  for (const Effect& effect : effects) {
    const Send* send = std::get_if<Send>(&effect);
    if (send != nullptr && send->to == clients_[i].id()) messages.push_back(*send->Message());
  }
  return messages;
}

}  // namespace veilsum::aggregator
