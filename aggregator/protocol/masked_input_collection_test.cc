// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Conversations in round 2. Four clients, t = 3, n_min = 2 unless a test says otherwise.

#include "aggregator/protocol/conversation_testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

void ExpectReply(const Conversation& conversation, MessageResult result, v1::Reason reason) {
  const Reply reply = conversation.TheReply();
  EXPECT_EQ(reply.phase, Phase::kMaskedInputCollection);
  EXPECT_EQ(static_cast<int>(reply.result), static_cast<int>(result)) << reply.detail;
  EXPECT_EQ(reply.reason, reason) << reply.detail;
  EXPECT_EQ(reply.detail.empty(), reason == v1::REASON_UNSPECIFIED);
}

class MaskedInputTest : public ::testing::Test {
 protected:
  explicit MaskedInputTest(double target_fraction = 1.0) : talk(TestHeader(4), target_fraction) {
    talk.ToMaskedInput();
  }

  const Effects& Open(uint32_t i) {
    return talk.Step(UploadOpened{talk.client(i).id(), talk.OpenUpload(i, talk.UploadBytes())});
  }
  const Effects& Complete(uint32_t i) {
    const Digest digest = talk.UploadDigest(i);
    return talk.Step(UploadCompleted{talk.client(i).id(), digest, talk.CloseUpload(i, digest)});
  }
  const Effects& Fold(uint32_t i) { return talk.Step(FoldFinished{talk.client(i).id()}); }

  Conversation talk;
};

class EarlyMaskedInputTest : public MaskedInputTest {
 protected:
  EarlyMaskedInputTest() : MaskedInputTest(0.5) {}
};

TEST_F(MaskedInputTest, CountsAnUploadOnceItIsFolded) {
  Open(0);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  EXPECT_FALSE(talk.TheReply().upload_digest.has_value());
  Complete(0);
  ASSERT_EQ(talk.effects.size(), 1u);
  EXPECT_EQ(talk.Find<aggregator::Fold>()->from, talk.client(0).id());
  Fold(0);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  EXPECT_EQ(talk.TheReply().upload_digest, talk.UploadDigest(0));
  EXPECT_EQ(talk.Find<Progress>()->answered, 1u);
  EXPECT_EQ(talk.Find<Progress>()->expected, 4u);
}

TEST_F(MaskedInputTest, ClosesWhenAllAreIn) {
  for (uint32_t i = 0; i < 4; ++i) {
    talk.Upload(i);
  }
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 4u);
  EXPECT_EQ(talk.Find<PhaseStarted>()->phase, Phase::kUnmasking);
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 4u);
  for (uint32_t i = 0; i < 4; ++i) {
    ASSERT_EQ(talk.SentTo(i).size(), 1u);
    EXPECT_EQ(talk.SentTo(i)[0].survivors().survivors(), "\x0f");
  }
}

TEST_F(MaskedInputTest, RefusesUploadsThatAreNotTheClients) {
  const IdentityPublicKey from = talk.client(0).id();
  v1::UploadOpen open = talk.OpenUpload(0, talk.UploadBytes());
  open.set_signature(talk.OpenUpload(1, talk.UploadBytes()).signature());
  talk.Step(UploadOpened{from, open});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);

  // A wrong length costs nothing before it is signed: anybody may have sent it.
  open = talk.OpenUpload(0, talk.UploadBytes());
  open.set_total_bytes(1);
  talk.Step(UploadOpened{from, open});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);

  open = talk.OpenUpload(0, talk.UploadBytes());
  open.set_session_id("another session!");
  talk.Step(UploadOpened{from, open});
  ExpectReply(talk, MessageResult::kWrongSession, v1::REASON_WRONG_SESSION);

  open = talk.OpenUpload(0, talk.UploadBytes());
  open.mutable_signature()->pop_back();
  talk.Step(UploadOpened{from, open});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);
  talk.Step(UploadOpened{from, talk.OpenUpload(1, talk.UploadBytes())});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
}

TEST_F(MaskedInputTest, RefusesStrangers) {
  TestClient* stranger = nullptr;
  Conversation large(TestHeader(5));
  for (uint32_t i = 0; i < 5; ++i) {
    if (!talk.protocol().HasSeat(large.client(i).id())) stranger = &large.client(i);
  }
  ASSERT_NE(stranger, nullptr);
  v1::UploadOpen open = talk.OpenUpload(0, talk.UploadBytes());
  open.set_identity(crypto::ToString(stranger->id().bytes()));
  talk.Step(UploadOpened{stranger->id(), open});
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER);
}

TEST_F(MaskedInputTest, DropsWhoAnnouncesAnotherLength) {
  talk.Step(UploadOpened{talk.client(1).id(), talk.OpenUpload(1, talk.UploadBytes() + 1)});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_BAD_UPLOAD);
  EXPECT_TRUE(talk.TheReply().dropped);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, v1::REASON_BAD_UPLOAD)));
  Open(1);
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_BAD_UPLOAD);
  for (uint32_t i : {0, 2, 3}) talk.Upload(i);
  EXPECT_EQ(talk.SentTo(0)[0].survivors().survivors(), "\x0d");
  EXPECT_THAT(talk.SentTo(1), IsEmpty());
}

TEST_F(MaskedInputTest, DropsWhoSignsAnotherDigest) {
  Open(1);
  talk.Step(UploadCompleted{talk.client(1).id(), talk.UploadDigest(2),
                            talk.CloseUpload(1, talk.UploadDigest(1))});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_BAD_UPLOAD);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, v1::REASON_BAD_UPLOAD)));
  EXPECT_NE(talk.Find<DiscardUpload>(), nullptr);
  EXPECT_EQ(talk.Find<aggregator::Fold>(), nullptr);
}

TEST_F(MaskedInputTest, RefusesACloseThatIsNotSignedOrNotOpened) {
  Complete(0);
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);
  EXPECT_NE(talk.Find<DiscardUpload>(), nullptr);
  Open(0);
  v1::UploadClose close = talk.CloseUpload(0, talk.UploadDigest(0));
  close.set_signature(std::string(64, 'x'));
  talk.Step(UploadCompleted{talk.client(0).id(), talk.UploadDigest(0), close});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);
  EXPECT_NE(talk.Find<DiscardUpload>(), nullptr);
  close.clear_digest();
  talk.Step(UploadCompleted{talk.client(0).id(), talk.UploadDigest(0), close});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
  Open(0);
  Complete(0);
  EXPECT_NE(talk.Find<aggregator::Fold>(), nullptr);
}

TEST_F(MaskedInputTest, CountsTheSameUploadOnceAndKeepsTheFirst) {
  Open(0);
  Complete(0);
  // While it is folded, and after.
  for (int round = 0; round < 2; ++round) {
    Complete(0);
    ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
    EXPECT_EQ(talk.TheReply().upload_digest, talk.UploadDigest(0));
    EXPECT_NE(talk.Find<DiscardUpload>(), nullptr);
    EXPECT_EQ(talk.Find<aggregator::Fold>(), nullptr);
    Open(0);
    ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
    EXPECT_EQ(talk.TheReply().upload_digest, talk.UploadDigest(0));
    const Digest other = talk.UploadDigest(9);
    talk.Step(UploadCompleted{talk.client(0).id(), other, talk.CloseUpload(0, other)});
    ExpectReply(talk, MessageResult::kConflict, v1::REASON_CONFLICT);
    EXPECT_NE(talk.Find<DiscardUpload>(), nullptr);
    if (round == 0) Fold(0);
  }
  Fold(0);  // nothing is being folded
  EXPECT_THAT(talk.effects, IsEmpty());
}

TEST_F(MaskedInputTest, DropsWhoseUploadDoesNotFold) {
  Open(1);
  Complete(1);
  talk.Step(FoldFinished{talk.client(1).id(), absl::InvalidArgumentError("padding")});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_BAD_UPLOAD);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, v1::REASON_BAD_UPLOAD)));
  Open(1);
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_BAD_UPLOAD);
  for (uint32_t i : {0, 2, 3}) talk.Upload(i);
  EXPECT_EQ(talk.SentTo(0)[0].survivors().survivors(), "\x0d");
}

TEST_F(MaskedInputTest, WaitsAtTheDeadlineForFoldsAndTakesNoMore) {
  talk.Upload(0);
  talk.Upload(1);
  Open(2);
  Complete(2);
  Open(3);
  talk.Step(DeadlinePassed{Phase::kMaskedInputCollection});
  EXPECT_THAT(talk.effects, IsEmpty());
  Complete(3);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
  EXPECT_NE(talk.Find<DiscardUpload>(), nullptr);
  Open(3);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
  Fold(2);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(3, v1::REASON_NO_ANSWER)));
  EXPECT_EQ(talk.SentTo(2)[0].survivors().survivors(), "\x07");
  EXPECT_EQ(talk.SentTo(3)[0].refused().scope(), v1::Refused::SCOPE_CLIENT);

  // Afterwards.
  Open(3);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
  Open(2);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  Complete(2);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
}

TEST_F(MaskedInputTest, KeepsTheInputOfWhoLeavesAfterUploading) {
  talk.Upload(0);
  Open(1);
  Complete(1);
  talk.Withdraw(0);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(0, v1::REASON_WITHDREW)));
  talk.Withdraw(1);
  // Of the stream's message, and no receipt for the upload.
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  EXPECT_EQ(talk.TheReply().answers, Answers::kMessage);
  Fold(1);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  EXPECT_EQ(talk.TheReply().answers, Answers::kUploadCompleted);
  EXPECT_EQ(talk.TheReply().upload_digest, talk.UploadDigest(1));
  talk.Upload(2);
  talk.Upload(3);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 4u);
  EXPECT_EQ(talk.SentTo(2)[0].survivors().survivors(), "\x0f");
  EXPECT_THAT(talk.SentTo(0), IsEmpty());
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 2u);
}

TEST_F(MaskedInputTest, DoesNotCountWhoLeavesWhileItsUploadFailsToFold) {
  Open(1);
  Complete(1);
  talk.Withdraw(1);
  talk.Step(FoldFinished{talk.client(1).id(), absl::InvalidArgumentError("padding")});
  EXPECT_EQ(talk.TheReply().result, MessageResult::kNotMember);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
  for (uint32_t i : {0, 2, 3}) talk.Upload(i);
  EXPECT_EQ(talk.SentTo(0)[0].survivors().survivors(), "\x0d");
}

TEST_F(MaskedInputTest, GoesOnWithoutWhoLeavesBeforeUploading) {
  for (uint32_t i : {0, 1, 2}) talk.Upload(i);
  talk.Withdraw(3);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_EQ(talk.SentTo(0)[0].survivors().survivors(), "\x07");
}

TEST_F(MaskedInputTest, AbortsBelowThreshold) {
  talk.Upload(0);
  talk.Upload(1);
  talk.Step(DeadlinePassed{Phase::kMaskedInputCollection});
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_BELOW_THRESHOLD);
  EXPECT_THAT(talk.Find<Finished>()->detail, HasSubstr("4 clients have fewer than 3"));
  EXPECT_THAT(talk.Find<Finished>()->included, IsEmpty());
  EXPECT_EQ(talk.SentTo(0)[0].refused().scope(), v1::Refused::SCOPE_SESSION);
}

// The time was not up, so nobody is told that it did not answer.
TEST_F(MaskedInputTest, AbortsAtOnceWhenTooFewCanStillUpload) {
  talk.Upload(0);
  for (uint32_t i : {1, 2}) talk.Withdraw(i);
  EXPECT_EQ(talk.Find<Finished>(), nullptr);
  talk.Withdraw(0);  // What is in the sum stays in it.
  talk.Withdraw(3);
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_TOO_FEW_CLIENTS);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(3, v1::REASON_WITHDREW)));
}

// Until it is folded for good, an upload may yet be lost.
TEST_F(MaskedInputTest, TellsWhoComesBackOnlyOfAnInputThatIsInTheSum) {
  Open(0);
  Complete(0);
  talk.Resume(0, v1::OUTCOME_SHARES);
  EXPECT_EQ(talk.SentTo(0)[0].accepted().round(), v1::ROUND_SHARE_KEYS);
  Fold(0);
  talk.Resume(0, v1::OUTCOME_SHARES);
  EXPECT_EQ(talk.SentTo(0)[0].accepted().round(), v1::ROUND_MASKED_INPUT_COLLECTION);
}

TEST_F(MaskedInputTest, AbortsWithTooFewInputs) {
  talk.Upload(0);
  talk.Step(DeadlinePassed{Phase::kMaskedInputCollection});
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_TOO_FEW_CLIENTS);
}

TEST_F(MaskedInputTest, RepliesToAFoldThatTheAbortOvertook) {
  Open(0);
  Complete(0);
  talk.Step(AbortRequested{v1::REASON_ABORTED_BY_OPERATOR, "enough"});
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_ABORTED_BY_OPERATOR);
  EXPECT_EQ(talk.SentTo(2)[0].refused().detail(), "enough");
  Fold(0);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
  EXPECT_THAT(talk.TheReply().detail, HasSubstr("enough"));
}

TEST_F(EarlyMaskedInputTest, ClosesAtTheTargetOnceAllCanBeUnmasked) {
  talk.Upload(0);
  talk.Step(LeastTimePassed{Phase::kMaskedInputCollection});
  talk.Upload(1);  // half of them, but t = 3
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  talk.Upload(2);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(3, v1::REASON_NO_ANSWER)));
}

}  // namespace
}  // namespace veilsum::aggregator
