// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// ShareKeys equivocation: attacks on whom a client masks with, and on what it holds of others. Six
// clients, the last one corrupted: t = 4, n_min = 4.

#include "gtest/gtest.h"
#include "tests/adversary/matchers.h"

namespace veilsum::adversary {
namespace {

using Set = MaliciousAggregator::Set;

class ShareKeysAttacks : public ::testing::Test {
 protected:
  ShareKeysAttacks() : aggregator_(Cohort{}) {
    aggregator_.OfferTo(aggregator_.Everybody());
    aggregator_.AnnounceTo(aggregator_.Everybody());
  }
  HonestClient& victim() { return aggregator_.client(0); }

  MaliciousAggregator aggregator_;
};

TEST_F(ShareKeysAttacks, U2ShrunkSoThatTheVictimMasksOnlyWithTheCorrupted) {
  aggregator_.DeliverTo({0}, {0, 5});
  EXPECT_THAT(victim(), Refuses(v1::REASON_TOO_FEW_NEIGHBOURS));
  EXPECT_TRUE(victim().uploads().empty());
  // The others are not hurt.
  const Set others = {1, 2, 3, 4, 5};
  aggregator_.DeliverTo(others, others);
  ExpectASumOf(aggregator_, others);
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(ShareKeysAttacks, CiphertextsWithheldFromTheVictim) {
  // U2 names everybody, but only the corrupted client's shares come.
  v1::ServerMessage message = aggregator_.Shares(0, aggregator_.Everybody());
  message.mutable_shares()->mutable_shares()->DeleteSubrange(0, 4);
  victim().Hear(message);
  EXPECT_THAT(victim(), Refuses(v1::REASON_BAD_SHARE_LIST));
  EXPECT_TRUE(victim().uploads().empty());
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

TEST_F(ShareKeysAttacks, SharesFromSomebodyWhoIsNotInU2) {
  v1::ServerMessage message = aggregator_.Shares(0, aggregator_.Everybody());
  message.mutable_shares()->set_sharers(
      aggregator_.Shares(0, aggregator_.AllBut({5})).shares().sharers());
  victim().Hear(message);
  EXPECT_THAT(victim(), Refuses(v1::REASON_BAD_SHARE_LIST));
  EXPECT_TRUE(victim().uploads().empty());
}

TEST_F(ShareKeysAttacks, U2WithoutTheVictim) {
  v1::ServerMessage message = aggregator_.Shares(0, aggregator_.Everybody());
  message.mutable_shares()->set_sharers(
      aggregator_.Shares(1, aggregator_.AllBut({0})).shares().sharers());
  victim().Hear(message);
  EXPECT_THAT(victim(), Refuses(v1::REASON_BAD_SHARE_LIST));
}

TEST_F(ShareKeysAttacks, AnotherU2ForTheVictimThatIsLargeEnough) {
  // It masks with three honest clients at least, and takes nobody else for a survivor.
  aggregator_.DeliverTo({0}, {0, 1, 2, 5});
  aggregator_.DeliverTo({1, 2, 3, 4, 5}, aggregator_.Everybody());
  EXPECT_FALSE(victim().uploads().empty());
  aggregator_.ShowSurvivorsTo(aggregator_.Everybody(), aggregator_.Everybody());
  EXPECT_THAT(victim(), Refuses(v1::REASON_SURVIVORS_REFUSED));
  aggregator_.PassSignaturesTo({1, 2, 3, 4, 5}, {1, 2, 3, 4, 5});
  for (const uint32_t client : {1, 2, 3, 4}) {
    EXPECT_THAT(aggregator_.client(client), Answered());
  }
  // The victim's masks with 3 and 4 are in their inputs and not in its own: nothing comes out.
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

TEST_F(ShareKeysAttacks, U2ForEverybodyApart) {
  // Two halves that overlap in four see each other's absence; the sum is asked of the four.
  aggregator_.DeliverTo({0, 1}, {0, 1, 2, 3, 5});
  aggregator_.DeliverTo({2, 3, 5}, aggregator_.Everybody());
  aggregator_.DeliverTo({4}, {1, 2, 3, 4, 5});
  aggregator_.ShowSurvivorsTo({0, 1, 2, 3, 5}, {0, 1, 2, 3, 5});
  aggregator_.ShowSurvivorsTo({4}, {2, 3, 4, 5});
  aggregator_.PassSignaturesTo(aggregator_.Everybody(), {0, 1, 2, 3, 5});
  EXPECT_THAT(aggregator_.client(4), Refuses(v1::REASON_TOO_FEW_SIGNATURES));
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(ShareKeysAttacks, DeliveredTwiceDifferently) {
  aggregator_.DeliverTo({0}, aggregator_.Everybody());
  const std::string first = victim().upload();
  aggregator_.DeliverTo({0}, {0, 1, 2, 5});
  EXPECT_EQ(victim().upload(), first);
  EXPECT_EQ(victim().uploads().size(), 1u);
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

// ---- Wrong or mangled share ----

TEST_F(ShareKeysAttacks, MangledCiphertextsCostOnlyTheseShares) {
  // As the aggregator may: it hopes for a complaint, or a crash.
  v1::ServerMessage message = aggregator_.Shares(0, aggregator_.Everybody());
  message.mutable_shares()->mutable_shares(1)->mutable_ciphertext()->front() ^= 1;
  message.mutable_shares()->mutable_shares(2)->mutable_self_mask_share_digest()->front() ^= 1;
  victim().Hear(message);
  EXPECT_THAT(victim(), GoesOn());
  aggregator_.DeliverTo({1, 2, 3, 4, 5}, aggregator_.Everybody());
  ExpectASumOf(aggregator_, aggregator_.Everybody());
  v1::Unmasking body;
  ASSERT_TRUE(
      body.ParseFromString(victim().Last(v1::ClientMessage::kUnmasking)->unmasking().body()));
  EXPECT_EQ(body.shares_size(), 4);  // Of six, its own among them.
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(ShareKeysAttacks, SharesOfOneDealerPassedOffAsAnothers) {
  v1::ServerMessage message = aggregator_.Shares(0, aggregator_.Everybody());
  v1::DeliveredShares& delivered = *message.mutable_shares();
  const uint32_t peer = delivered.shares(0).peer();
  *delivered.mutable_shares(0) = delivered.shares(1);
  delivered.mutable_shares(0)->set_peer(peer);
  victim().Hear(message);
  aggregator_.DeliverTo({1, 2, 3, 4, 5}, aggregator_.Everybody());
  ExpectASumOf(aggregator_, aggregator_.Everybody());
  v1::Unmasking body;
  ASSERT_TRUE(
      body.ParseFromString(victim().Last(v1::ClientMessage::kUnmasking)->unmasking().body()));
  for (const v1::RevealedShare& share : body.shares()) EXPECT_NE(share.owner(), peer);
}

}  // namespace
}  // namespace veilsum::adversary
