// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Attacks on what a session is about, and replays between sessions. Six clients, the last one
// corrupted: t = 4, n_min = 4.

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "crypto/identities/enrolment.h"
#include "gtest/gtest.h"
#include "tests/adversary/matchers.h"

namespace veilsum::adversary {
namespace {

using Set = MaliciousAggregator::Set;

class HeaderAttacks : public ::testing::Test {
 protected:
  HeaderAttacks() : aggregator_(Cohort{}) {}
  HonestClient& victim() { return aggregator_.client(0); }
  v1::ServerMessage Bent(const std::function<void(v1::SessionHeader&)>& bend) const {
    v1::SessionHeader header = aggregator_.header;
    bend(header);
    return MaliciousAggregator::OfferOf(header);
  }
  // Everybody else is in the true session.
  void OfferToTheOthers() { aggregator_.OfferTo({1, 2, 3, 4, 5}); }
  // Of a client that takes any vector and any model as it comes.
  HonestClient Unsuspecting(uint8_t model) const {
    Cohort cohort;
    const auto identities = IdentitiesOf(cohort);
    client::SessionPolicy policy = PolicyFor(identities);
    policy.accept_unbound_model = true;
    return HonestClient({identities[0], policy, ModelHash(model), "", 100});
  }

  MaliciousAggregator aggregator_;
};

// ---- Different models ----

TEST_F(HeaderAttacks, DifferentModels) {
  victim().Hear(Bent([](auto& header) { header.set_model_hash(crypto::ToString(ModelHash(2))); }));
  EXPECT_THAT(victim(), Refuses(v1::REASON_MODEL_MISMATCH));
  EXPECT_EQ(victim().Last(v1::ClientMessage::kAdvertiseKeys), nullptr);
}

TEST_F(HeaderAttacks, NoModel) {
  const v1::ServerMessage unbound = Bent([](auto& header) { header.clear_model_hash(); });
  // Whoever trained one insists on it, even where it would do without.
  HonestClient lenient = Unsuspecting(1);
  lenient.Hear(unbound);
  EXPECT_THAT(lenient, Refuses(v1::REASON_MODEL_MISMATCH));
}

TEST_F(HeaderAttacks, NoModelForAClientThatNamesNone) {
  const auto identities = IdentitiesOf(Cohort{});
  HonestClient client({identities[0], PolicyFor(identities), std::nullopt, "", 100});
  client.Hear(Bent([](auto& header) { header.clear_model_hash(); }));
  EXPECT_THAT(client, Refuses(v1::REASON_MODEL_MISMATCH));
  EXPECT_EQ(client.Last(v1::ClientMessage::kAdvertiseKeys), nullptr);
}

TEST_F(HeaderAttacks, AModelOfItsOwnForEachClient) {
  // The victim was sent another model and trained that one, and its header names it. Then it is in
  // another session than all others, whatever the aggregator says.
  OfferToTheOthers();
  HonestClient deceived = Unsuspecting(2);
  deceived.Hear(Bent([](auto& header) { header.set_model_hash(crypto::ToString(ModelHash(2))); }));
  ASSERT_NE(deceived.Last(v1::ClientMessage::kAdvertiseKeys), nullptr);
  aggregator_.seats[0] = deceived.Last(v1::ClientMessage::kAdvertiseKeys)->advertise_keys();
  deceived.Hear(aggregator_.Roster());
  deceived.Hear(aggregator_.Neighbours(0));
  EXPECT_THAT(deceived, Refuses(v1::REASON_ROSTER_REFUSED));
  // Nor do the others take it for one of theirs.
  aggregator_.AnnounceTo({1});
  EXPECT_THAT(aggregator_.client(1), Refuses(v1::REASON_ROSTER_REFUSED));
}

// ---- Modulus, clip or length changed for one client ----

TEST_F(HeaderAttacks, ModulusClipOrLengthChangedForOneClient) {
  const std::map<std::string, std::function<void(v1::SessionHeader&)>> changes = {
      {"clip", [](auto& header) { header.mutable_vector()->set_clip(1000); }},
      {"norm clip", [](auto& header) { header.mutable_vector()->set_norm_clip(5); }},
      {"length", [](auto& header) { header.mutable_vector()->set_dimension(90); }},
      {"levels and modulus",
       [](auto& header) {
         header.mutable_vector()->set_quantisation_bits(20);
         header.mutable_vector()->set_modulus_bits(header.vector().modulus_bits() + 8);
       }},
      {"weight and modulus",
       [](auto& header) {
         header.mutable_vector()->set_max_weight(2);
         header.mutable_vector()->set_modulus_bits(header.vector().modulus_bits() + 1);
       }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    MaliciousAggregator aggregator{Cohort{}};
    aggregator.OfferTo({1, 2, 3, 4, 5});
    HonestClient unsuspecting = Unsuspecting(1);
    v1::SessionHeader header = aggregator.header;
    change(header);
    unsuspecting.Hear(MaliciousAggregator::OfferOf(header));
    const auto* said = unsuspecting.Last(v1::ClientMessage::kAdvertiseKeys);
    ASSERT_NE(said, nullptr) << unsuspecting.end();
    aggregator.seats[0] = said->advertise_keys();
    unsuspecting.Hear(aggregator.Roster());
    unsuspecting.Hear(aggregator.Neighbours(0));
    EXPECT_THAT(unsuspecting, Refuses(v1::REASON_ROSTER_REFUSED));
    EXPECT_THAT(aggregator, LearnsNoSum());
  }
}

TEST_F(HeaderAttacks, AModulusInWhichTheSumWraps) {
  victim().Hear(Bent([](auto& header) {
    header.mutable_vector()->set_modulus_bits(header.vector().modulus_bits() - 1);
  }));
  EXPECT_TRUE(victim().declined().has_value()) << victim().end();
  EXPECT_EQ(victim().Last(v1::ClientMessage::kAdvertiseKeys), nullptr);
}

TEST_F(HeaderAttacks, AVectorThatTheClientDoesNotExpect) {
  Cohort cohort;
  const auto identities = IdentitiesOf(cohort);
  client::SessionPolicy policy = PolicyFor(identities);
  policy.expected.dimension = 10;
  HonestClient client({identities[0], policy, ModelHash(), "", 100});
  client.Hear(aggregator_.Offer());
  EXPECT_THAT(client, Refuses(v1::REASON_HEADER_REFUSED));
}

// ---- A weaker session ----

TEST_F(HeaderAttacks, AWeakerSession) {
  for (const auto& [name, bend] : std::map<std::string, std::function<void(v1::SessionHeader&)>>{
           {"tier", [](auto& header) { header.set_tier(v1::TIER_SEMI_HONEST); }},
           {"n_min below A + 2", [](auto& header) { header.set_min_survivors(2); }},
           {"no corruption", [](auto& header) { header.set_corruption_rate(0); }},
           {"another task", [](auto& header) { header.set_task_id("another"); }},
           {"another issue of the roster", [](auto& header) { header.set_roster_version(2); }},
           {"the aggregator's word", [](auto& header) { header.clear_roster_version(); }},
           {"huge", [](auto& header) { header.set_max_clients(2'000'000'000); }},
           {"another protocol", [](auto& header) { header.set_protocol_version(2); }},
       }) {
    SCOPED_TRACE(name);
    HonestClient client = Unsuspecting(1);
    client.Hear(Bent(bend));
    EXPECT_TRUE(client.declined().has_value()) << client.end();
    EXPECT_EQ(client.Last(v1::ClientMessage::kAdvertiseKeys), nullptr);
  }
}

// The cohort of Limits.MoreCorruptedThanTheRatePromisesOfTheRosterOpenAClient.
TEST_F(HeaderAttacks, ACohortTooSmallForAllCorruptedIdentities) {
  MaliciousAggregator aggregator{Cohort{.corrupted = 2}};
  aggregator.header.set_max_clients(10);
  aggregator.header.mutable_vector()->set_modulus_bits(16);
  const auto identities = IdentitiesOf(Cohort{.corrupted = 2});
  client::SessionPolicy policy = PolicyFor(identities);
  policy.most_corrupted = 2;
  HonestClient client({identities[0], policy, ModelHash(), "", 100});
  client.Hear(aggregator.Offer());
  EXPECT_THAT(client, Refuses(v1::REASON_HEADER_REFUSED));
}

// ---- Graph chosen or ground ----

TEST_F(HeaderAttacks, ASparseGraphInTheMaliciousTier) {
  victim().Hear(Bent([](auto& header) { header.set_graph(v1::GRAPH_RULE_HARARY); }));
  EXPECT_TRUE(victim().declined().has_value());
  EXPECT_EQ(victim().Last(v1::ClientMessage::kAdvertiseKeys), nullptr);
}

TEST_F(HeaderAttacks, NeighboursOfTheAggregatorsChoice) {
  // Everybody is everybody's neighbour: whoever is shown fewer entries refuses.
  aggregator_.OfferTo(aggregator_.Everybody());
  victim().Hear(aggregator_.Roster());
  v1::ServerMessage chosen = aggregator_.Neighbours(0);
  chosen.mutable_neighbours()->mutable_neighbours()->DeleteSubrange(0, 4);
  victim().Hear(chosen);
  EXPECT_THAT(victim(), Refuses(v1::REASON_ROSTER_REFUSED));
}

TEST_F(HeaderAttacks, MoreNeighboursThanTheGraphHas) {
  aggregator_.OfferTo(aggregator_.Everybody());
  victim().Hear(aggregator_.Roster());
  v1::ServerMessage chosen = aggregator_.Neighbours(0);
  auto& surplus = *chosen.mutable_neighbours()->add_neighbours();
  surplus = chosen.neighbours().neighbours(4);
  surplus.set_position(6);
  victim().Hear(chosen);
  EXPECT_THAT(victim(), Refuses(v1::REASON_ROSTER_REFUSED));
}

// ---- Replay from another session or round ----

class Replays : public HeaderAttacks {
 protected:
  // One session to the end, then a second one with the same clients, which did not answer.
  Replays() {
    aggregator_.PlayUntilUploads();
    aggregator_.ShowSurvivorsTo(aggregator_.Everybody(), aggregator_.Everybody());
    old_seats_ = aggregator_.seats;
    old_shares_ = aggregator_.shared;
    old_signatures_ = aggregator_.signatures;
    aggregator_.BeginSession();
    aggregator_.OfferTo(aggregator_.Everybody());
  }

  std::vector<v1::AdvertiseKeys> old_seats_;
  std::map<uint32_t, v1::ShareKeys> old_shares_;
  std::map<uint32_t, std::string> old_signatures_;
};

TEST_F(Replays, EntryFromAnotherSession) {
  aggregator_.seats[1] = old_seats_[1];
  aggregator_.AnnounceTo({0});
  EXPECT_THAT(victim(), Refuses(v1::REASON_ROSTER_REFUSED));
}

TEST_F(Replays, SharesFromAnotherSession) {
  aggregator_.AnnounceTo(aggregator_.Everybody());
  const auto shared = std::exchange(aggregator_.shared, old_shares_);
  aggregator_.DeliverTo({0}, aggregator_.Everybody());
  aggregator_.shared = shared;
  aggregator_.DeliverTo({1, 2, 3, 4, 5}, aggregator_.Everybody());
  ExpectASumOf(aggregator_, aggregator_.Everybody());
  v1::Unmasking body;
  ASSERT_TRUE(
      body.ParseFromString(victim().Last(v1::ClientMessage::kUnmasking)->unmasking().body()));
  EXPECT_EQ(body.shares_size(), 1);  // Its own: it could open none of the old ones.
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(Replays, SignaturesFromAnotherSession) {
  aggregator_.AnnounceTo(aggregator_.Everybody());
  aggregator_.DeliverTo(aggregator_.Everybody(), aggregator_.Everybody());
  aggregator_.ShowSurvivorsTo({0}, aggregator_.Everybody());
  aggregator_.signatures = old_signatures_;
  aggregator_.PassSignaturesTo({0}, aggregator_.Everybody());
  EXPECT_THAT(victim(), Refuses(v1::REASON_TOO_FEW_SIGNATURES));
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

TEST_F(Replays, AnotherOfferInTheMiddleOfASession) {
  const std::string session = aggregator_.header.session_id();
  aggregator_.header.set_session_id(std::string(16, 'z'));
  victim().Hear(aggregator_.Offer());
  EXPECT_EQ(victim().Count(v1::ClientMessage::kAdvertiseKeys), 1u);
  aggregator_.header.set_session_id(session);
  aggregator_.AnnounceTo({0});
  EXPECT_THAT(victim(), GoesOn());
}

// ---- Enrolment by an authority ----

TEST(Enrolment, AnEntryThatNoAuthorityVouchesFor) {
  const Cohort cohort;
  const auto identities = IdentitiesOf(cohort);
  const auto authority = IdentitiesOf(Cohort{.seed = 9})[0];
  client::SessionPolicy policy;
  policy.identity_root = std::make_shared<const client::IdentityRoot>(
      client::EnrolmentAuthority{1, {authority->public_key()}});
  const auto enrolment = [&](uint32_t client, uint64_t version) {
    return crypto::ToString(
        crypto::SignEnrolment(*authority, identities[client]->public_key(), version)
            .signature.bytes());
  };
  // The aggregator admits client 3 with an enrolment of an older issue: revoked since.
  for (const uint64_t version : {1, 2}) {
    MaliciousAggregator aggregator{cohort};
    HonestClient victim({identities[0], policy, ModelHash(), enrolment(0, 1), 100});
    victim.Hear(aggregator.Offer());
    aggregator.seats.resize(6);
    aggregator.seats[0] = victim.Last(v1::ClientMessage::kAdvertiseKeys)->advertise_keys();
    std::deque<HonestClient> others;
    for (uint32_t client = 1; client < 6; ++client) {
      client::SessionPolicy trusting;
      trusting.trust_aggregator_identities = true;
      others.emplace_back(HonestClient::Options{identities[client], trusting, ModelHash(),
                                                enrolment(client, client == 3 ? version : 1),
                                                100 + client});
      others.back().Hear(aggregator.Offer());
      aggregator.seats[client] =
          others.back().Last(v1::ClientMessage::kAdvertiseKeys)->advertise_keys();
    }
    victim.Hear(aggregator.Roster());
    victim.Hear(aggregator.Neighbours(0));
    if (version == 1) {
      EXPECT_THAT(victim, GoesOn());
    } else {
      EXPECT_THAT(victim, Refuses(v1::REASON_NOT_ENROLLED));
    }
  }
}

}  // namespace
}  // namespace veilsum::adversary
