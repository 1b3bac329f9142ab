// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Conversations in round 3 of the malicious tier. Four clients, t = 3, unless a test says
// otherwise.

#include <set>

#include "aggregator/protocol/conversation_testing.h"
#include "aggregator/protocol/unmask_plan.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/transcript.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const std::vector<bool> kAll = {true, true, true, true};
const std::vector<bool> kWithoutTwo = {true, true, false, true};

void ExpectReply(const Conversation& talk, MessageResult result, v1::Reason reason) {
  const Reply reply = talk.TheReply();
  EXPECT_EQ(reply.phase, Phase::kConsistencyCheck);
  EXPECT_EQ(static_cast<int>(reply.result), static_cast<int>(result)) << reply.detail;
  EXPECT_EQ(reply.reason, reason) << reply.detail;
  EXPECT_EQ(reply.detail.empty(), reason == v1::REASON_UNSPECIFIED);
}

ConsistencyCheckReceived WithSignature(Conversation& talk, uint32_t i, std::string bytes) {
  v1::ConsistencyCheck message;
  message.set_survivor_root_signature(std::move(bytes));
  return {talk.client(i).id(), message};
}

std::vector<uint32_t> SignersToldTo(const Conversation& talk, uint32_t i) {
  std::vector<uint32_t> signers;
  for (const v1::ServerMessage& message : talk.SentTo(i)) {
    for (const auto& signature : message.consistency().signatures()) {
      signers.push_back(signature.position());
    }
  }
  return signers;
}

UnmaskFinished GoodOutcome() {
  return UnmaskFinished{UnmaskOutcome{crypto::Sha256(crypto::AsBytes("sum")), 77}};
}

TEST(ConsistencyCheckTest, FollowsTheMaskedInputsOfTheMaliciousTier) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kWithoutTwo);
  EXPECT_EQ(talk.protocol().shape().threshold, 3u);
  ASSERT_NE(talk.Find<PhaseStarted>(), nullptr);
  EXPECT_EQ(talk.Find<PhaseStarted>()->phase, Phase::kConsistencyCheck);
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 3u);
  for (uint32_t i : {0, 1, 3}) EXPECT_TRUE(talk.SentTo(i)[0].has_survivors());
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(2, v1::REASON_NO_ANSWER)));
}

TEST(ConsistencyCheckTest, GivesEverybodyOneListOfSignatures) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kWithoutTwo);
  for (uint32_t i : {3, 0}) {
    talk.SignSurvivors(i, kWithoutTwo);
    ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
    EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  }
  EXPECT_EQ(talk.Find<Progress>()->answered, 2u);
  EXPECT_EQ(talk.Find<Progress>()->expected, 3u);
  talk.SignSurvivors(1, kWithoutTwo);
  EXPECT_EQ(talk.Find<PhaseClosed>()->phase, Phase::kConsistencyCheck);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_EQ(talk.Find<PhaseStarted>()->phase, Phase::kUnmasking);
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 3u);
  EXPECT_THAT(talk.Dropped(), IsEmpty());

  std::set<const v1::ServerMessage*> messages;
  for (const Effect& effect : talk.effects) {
    if (const Send* send = std::get_if<Send>(&effect)) messages.insert(send->message.get());
  }
  EXPECT_EQ(messages.size(), 1u);
  EXPECT_THAT(talk.SentTo(2), IsEmpty());
  for (uint32_t i : {0, 1, 3}) EXPECT_THAT(SignersToldTo(talk, i), ElementsAre(0, 1, 3));
  const Digest root = crypto::SurvivorRoot(*talk.protocol().transcript(), crypto::AsBytes("\x0b"));
  const v1::ServerMessage told = talk.SentTo(0)[0];
  for (const auto& signature : told.consistency().signatures()) {
    EXPECT_TRUE(crypto::Verify(
                    talk.client(signature.position()).id(), crypto::kLabelSurvivorSignature, root,
                    *crypto::Signature::Parse(crypto::AsBytes(signature.survivor_root_signature())))
                    .ok());
  }
}

TEST(ConsistencyCheckTest, TakesTheSameBytesTwiceAndOthersNot) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kAll);
  talk.SignSurvivors(0, kAll);
  talk.SignSurvivors(0, kAll);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  EXPECT_EQ(talk.Find<Progress>(), nullptr);
  talk.SignSurvivors(0, kWithoutTwo);
  ExpectReply(talk, MessageResult::kConflict, v1::REASON_CONFLICT);
  EXPECT_THAT(talk.Dropped(), IsEmpty());

  for (uint32_t i : {1, 2, 3}) talk.SignSurvivors(i, kAll);
  EXPECT_THAT(SignersToldTo(talk, 1), ElementsAre(0, 1, 2, 3));
  // After the round and after the session as well.
  talk.SignSurvivors(0, kAll);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  for (uint32_t i : {0, 1, 2, 3}) talk.Unmask(i, kAll);
  talk.Step(GoodOutcome());
  talk.SignSurvivors(0, kAll);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  talk.SignSurvivors(0, kWithoutTwo);
  ExpectReply(talk, MessageResult::kConflict, v1::REASON_CONFLICT);
}

TEST(ConsistencyCheckTest, RefusesWhatComesEarlyOrFromElsewhere) {
  Conversation talk(MaliciousHeader(4));
  talk.Step(WithSignature(talk, 0, std::string(64, 'x')));
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER);
  talk.Advertise(0);
  talk.Step(WithSignature(talk, 0, std::string(64, 'x')));
  ExpectReply(talk, MessageResult::kWrongSession, v1::REASON_EARLY);
  for (uint32_t i : {1, 2, 3}) talk.Advertise(i);
  for (uint32_t i : {0, 1, 2, 3}) talk.Share(i);
  talk.SignSurvivors(0, kWithoutTwo);
  ExpectReply(talk, MessageResult::kWrongSession, v1::REASON_EARLY);
  for (uint32_t i : {0, 1, 3}) talk.Upload(i);
  talk.Step(DeadlinePassed{Phase::kMaskedInputCollection});
  talk.SignSurvivors(2, kWithoutTwo);  // Is not in the sum.
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_NO_ANSWER);
  talk.Step(WithSignature(talk, 0, std::string(63, 'x')));
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);
  talk.SignSurvivors(0, kWithoutTwo);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
}

TEST(ConsistencyCheckTest, IsUnknownToTheSemiHonestTier) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  EXPECT_EQ(talk.Find<PhaseStarted>()->phase, Phase::kUnmasking);
  talk.SignSurvivors(0, kAll);
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_UNSUPPORTED);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
}

// The seat is lost, the input stays: the others hold the shares of its self mask.
TEST(ConsistencyCheckTest, DropsWhoSignsSomethingElseAndKeepsItsInput) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kAll);
  talk.SignSurvivors(2, kWithoutTwo);
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);
  EXPECT_TRUE(talk.TheReply().dropped);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(2, v1::REASON_BAD_SIGNATURE)));
  EXPECT_FALSE(talk.Find<ClientDropped>()->keeps_seat);
  EXPECT_EQ(talk.SentTo(2)[0].refused().scope(), v1::Refused::SCOPE_CLIENT);
  EXPECT_EQ(talk.Find<Progress>()->expected, 3u);
  talk.SignSurvivors(2, kAll);
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_BAD_SIGNATURE);

  for (uint32_t i : {0, 1, 3}) talk.SignSurvivors(i, kAll);
  EXPECT_THAT(SignersToldTo(talk, 0), ElementsAre(0, 1, 3));
  EXPECT_THAT(talk.SentTo(2), IsEmpty());
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 3u);
  talk.Unmask(2, kAll);
  EXPECT_EQ(talk.TheReply().reason, v1::REASON_BAD_SIGNATURE);
  for (uint32_t i : {0, 1, 3}) talk.Unmask(i, kAll);
  ASSERT_NE(talk.Find<Unmask>(), nullptr);
  EXPECT_EQ(talk.Find<Unmask>()->plan->self_masks.size(), 4u);
  EXPECT_THAT(talk.Find<Unmask>()->plan->dropouts, IsEmpty());
  talk.Step(GoodOutcome());
  EXPECT_EQ(talk.Find<Finished>()->included.size(), 4u);
  EXPECT_EQ(talk.SentTo(0)[0].result().included(), 4u);
  EXPECT_THAT(talk.SentTo(2), IsEmpty());
}

TEST(ConsistencyCheckTest, TakesNoSignatureOfAnother) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kAll);
  talk.Step(ConsistencyCheckReceived{talk.client(1).id(), talk.ConsistencyCheck(0, kAll)});
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, v1::REASON_BAD_SIGNATURE)));
}

TEST(ConsistencyCheckTest, AbortsAtTheDeadlineBelowThreshold) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kAll);
  for (uint32_t i : {0, 3}) talk.SignSurvivors(i, kAll);
  talk.Step(DeadlinePassed{Phase::kConsistencyCheck});
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 2u);
  EXPECT_THAT(talk.Dropped(),
              ElementsAre(Pair(1, v1::REASON_NO_ANSWER), Pair(2, v1::REASON_NO_ANSWER)));
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_BELOW_THRESHOLD);
  EXPECT_THAT(talk.Find<Finished>()->detail, HasSubstr("2 of 4 did, at least 3 must"));
  EXPECT_EQ(talk.Find<PhaseStarted>(), nullptr);
  for (uint32_t i = 0; i < 4; ++i) {
    ASSERT_EQ(talk.SentTo(i).size(), 1u);
    EXPECT_EQ(talk.SentTo(i)[0].refused().scope(), v1::Refused::SCOPE_SESSION);
  }
  talk.SignSurvivors(1, kAll);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
}

TEST(ConsistencyCheckTest, AbortsAtOnceWhenTooFewAreLeftToSign) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kAll);
  talk.SignSurvivors(0, kWithoutTwo);
  EXPECT_EQ(talk.Find<Finished>(), nullptr);
  talk.Withdraw(1);
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_BELOW_THRESHOLD);
  EXPECT_THAT(talk.Find<Finished>()->detail, HasSubstr("0 of 4"));
}

TEST(ConsistencyCheckTest, NeedsOnlyThresholdSignaturesAtTheDeadline) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kAll);
  for (uint32_t i : {0, 1, 3}) talk.SignSurvivors(i, kAll);
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  talk.Step(DeadlinePassed{Phase::kConsistencyCheck});
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(2, v1::REASON_NO_ANSWER)));
  EXPECT_TRUE(talk.Find<ClientDropped>()->keeps_seat);
  // The silent one keeps its seat and is told everything; it is just not waited for.
  EXPECT_THAT(SignersToldTo(talk, 2), ElementsAre(0, 1, 3));
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 3u);
  for (uint32_t i : {0, 1, 3}) talk.Unmask(i, kAll);
  ASSERT_NE(talk.Find<Unmask>(), nullptr);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
  talk.Step(GoodOutcome());
  EXPECT_TRUE(talk.SentTo(2)[0].has_result());
  EXPECT_EQ(talk.Find<Finished>()->included.size(), 4u);
}

TEST(ConsistencyCheckTest, ClosesEarlyAtTheTargetWithThresholdSignatures) {
  const std::vector<bool> all(5, true);
  Conversation talk(MaliciousHeader(5), 0.5);
  talk.ToShareKeys();
  for (uint32_t i = 0; i < 5; ++i) talk.Share(i);
  for (uint32_t i = 0; i < 5; ++i) talk.Upload(i);
  ASSERT_EQ(talk.Find<PhaseStarted>()->phase, Phase::kConsistencyCheck);
  ASSERT_EQ(talk.protocol().shape().threshold, 4u);
  for (uint32_t i : {0, 1, 2}) talk.SignSurvivors(i, all);
  talk.Step(LeastTimePassed{Phase::kConsistencyCheck});
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);  // The target, but not t.
  talk.SignSurvivors(4, all);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 4u);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(3, v1::REASON_NO_ANSWER)));
}

TEST(ConsistencyCheckTest, WaitsForTheLeastTimeThoughThresholdIsReached) {
  const std::vector<bool> all(5, true);
  Conversation talk(MaliciousHeader(5), 0.5);
  talk.ToSurvivors(all);
  for (uint32_t i : {0, 1, 2, 3}) talk.SignSurvivors(i, all);
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  talk.Step(LeastTimePassed{Phase::kConsistencyCheck});
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 4u);
}

TEST(ConsistencyCheckTest, KeepsTheSignatureOfWhoLeavesAfterwards) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kAll);
  talk.SignSurvivors(0, kAll);
  talk.Withdraw(0);
  EXPECT_EQ(talk.Find<Progress>(), nullptr);
  talk.SignSurvivors(1, kAll);
  talk.Withdraw(2);  // Has not signed.
  EXPECT_EQ(talk.Find<Progress>()->expected, 3u);
  EXPECT_EQ(talk.Find<ClientRefused>()->phase, Phase::kConsistencyCheck);
  talk.SignSurvivors(3, kAll);
  EXPECT_THAT(SignersToldTo(talk, 1), ElementsAre(0, 1, 3));
  EXPECT_THAT(talk.SentTo(0), IsEmpty());
  EXPECT_THAT(talk.SentTo(2), IsEmpty());
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 2u);
}

// ---- Who was silent and comes back ----

class SilentTest : public ::testing::Test {
 protected:
  SilentTest() : talk(MaliciousHeader(4)) {
    talk.ToSurvivors(kAll);
    for (uint32_t i : {0, 1, 2}) talk.SignSurvivors(i, kAll);
    talk.Step(DeadlinePassed{Phase::kConsistencyCheck});
  }

  // Without the share of 1, so that three answers are not enough.
  void UnmaskWithoutOne(uint32_t i) {
    v1::Unmasking body = talk.UnmaskingBody(i, kAll);
    body.mutable_shares()->DeleteSubrange(1, 1);
    talk.UnmaskBody(i, body);
  }

  Conversation talk;
};

TEST_F(SilentTest, IsThankedForASignatureThatNobodyNeeds) {
  talk.Step(WithSignature(talk, 3, std::string(64, 'x')));
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
  talk.SignSurvivors(3, kAll);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  EXPECT_NE(talk.Find<Persist>(), nullptr);
  EXPECT_EQ(talk.effects.size(), 2u);
  talk.SignSurvivors(3, kAll);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
}

TEST_F(SilentTest, CountsWhenItAnswers) {
  talk.Unmask(3, kAll);
  EXPECT_EQ(talk.TheReply().result, MessageResult::kAccepted);
  EXPECT_EQ(talk.Find<Progress>()->answered, 1u);
  EXPECT_EQ(talk.Find<Progress>()->expected, 4u);
  for (uint32_t i : {0, 1}) talk.Unmask(i, kAll);
  EXPECT_EQ(talk.Find<Unmask>(), nullptr);
  talk.Unmask(2, kAll);
  ASSERT_NE(talk.Find<Unmask>(), nullptr);
  EXPECT_EQ(talk.Find<Unmask>()->plan->answers, 4u);
}

TEST_F(SilentTest, MayBringTheShareThatIsMissing) {
  UnmaskWithoutOne(0);
  talk.Unmask(1, kAll);
  talk.Unmask(2, kAll);
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  talk.Unmask(3, kAll);
  EXPECT_NE(talk.Find<Unmask>(), nullptr);
}

TEST_F(SilentTest, IsNotWaitedForOnceItLeaves) {
  UnmaskWithoutOne(0);
  talk.Unmask(1, kAll);
  talk.Unmask(2, kAll);
  talk.Withdraw(3);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(3, v1::REASON_WITHDREW)));
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_BELOW_THRESHOLD);
}

TEST_F(SilentTest, IsDroppedWhenItLies) {
  v1::Unmasking body = talk.UnmaskingBody(3, kAll);
  (*body.mutable_shares(0)->mutable_self_mask_share())[0] ^= 1;
  talk.UnmaskBody(3, body);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(3, v1::REASON_WRONG_SHARE)));
  EXPECT_FALSE(talk.Find<ClientDropped>()->keeps_seat);
  for (uint32_t i : {0, 1, 2}) talk.Unmask(i, kAll);
  EXPECT_NE(talk.Find<Unmask>(), nullptr);
}

}  // namespace
}  // namespace veilsum::aggregator
