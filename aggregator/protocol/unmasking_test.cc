// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Conversations in round 4. Four clients, t = 3, n_min = 2 unless a test says otherwise.

#include "aggregator/protocol/conversation_testing.h"
#include "aggregator/protocol/dealer_blame.h"
#include "aggregator/protocol/unmask_plan.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/transcript.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

using crypto::ProtocolRound;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

const std::vector<bool> kAll = {true, true, true, true};
const std::vector<bool> kWithoutTwo = {true, true, false, true};

void ExpectReply(const Conversation& conversation, MessageResult result, v1::Reason reason) {
  const Reply reply = conversation.TheReply();
  EXPECT_EQ(reply.phase, Phase::kUnmasking);
  EXPECT_EQ(static_cast<int>(reply.result), static_cast<int>(result)) << reply.detail;
  EXPECT_EQ(reply.reason, reason) << reply.detail;
  EXPECT_EQ(reply.detail.empty(), reason == v1::REASON_UNSPECIFIED);
}

UnmaskFinished GoodOutcome() {
  return UnmaskFinished{UnmaskOutcome{crypto::Sha256(crypto::AsBytes("sum")), 77}};
}

std::vector<uint32_t> Indices(const std::vector<crypto::Share>& shares) {
  std::vector<uint32_t> xs;
  for (const crypto::Share& share : shares) xs.push_back(share.x());
  return xs;
}

template <class Secret>
void ExpectSharesGive(const std::vector<crypto::Share>& shares, const Secret& secret) {
  const auto coefficients = crypto::LagrangeCoefficients::ForIndices(Indices(shares));
  ASSERT_TRUE(coefficients.ok());
  const auto reconstructed = crypto::Reconstruct<Secret>(*coefficients, shares);
  ASSERT_TRUE(reconstructed.ok());
  EXPECT_EQ(crypto::ToString(ExposeSecret(*reconstructed)), crypto::ToString(ExposeSecret(secret)));
}

TEST(UnmaskingTest, PlansFromTheLowestSharesOfEverySecret) {
  Conversation talk(TestHeader(5));  // t = 3
  const std::vector<bool> survivors = {true, true, false, true, true};
  talk.ToUnmasking(survivors);
  for (uint32_t i : {4, 3, 1}) {
    talk.Unmask(i, survivors);
    ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
    EXPECT_EQ(talk.Find<Unmask>(), nullptr);
  }
  talk.Unmask(0, survivors);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 4u);
  ASSERT_NE(talk.Find<Unmask>(), nullptr);
  const UnmaskPlan& plan = *talk.Find<Unmask>()->plan;
  EXPECT_EQ(plan.transcript, *talk.protocol().transcript());
  EXPECT_EQ(plan.threshold, 3u);
  EXPECT_EQ(plan.answers, 4u);
  EXPECT_EQ(plan.clients, 5u);
  ASSERT_EQ(plan.self_masks.size(), 4u);
  const uint32_t positions[] = {0, 1, 3, 4};
  for (size_t i = 0; i < 4; ++i) {
    const SelfMaskTask& task = plan.self_masks[i];
    EXPECT_EQ(task.position, positions[i]);
    EXPECT_EQ(task.identity, talk.client(positions[i]).id());
    EXPECT_THAT(Indices(task.shares), ElementsAre(1, 2, 4));
    ExpectSharesGive(task.shares, talk.client(positions[i]).b);
    EXPECT_EQ(crypto::ToString(task.commitment), talk.Entry(positions[i]).self_mask_commitment());
  }
  ASSERT_EQ(plan.dropouts.size(), 1u);
  const DropoutTask& dropout = plan.dropouts[0];
  EXPECT_EQ(dropout.position, 2u);
  EXPECT_EQ(dropout.mask_public_key, talk.client(2).mask_keys.public_key);
  EXPECT_THAT(Indices(dropout.shares), ElementsAre(1, 2, 4));
  ExpectSharesGive(dropout.shares, talk.client(2).m);
  ASSERT_EQ(dropout.surviving_neighbours.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(dropout.surviving_neighbours[i].position, positions[i]);
    EXPECT_EQ(dropout.surviving_neighbours[i].mask_public_key,
              talk.client(positions[i]).mask_keys.public_key);
  }
}

TEST(UnmaskingTest, TellsTheResultToAll) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kWithoutTwo);
  for (uint32_t i : {0, 1, 3}) talk.Unmask(i, kWithoutTwo);
  talk.Step(GoodOutcome());
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_UNSPECIFIED);
  EXPECT_THAT(talk.Find<Finished>()->included,
              ElementsAre(talk.client(0).id(), talk.client(1).id(), talk.client(3).id()));
  EXPECT_TRUE(talk.protocol().finished());
  EXPECT_THAT(talk.SentTo(2), IsEmpty());
  for (uint32_t i : {0, 1, 3}) {
    ASSERT_EQ(talk.SentTo(i).size(), 1u);
    const v1::SessionResult result = talk.SentTo(i)[0].result();
    EXPECT_EQ(result.included(), 3u);
    EXPECT_EQ(result.total_bytes(), 77u);
    EXPECT_EQ(result.result_digest(), crypto::ToString(crypto::Sha256(crypto::AsBytes("sum"))));
    EXPECT_EQ(result.survivor_root(), crypto::ToString(crypto::SurvivorRoot(
                                          *talk.protocol().transcript(), crypto::AsBytes("\x0b"))));
  }
  talk.Step(GoodOutcome());
  EXPECT_THAT(talk.effects, IsEmpty());
}

TEST(UnmaskingTest, KeepsTheSumFromParticipantsOutsideTheAudience) {
  v1::SessionHeader header = TestHeader(4);
  header.set_audience(v1::AUDIENCE_OPERATOR);
  Conversation talk(header);
  talk.ToUnmasking(kAll);
  for (uint32_t i = 0; i < 4; ++i) talk.Unmask(i, kAll);
  talk.Step(GoodOutcome());
  EXPECT_EQ(talk.SentTo(0)[0].result().included(), 4u);
  EXPECT_EQ(talk.SentTo(0)[0].result().total_bytes(), 0u);
  // A hash of numbers that can be guessed is as good as the numbers.
  EXPECT_EQ(talk.SentTo(0)[0].result().result_digest(), "");
}

TEST(UnmaskingTest, NeedsOnlyThresholdAnswersAtTheDeadline) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  for (uint32_t i : {0, 1, 3}) talk.Unmask(i, kAll);
  EXPECT_EQ(talk.Find<Unmask>(), nullptr);
  talk.Step(DeadlinePassed{Phase::kUnmasking});
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_NE(talk.Find<Unmask>(), nullptr);
  // Only its answer is missing: no refusal, and the result later.
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(2, v1::REASON_NO_ANSWER)));
  EXPECT_THAT(talk.SentTo(2), IsEmpty());
  talk.Step(GoodOutcome());
  EXPECT_TRUE(talk.SentTo(2)[0].has_result());
}

TEST(UnmaskingTest, ClosesEarlyAtTheTargetWithThresholdSharesOfAll) {
  Conversation talk(TestHeader(4), 0.5);
  talk.ToUnmasking(kAll);
  talk.Step(LeastTimePassed{Phase::kUnmasking});
  talk.Unmask(0, kAll);
  talk.Unmask(1, kAll);
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  talk.Unmask(2, kAll);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(3, v1::REASON_NO_ANSWER)));
  EXPECT_TRUE(talk.Find<ClientDropped>()->keeps_seat);

  // The fourth is told that all is well, while the sum is computed and after.
  const v1::SignedMessage late =
      talk.SignBody(3, ProtocolRound::kUnmasking, talk.UnmaskingBody(3, kAll).SerializeAsString());
  v1::SignedMessage forged = late;
  forged.set_signature(std::string(64, 'x'));
  talk.Step(UnmaskingReceived{talk.client(3).id(), forged});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);
  talk.Step(UnmaskingReceived{talk.client(3).id(), late});
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  EXPECT_THAT(talk.SentTo(3), IsEmpty());
  talk.Step(GoodOutcome());
  EXPECT_TRUE(talk.SentTo(3)[0].has_result());
  talk.Step(UnmaskingReceived{talk.client(3).id(), late});
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
}

TEST(UnmaskingTest, ThanksForAnAnswerAfterTheEndWithTheResult) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  for (uint32_t i : {0, 1, 3}) talk.Unmask(i, kAll);
  talk.Step(DeadlinePassed{Phase::kUnmasking});
  talk.Step(GoodOutcome());
  talk.Unmask(2, kAll);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  EXPECT_TRUE(talk.SentTo(2)[0].has_result());
}

TEST(UnmaskingTest, TakesTheSameBytesTwiceAndOthersNot) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  talk.Unmask(0, kAll);
  talk.Unmask(0, kAll);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  EXPECT_EQ(talk.Find<Progress>(), nullptr);
  v1::Unmasking other = talk.UnmaskingBody(0, kAll);
  other.mutable_shares()->RemoveLast();
  talk.UnmaskBody(0, other);
  ExpectReply(talk, MessageResult::kConflict, v1::REASON_CONFLICT);
}

TEST(UnmaskingTest, RefusesWhatTheClientDidNotSignAndWhoDroppedOut) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kWithoutTwo);
  const std::string body = talk.UnmaskingBody(0, kWithoutTwo).SerializeAsString();
  talk.Step(
      UnmaskingReceived{talk.client(0).id(), talk.SignBody(0, ProtocolRound::kShareKeys, body)});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);
  talk.Unmask(2, kWithoutTwo);
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_NO_ANSWER);
  talk.Unmask(0, kWithoutTwo);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
}

// An answer of client 1 with `change` drops it, and the others' shares suffice.
void ExpectDropped(const std::function<void(v1::Unmasking&)>& change, v1::Reason reason) {
  Conversation talk(TestHeader(5));  // t = 3
  const std::vector<bool> survivors = {true, true, false, true, true};
  talk.ToUnmasking(survivors);
  v1::Unmasking body = talk.UnmaskingBody(1, survivors);
  change(body);
  talk.UnmaskBody(1, body);
  ExpectReply(talk, MessageResult::kMalformed, reason);
  EXPECT_TRUE(talk.TheReply().dropped);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, reason)));
  EXPECT_EQ(talk.SentTo(1)[0].refused().scope(), v1::Refused::SCOPE_CLIENT);
  talk.Unmask(1, survivors);
  ExpectReply(talk, MessageResult::kNotMember, reason);
  for (uint32_t i : {0, 3, 4}) talk.Unmask(i, survivors);
  ASSERT_NE(talk.Find<Unmask>(), nullptr);
  EXPECT_THAT(Indices(talk.Find<Unmask>()->plan->self_masks[0].shares), ElementsAre(1, 4, 5));
  talk.Step(GoodOutcome());
  EXPECT_THAT(talk.SentTo(1), IsEmpty());
  EXPECT_EQ(talk.Find<Finished>()->included.size(), 4u);
}

TEST(UnmaskingTest, DropsWhoRevealsAWrongShare) {
  ExpectDropped(
      [](v1::Unmasking& body) { (*body.mutable_shares(0)->mutable_self_mask_share())[7] ^= 1; },
      v1::REASON_WRONG_SHARE);
  ExpectDropped(
      [](v1::Unmasking& body) { (*body.mutable_shares(2)->mutable_mask_key_share())[39] ^= 1; },
      v1::REASON_WRONG_SHARE);
  ExpectDropped(
      [](v1::Unmasking& body) {
        body.mutable_shares(0)->set_self_mask_share(body.shares(3).self_mask_share());
      },
      v1::REASON_WRONG_SHARE);
}

TEST(UnmaskingTest, DropsWhoRevealsTheOtherKind) {
  // m of a survivor; b of a client that never uploaded.
  ExpectDropped(
      [](v1::Unmasking& body) {
        body.mutable_shares(0)->set_mask_key_share(std::string(body.shares(0).self_mask_share()));
      },
      v1::REASON_WRONG_SHARE_KIND);
  ExpectDropped(
      [](v1::Unmasking& body) {
        body.mutable_shares(2)->set_self_mask_share(std::string(body.shares(2).mask_key_share()));
      },
      v1::REASON_WRONG_SHARE_KIND);
}

TEST(UnmaskingTest, DropsWhoseListIsNotOne) {
  ExpectDropped([](v1::Unmasking& body) { *body.add_shares() = body.shares(4); },
                v1::REASON_BAD_SHARE_LIST);
  ExpectDropped([](v1::Unmasking& body) { body.mutable_shares()->SwapElements(0, 1); },
                v1::REASON_BAD_SHARE_LIST);
  ExpectDropped(
      [](v1::Unmasking& body) {
        *body.add_shares() = body.shares(4);
        body.mutable_shares(5)->set_owner(5);
      },
      v1::REASON_BAD_SHARE_LIST);
  ExpectDropped([](v1::Unmasking& body) { body.mutable_shares(1)->clear_share(); },
                v1::REASON_BAD_SHARE_LIST);
  ExpectDropped(
      [](v1::Unmasking& body) { body.mutable_shares(1)->mutable_self_mask_share()->pop_back(); },
      v1::REASON_BAD_SHARE_LIST);
}

TEST(UnmaskingTest, DropsWhoRevealsSharesOfAClientOutsideU2) {
  Conversation talk(TestHeader(5));
  talk.ToShareKeys();
  for (uint32_t i = 0; i < 5; ++i) {
    if (i == 2) {
      talk.ShareKeysBody(2);  // dealt, but never sent
    } else {
      talk.Share(i);
    }
  }
  talk.Step(DeadlinePassed{Phase::kShareKeys});
  for (uint32_t i : {0, 1, 3, 4}) talk.Upload(i);
  talk.Unmask(1, {true, true, false, true, true});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_BAD_SHARE_LIST);
}

TEST(UnmaskingTest, DropsWhoSignedABodyThatDoesNotParse) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  talk.Step(UnmaskingReceived{talk.client(1).id(),
                              talk.SignBody(1, ProtocolRound::kUnmasking, "\xff\xff")});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_BAD_SHARE_LIST);
}

TEST(UnmaskingTest, AllowsToLeaveOutShares) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  v1::Unmasking body = talk.UnmaskingBody(0, kAll);
  body.mutable_shares()->DeleteSubrange(1, 2);
  talk.UnmaskBody(0, body);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  for (uint32_t i : {1, 2, 3}) talk.Unmask(i, kAll);
  const UnmaskPlan& plan = *talk.Find<Unmask>()->plan;
  EXPECT_THAT(Indices(plan.self_masks[0].shares), ElementsAre(1, 2, 3));
  EXPECT_THAT(Indices(plan.self_masks[1].shares), ElementsAre(2, 3, 4));
}

// A dealer may announce the digest of something that is no share at all. Not the holder's fault.
TEST(UnmaskingTest, SkipsUnusableSharesThatMatchTheirDigests) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  for (uint32_t i : {1, 2, 3}) talk.Share(i);
  v1::ShareKeys body = talk.ShareKeysBody(0);
  talk.client(0).b_shares[1] = std::string(40, '\xff');
  body.mutable_shares(1)->set_self_mask_share_digest(crypto::ToString(crypto::ShareDigest(
      *talk.protocol().transcript(), {0, talk.client(0).id()}, {1, talk.client(1).id()},
      crypto::ShareKind::kSelfMask, crypto::AsBytes(talk.client(0).b_shares[1]))));
  talk.ShareBody(0, body);
  for (uint32_t i = 0; i < 4; ++i) talk.Upload(i);
  talk.Unmask(1, kAll);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  for (uint32_t i : {0, 2, 3}) talk.Unmask(i, kAll);
  EXPECT_THAT(Indices(talk.Find<Unmask>()->plan->self_masks[0].shares), ElementsAre(1, 3, 4));
  EXPECT_THAT(Indices(talk.Find<Unmask>()->plan->self_masks[1].shares), ElementsAre(1, 2, 3));
}

TEST(UnmaskingTest, AbortsBelowThreshold) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  talk.Unmask(0, kAll);
  talk.Unmask(1, kAll);
  talk.Step(DeadlinePassed{Phase::kUnmasking});
  EXPECT_EQ(talk.Find<Unmask>(), nullptr);
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_BELOW_THRESHOLD);
  EXPECT_THAT(talk.Find<Finished>()->detail, HasSubstr("4 secrets have fewer than 3 shares"));
  EXPECT_EQ(talk.SentTo(3)[0].refused().scope(), v1::Refused::SCOPE_SESSION);
  talk.Unmask(2, kAll);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
}

// Otherwise one client could end every session, and nobody would know who.
TEST(UnmaskingTest, NamesADealerWhoseSharesNobodyCouldUse) {
  Conversation talk(TestHeader(5));
  const std::vector<bool> all(5, true);
  talk.ToUnmasking(all);
  for (uint32_t i = 0; i < 5; ++i) {
    v1::Unmasking body = talk.UnmaskingBody(i, all);
    if (i != 2) body.mutable_shares()->DeleteSubrange(2, 1);
    talk.UnmaskBody(i, body);
  }
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_BELOW_THRESHOLD);
  EXPECT_THAT(talk.Find<Finished>()->detail, AllOf(HasSubstr("4 of 5"), HasSubstr("position 2")));
  EXPECT_EQ(talk.Find<Finished>()->blamed, talk.client(2).id());
}

// As many holders as may be corrupted could have left the shares out to blame an honest dealer.
TEST(UnmaskingTest, NamesNobodyOnTheWordOfThoseWhoMayBeCorrupted) {
  v1::SessionHeader header = TestHeader(5);
  header.set_corruption_rate(0.4);
  Conversation talk(header);
  const std::vector<bool> all(5, true);
  talk.ToUnmasking(all);
  for (uint32_t i = 0; i < 5; ++i) {
    v1::Unmasking body = talk.UnmaskingBody(i, all);
    if (i < 2) body.mutable_shares()->DeleteSubrange(2, 1);
    talk.UnmaskBody(i, body);
  }
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_BELOW_THRESHOLD);
  EXPECT_THAT(talk.Find<Finished>()->detail, Not(HasSubstr("position")));
}

TEST(UnmaskingTest, AbortsWhenLiarsLeaveTooFew) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  talk.Unmask(0, kAll);
  talk.Unmask(1, kAll);
  for (uint32_t i : {2, 3}) {
    v1::Unmasking body = talk.UnmaskingBody(i, kAll);
    (*body.mutable_shares(0)->mutable_self_mask_share())[0] ^= 1;
    talk.UnmaskBody(i, body);
  }
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_BELOW_THRESHOLD);
}

TEST(UnmaskingTest, AbortsNamingTheDealer) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  for (uint32_t i = 0; i < 4; ++i) talk.Unmask(i, kAll);
  talk.Step(UnmaskFinished{BlameDealer(2, "its mask key")});
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_DEALER_CHEATED);
  EXPECT_EQ(talk.SentTo(0)[0].refused().reason(), v1::REASON_DEALER_CHEATED);
  EXPECT_THAT(talk.SentTo(0)[0].refused().detail(), HasSubstr("position 2"));
  // The operator learns who that is; the text is for clients and for the log.
  EXPECT_EQ(talk.Find<Finished>()->blamed, talk.client(2).id());
  EXPECT_THAT(talk.Find<Finished>()->detail, Not(HasSubstr(talk.client(2).id().ToHex())));
}

TEST(UnmaskingTest, AbortsOnAFaultOfItsOwn) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  for (uint32_t i = 0; i < 4; ++i) talk.Unmask(i, kAll);
  talk.Step(UnmaskFinished{absl::InternalError("no memory")});
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_INTERNAL);
}

TEST(UnmaskingTest, IgnoresAnOutcomeThatNobodyAskedForOrTheAbortOvertook) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  talk.Step(GoodOutcome());
  EXPECT_THAT(talk.effects, IsEmpty());
  for (uint32_t i = 0; i < 4; ++i) talk.Unmask(i, kAll);
  talk.Step(AbortRequested{v1::REASON_SHUTDOWN, "bye"});
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_SHUTDOWN);
  talk.Step(GoodOutcome());
  EXPECT_THAT(talk.effects, IsEmpty());
}

TEST(UnmaskingTest, GoesOnWithoutWhoLeaves) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  talk.Unmask(0, kAll);
  talk.Withdraw(0);  // its shares stay
  EXPECT_EQ(talk.Find<Progress>(), nullptr);
  talk.Unmask(1, kAll);
  talk.Withdraw(2);
  EXPECT_EQ(talk.Find<Progress>()->expected, 3u);
  talk.Unmask(3, kAll);
  ASSERT_NE(talk.Find<Unmask>(), nullptr);
  talk.Step(GoodOutcome());
  EXPECT_EQ(talk.Find<Finished>()->included.size(), 4u);
  EXPECT_THAT(talk.SentTo(0), IsEmpty());
}

TEST(UnmaskingTest, AbortsWhenEverybodyLeaves) {
  Conversation talk(TestHeader(4));
  talk.ToMaskedInput();
  for (uint32_t i : {0, 1, 2}) {
    talk.Upload(i);
    talk.Withdraw(i);
  }
  talk.Upload(3);
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 1u);
  talk.Withdraw(3);
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_BELOW_THRESHOLD);
}

}  // namespace
}  // namespace veilsum::aggregator
