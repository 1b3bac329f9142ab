// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Attacks on what a client remembers: two connections, restarts, old copies of its state, the same
// model once more. Six clients, the last one corrupted: t = 4, n_min = 4.

#include "gtest/gtest.h"
#include "proto/reason_status.h"
#include "tests/adversary/matchers.h"

namespace veilsum::adversary {
namespace {

using Set = MaliciousAggregator::Set;

class MemoryAttacks : public ::testing::Test {
 protected:
  MemoryAttacks() : aggregator_(Cohort{}) { aggregator_.PlayUntilUploads(); }
  HonestClient& victim() { return aggregator_.client(0); }

  MaliciousAggregator aggregator_;
};

// ---- Two signatures or two answers from two connections, or after a restart ----

TEST_F(MemoryAttacks, TwoSignaturesAfterARestart) {
  aggregator_.ShowSurvivorsTo(aggregator_.Honest(), aggregator_.Everybody());
  for (const uint32_t client : aggregator_.Honest()) {
    ASSERT_TRUE(aggregator_.client(client).Restart());
  }
  aggregator_.ShowSurvivorsTo(aggregator_.Honest(), aggregator_.AllBut({5}));
  for (const uint32_t client : aggregator_.Honest()) {
    EXPECT_THAT(aggregator_.client(client), Refuses(v1::REASON_SURVIVORS_REFUSED));
    EXPECT_EQ(aggregator_.client(client).Last(v1::ClientMessage::kConsistencyCheck), nullptr);
  }
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

TEST_F(MemoryAttacks, TwoAnswersAfterARestart) {
  ExpectASumOf(aggregator_, aggregator_.Everybody());
  const Set without = aggregator_.AllBut({1});
  for (const uint32_t client : aggregator_.Honest()) {
    ASSERT_TRUE(aggregator_.client(client).Restart());
  }
  aggregator_.ShowSurvivorsTo(without, without);
  aggregator_.PassSignaturesTo(without, without);
  for (const uint32_t client : {0, 2, 3, 4}) {
    EXPECT_THAT(aggregator_.client(client), Refuses(v1::REASON_SURVIVORS_REFUSED));
  }
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(MemoryAttacks, ARestartSaysTheSameAgainByteForByte) {
  aggregator_.ShowSurvivorsTo(aggregator_.Everybody(), aggregator_.Everybody());
  const std::string signature = victim().said().back().SerializeAsString();
  ASSERT_TRUE(victim().Restart());
  victim().Reconnect();
  EXPECT_EQ(victim().said().back().SerializeAsString(), signature);
  aggregator_.PassSignaturesTo({0}, aggregator_.Everybody());
  const std::string answer = victim().said().back().SerializeAsString();
  ASSERT_TRUE(victim().Restart());
  victim().Reconnect();
  EXPECT_EQ(victim().said().back().SerializeAsString(), answer);
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(MemoryAttacks, ANewerConnectionIsNotOpenedByThisClient) {
  // Somebody else, or a second copy of it, is served instead: this one leaves for good.
  v1::ServerMessage message;
  message.mutable_refused()->set_scope(v1::Refused::SCOPE_MESSAGE);
  message.mutable_refused()->set_reason(v1::REASON_DISPLACED);
  message.mutable_refused()->set_retry_after_ms(1000);
  victim().Hear(message);
  EXPECT_TRUE(victim().ended());
  aggregator_.ShowSurvivorsTo({0}, aggregator_.Everybody());
  EXPECT_EQ(victim().Last(v1::ClientMessage::kConsistencyCheck), nullptr);
}

// ---- Stale client state restored ----

TEST_F(MemoryAttacks, StaleStateRestored) {
  const size_t before_survivors = victim().journal().size();
  aggregator_.ShowSurvivorsTo(aggregator_.Everybody(), aggregator_.Everybody());
  ASSERT_TRUE(victim().RestoreJournal(before_survivors));
  // The aggregator says what it has, as it must to a client that resumes.
  victim().Hear(MaliciousAggregator::Accepted(v1::ROUND_CONSISTENCY_CHECK));
  EXPECT_THAT(victim(), Refuses(v1::REASON_STATE_REFUSED));
  aggregator_.ShowSurvivorsTo({0}, aggregator_.AllBut({1}));
  EXPECT_EQ(victim().Last(v1::ClientMessage::kConsistencyCheck), nullptr);
  // The others come to their sum, and its input is in it.
  aggregator_.PassSignaturesTo({1, 2, 3, 4}, {1, 2, 3, 4, 5});
  for (const uint32_t client : {1, 2, 3, 4}) EXPECT_THAT(aggregator_.client(client), Answered());
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(MemoryAttacks, StaleStateFromBeforeTheUpload) {
  // The shares had come and the input was not yet fixed; U2 is now another.
  victim().RestoreJournal(2);
  victim().Hear(MaliciousAggregator::Accepted(v1::ROUND_MASKED_INPUT_COLLECTION));
  aggregator_.DeliverTo({0}, {0, 1, 2, 5});
  EXPECT_THAT(victim(), Refuses(v1::REASON_STATE_REFUSED));
  EXPECT_EQ(victim().uploads().size(), 1u);
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

TEST_F(MemoryAttacks, AJournalThatWasMeddledWith) {
  // An entry is missing in the middle, so that what follows does not fit.
  aggregator_.ShowSurvivorsTo(aggregator_.Everybody(), aggregator_.Everybody());
  EXPECT_FALSE(victim().RestartWithout(3));
  EXPECT_EQ(ReasonOf(victim().end()), v1::REASON_STATE_REFUSED);
}

TEST_F(MemoryAttacks, AJournalThatDoesNotFitWhatWasSent) {
  // As when another session's secret was kept with it: what follows would be other bytes.
  victim().LoseSecret();
  EXPECT_FALSE(victim().Restart());
  EXPECT_EQ(ReasonOf(victim().end()), v1::REASON_STATE_REFUSED);
  EXPECT_TRUE(victim().said().empty());
}

TEST_F(MemoryAttacks, AJournalOfOtherMessagesThanWereSent) {
  aggregator_.ShowSurvivorsTo(aggregator_.Everybody(), aggregator_.Everybody());
  EXPECT_FALSE(victim().RestartWithOtherDigests());
  EXPECT_EQ(ReasonOf(victim().end()), v1::REASON_STATE_REFUSED);
  EXPECT_TRUE(victim().said().empty());
}

// The limit that docs/protocol.md, "What a client remembers", names: an aggregator that keeps
// silent about what it has gets two signatures of a client whose state was put back. Even so
// nothing comes of it while no more clients than A are treated so: they are as good as corrupted.
TEST_F(MemoryAttacks, OneStaleStateThatTheAggregatorKeepsSilentAboutOpensNothing) {
  const size_t before_survivors = victim().journal().size();
  const Set all = aggregator_.Everybody(), without = aggregator_.AllBut({1});
  aggregator_.ShowSurvivorsTo({0, 1, 2}, all);
  ASSERT_TRUE(victim().RestoreJournal(before_survivors));
  aggregator_.ShowSurvivorsTo({0, 3, 4}, without);
  EXPECT_NE(victim().Last(v1::ClientMessage::kConsistencyCheck), nullptr);
  EXPECT_THAT(aggregator_, LearnsNothing());
}

// ---- One mask for two inputs in a retry ----

TEST_F(MemoryAttacks, OneMaskForTwoInputsInARetry) {
  ASSERT_EQ(victim().uploads().size(), 1u);
  victim().ChangeUpdate();
  victim().Restart();
  EXPECT_THAT(victim(), Refuses(v1::REASON_CONFLICT));
  EXPECT_EQ(victim().uploads().size(), 1u);
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

TEST_F(MemoryAttacks, TheSameInputIsUploadedAgainByteForByte) {
  const std::string first = victim().upload();
  ASSERT_TRUE(victim().Restart());
  EXPECT_EQ(victim().upload(), first);
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

// ---- Abort, run again without u, subtract ----

TEST_F(MemoryAttacks, AbortRunAgainWithoutOneAndSubtract) {
  ExpectASumOf(aggregator_, aggregator_.Everybody());
  for (const uint32_t client : aggregator_.Honest()) {
    aggregator_.client(client).Hear(MaliciousAggregator::Aborted());
  }
  aggregator_.BeginSession();
  const Set again = aggregator_.AllBut({0});
  aggregator_.OfferTo(again);
  for (const uint32_t client : {1, 2, 3, 4}) {
    EXPECT_THAT(aggregator_.client(client), Refuses(v1::REASON_ALREADY_ANSWERED));
  }
  EXPECT_THAT(aggregator_, LearnsNothing());
}

TEST_F(MemoryAttacks, AfterAnAbortBeforeTheAnswerEverybodyComesAgain) {
  aggregator_.ShowSurvivorsTo(aggregator_.Everybody(), aggregator_.Everybody());
  for (const uint32_t client : aggregator_.Everybody()) {
    aggregator_.client(client).Hear(MaliciousAggregator::Aborted());
  }
  aggregator_.BeginSession();
  aggregator_.PlayUntilUploads();
  ExpectASumOf(aggregator_, aggregator_.Everybody());
  EXPECT_THAT(aggregator_, LearnsNothing());
  EXPECT_EQ(aggregator_.Judge().combinations, 1u);
}

}  // namespace
}  // namespace veilsum::adversary
