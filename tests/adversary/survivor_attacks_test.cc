// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Attacks on who is in the sum. Six clients, the last one corrupted: t = 4, n_min = 4.

#include <functional>
#include <map>
#include <string>

#include "gtest/gtest.h"
#include "tests/adversary/matchers.h"

namespace veilsum::adversary {
namespace {

using Set = MaliciousAggregator::Set;

class SurvivorAttacks : public ::testing::Test {
 protected:
  SurvivorAttacks() : aggregator_(Cohort{}) { aggregator_.PlayUntilUploads(); }

  MaliciousAggregator aggregator_;
};

TEST_F(SurvivorAttacks, NobodyAttacks) {
  ExpectASumOf(aggregator_, aggregator_.Everybody());
  EXPECT_THAT(aggregator_, LearnsNothing());
  EXPECT_EQ(aggregator_.Judge().combinations, 1u);
}

// ---- Both shares of one client opened ----

TEST_F(SurvivorAttacks, BothSharesOfOneClientAfterTheAnswer) {
  ExpectASumOf(aggregator_, aggregator_.Everybody());
  // Now client 0 is said to have dropped out, so that its m would be due.
  const Set without = aggregator_.AllBut({0});
  aggregator_.ShowSurvivorsTo(aggregator_.Honest(), without);
  aggregator_.signatures[5] = aggregator_.SignAs(5, without);
  aggregator_.PassSignaturesTo(aggregator_.Honest(), without);
  for (const uint32_t client : aggregator_.Honest()) {
    EXPECT_EQ(aggregator_.client(client).declined(), v1::REASON_SURVIVORS_REFUSED);
    EXPECT_THAT(aggregator_.client(client), Answered());
  }
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(SurvivorAttacks, BothSharesOfOneClientBeforeTheAnswer) {
  // Signed for all; the second set comes before the signatures.
  aggregator_.ShowSurvivorsTo(aggregator_.Everybody(), aggregator_.Everybody());
  aggregator_.ShowSurvivorsTo({1, 2, 3, 4}, aggregator_.AllBut({0}));
  for (const uint32_t client : {1, 2, 3, 4}) {
    EXPECT_THAT(aggregator_.client(client), Refuses(v1::REASON_SURVIVORS_REFUSED));
    EXPECT_EQ(aggregator_.client(client).Count(v1::ClientMessage::kConsistencyCheck), 1u);
  }
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

TEST_F(SurvivorAttacks, TheSameRequestAgainIsAnsweredWithTheSameBytes) {
  ExpectASumOf(aggregator_, aggregator_.Everybody());
  HonestClient& client = aggregator_.client(2);
  const std::string first = client.said().back().SerializeAsString();
  aggregator_.ShowSurvivorsTo({2}, aggregator_.Everybody());
  aggregator_.PassSignaturesTo({2}, aggregator_.Everybody());
  EXPECT_THAT(client, Answered());
  client.Reconnect();
  EXPECT_THAT(client, GoesOn());
  EXPECT_EQ(client.said().back().SerializeAsString(), first);
}

// ---- Different survivor sets shown ----

TEST_F(SurvivorAttacks, DifferentSurvivorSetsShown) {
  // Three honest clients hear of one set, two of another; the corrupted one signs both.
  const Set all = aggregator_.Everybody(), without = aggregator_.AllBut({0});
  aggregator_.ShowSurvivorsTo({0, 1, 2}, all);
  aggregator_.ShowSurvivorsTo({3, 4}, without);
  aggregator_.signatures[5] = aggregator_.SignAs(5, all);
  const v1::ServerMessage for_all = aggregator_.Signatures(all);
  aggregator_.signatures[5] = aggregator_.SignAs(5, without);
  const v1::ServerMessage for_others = aggregator_.Signatures(all);
  for (const uint32_t client : {0, 1, 2}) aggregator_.client(client).Hear(for_all);
  for (const uint32_t client : {3, 4}) aggregator_.client(client).Hear(for_others);
  for (const uint32_t client : {0, 1, 2}) EXPECT_THAT(aggregator_.client(client), Answered());
  for (const uint32_t client : {3, 4}) {
    EXPECT_THAT(aggregator_.client(client), Refuses(v1::REASON_TOO_FEW_SIGNATURES));
  }
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(SurvivorAttacks, SignaturesThatDoNotCount) {
  const Set all = aggregator_.Everybody();
  aggregator_.ShowSurvivorsTo(all, all);
  // Three are needed beside its own: one comes often, others at places that are not theirs, from
  // another session's root, or from nowhere.
  const std::string one = aggregator_.signatures[1];
  for (const auto& [name, bend] :
       std::map<std::string, std::function<void(v1::ConsistencySignatures&)>>{
           {"one signature in many places",
            [&](auto& list) {
              for (auto& signature : *list.mutable_signatures()) {
                signature.set_survivor_root_signature(one);
              }
            }},
           {"too few", [](auto& list) { list.mutable_signatures()->DeleteSubrange(3, 3); }},
           {"nothing at all", [](auto& list) { list.clear_signatures(); }},
           {"of another root",
            [&](auto& list) {
              for (auto& signature : *list.mutable_signatures()) {
                signature.set_survivor_root_signature(
                    aggregator_.SignAs(signature.position(), aggregator_.AllBut({4})));
              }
            }},
       }) {
    SCOPED_TRACE(name);
    MaliciousAggregator fresh{Cohort{}};
    fresh.PlayUntilUploads();
    fresh.ShowSurvivorsTo(all, all);
    v1::ServerMessage list = fresh.Signatures(all);
    bend(*list.mutable_consistency());
    fresh.client(0).Hear(list);
    EXPECT_THAT(fresh.client(0), Refuses(v1::REASON_TOO_FEW_SIGNATURES));
  }
}

TEST_F(SurvivorAttacks, SignaturesOfThoseThatDidNotSurviveDoNotCount) {
  // Two have dropped out; their signatures of the set without them are worth nothing.
  const Set survivors = aggregator_.AllBut({3, 4});
  aggregator_.ShowSurvivorsTo({0}, survivors);
  for (const uint32_t other : {3, 4, 5}) {
    aggregator_.signatures[other] = aggregator_.SignAs(other, survivors);
  }
  aggregator_.client(0).Hear(aggregator_.Signatures({3, 4, 5}));
  EXPECT_THAT(aggregator_.client(0), Refuses(v1::REASON_TOO_FEW_SIGNATURES));
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

TEST_F(SurvivorAttacks, TheConsistencyCheckIsLeftOut) {
  // Signatures before survivors, and no signatures at all: nothing is opened.
  aggregator_.client(0).Hear(aggregator_.Signatures({}));
  EXPECT_THAT(aggregator_.client(0), Refuses(v1::REASON_EARLY));
  aggregator_.ShowSurvivorsTo({1, 2, 3, 4}, aggregator_.AllBut({0}));
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

// ---- Small cohort, late shrink ----

TEST(SmallCohorts, LateShrink) {
  // Four survivors of at least five; t is four.
  MaliciousAggregator aggregator{Cohort{.min_survivors = 5}};
  aggregator.PlayUntilUploads();
  const Set few = {0, 1, 2, 5};
  aggregator.ShowSurvivorsTo(few, few);
  for (const uint32_t client : {0, 1, 2}) {
    EXPECT_THAT(aggregator.client(client), Refuses(v1::REASON_SURVIVORS_REFUSED));
    EXPECT_EQ(aggregator.client(client).Last(v1::ClientMessage::kConsistencyCheck), nullptr);
  }
  EXPECT_THAT(aggregator, LearnsNoSum());
}

TEST(SmallCohorts, SurvivorsBelowTheThreshold) {
  // Three survivors, as many as promised, but fewer than could ever sign.
  MaliciousAggregator aggregator{Cohort{.min_survivors = 3}};
  aggregator.PlayUntilUploads();
  const Set few = {0, 1, 5};
  aggregator.ShowSurvivorsTo(few, few);
  for (const uint32_t client : {0, 1}) {
    EXPECT_THAT(aggregator.client(client), Refuses(v1::REASON_SURVIVORS_REFUSED));
    EXPECT_EQ(aggregator.client(client).Last(v1::ClientMessage::kConsistencyCheck), nullptr);
  }
  EXPECT_THAT(aggregator, LearnsNoSum());
}

TEST_F(SurvivorAttacks, DropoutsAfterTheSurvivorsChangeNothing) {
  // Two of six are gone when it comes to opening: neither the set nor t shrinks with them.
  aggregator_.ShowSurvivorsTo({0, 1, 2, 5}, aggregator_.Everybody());
  aggregator_.PassSignaturesTo({0, 1, 2, 5}, {0, 1, 2, 5});
  for (const uint32_t client : {0, 1, 2}) EXPECT_THAT(aggregator_.client(client), Answered());
  EXPECT_THAT(aggregator_, LearnsNothing());
  EXPECT_EQ(aggregator_.Judge().combinations, 1u);
}

// What the threshold does not cover: docs/protocol.md, "Identities", asks that γ·n_min cover all
// corrupted identities. Two of six are corrupted here, which is γ of n_max and not of the roster.
TEST(Limits, MoreCorruptedThanTheRatePromisesOfTheRosterOpenAClient) {
  MaliciousAggregator aggregator{Cohort{.corrupted = 2}};
  aggregator.header.set_max_clients(10);
  aggregator.header.mutable_vector()->set_modulus_bits(16);
  aggregator.PlayUntilUploads();
  const Set all = aggregator.Everybody(), without = aggregator.AllBut({0});
  aggregator.ShowSurvivorsTo({0, 1}, all);
  aggregator.ShowSurvivorsTo({2, 3}, without);
  for (const uint32_t mine : {4, 5}) aggregator.signatures[mine] = aggregator.SignAs(mine, all);
  aggregator.PassSignaturesTo({0, 1}, all);
  for (const uint32_t mine : {4, 5}) aggregator.signatures[mine] = aggregator.SignAs(mine, without);
  aggregator.PassSignaturesTo({2, 3}, without);
  EXPECT_FALSE(aggregator.Judge().safe());
}

// ---- Scenario 9, the client's side of unmasking ----

TEST_F(SurvivorAttacks, SurvivorsWithoutTheClientItself) {
  aggregator_.ShowSurvivorsTo({0}, aggregator_.AllBut({0}));
  EXPECT_THAT(aggregator_.client(0), Refuses(v1::REASON_SURVIVORS_REFUSED));
}

TEST_F(SurvivorAttacks, SurvivorsWhoAreNotInTheRoster) {
  v1::ServerMessage message = aggregator_.Survivors(aggregator_.Everybody());
  message.mutable_survivors()->mutable_survivors()->back() = '\x7F';  // A seventh.
  aggregator_.client(0).Hear(message);
  EXPECT_THAT(aggregator_.client(0), Refuses(v1::REASON_SURVIVORS_REFUSED));
}

TEST(SurvivorAttacksAfterADropout, SurvivorsWhoNeverSharedTheirKeys) {
  MaliciousAggregator aggregator{Cohort{}};
  aggregator.OfferTo(aggregator.Everybody());
  aggregator.AnnounceTo(aggregator.Everybody());
  const Set sharers = aggregator.AllBut({4});
  aggregator.DeliverTo(sharers, sharers);
  aggregator.ShowSurvivorsTo({0}, aggregator.Everybody());
  EXPECT_THAT(aggregator.client(0), Refuses(v1::REASON_SURVIVORS_REFUSED));
  ExpectASumOf(aggregator, {1, 2, 3, 5});
  EXPECT_THAT(aggregator, LearnsNothing());
}

}  // namespace
}  // namespace veilsum::adversary
