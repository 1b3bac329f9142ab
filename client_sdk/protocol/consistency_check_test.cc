// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Round 3: what a client signs, and with which signatures of others it goes on. n = 6, t = 4: a
// client and three others.

#include <map>
#include <string>
#include <vector>

#include "client_sdk/protocol/conversation_testing.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/bitmap.h"
#include "gtest/gtest.h"

namespace veilsum::client {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kClients = 6;
constexpr uint32_t kVictim = 2;

std::map<uint32_t, char> Revealed(const Effects& effects) {
  v1::Unmasking body;
  EXPECT_TRUE(body.ParseFromString(Find<Send>(effects).message.unmasking().body()));
  std::map<uint32_t, char> revealed;
  for (const v1::RevealedShare& share : body.shares()) {
    revealed[share.owner()] = share.has_self_mask_share() ? 'b' : 'm';
  }
  return revealed;
}

class ConsistencyCheckTest : public testing::Test {
 protected:
  ConsistencyCheckTest() : conversation_(MaliciousHeader(kClients), kClients) {
    conversation_.DeliverShares(conversation_.Everybody());
  }

  Effects TellVictim(v1::ServerMessage message) {
    return conversation_.Tell(kVictim, std::move(message));
  }
  // Signatures of exactly these clients.
  v1::ServerMessage SignaturesOf(const std::vector<uint32_t>& positions) {
    std::vector<bool> signers(kClients, false);
    for (const uint32_t position : positions) signers[position] = true;
    return conversation_.Signatures(signers);
  }
  // By a client that does not ask what it signs.
  std::string SignFor(uint32_t position, const std::vector<bool>& survivors) {
    const crypto::Digest root = crypto::SurvivorRoot(
        conversation_.transcript(), crypto::AsBytes(crypto::EncodeBitmap(survivors)));
    return crypto::ToString(
        crypto::Sign(conversation_.identity(position), crypto::kLabelSurvivorSignature, root)
            .bytes());
  }
  static void Add(uint32_t position, const std::string& signature, v1::ServerMessage& message) {
    auto& one = *message.mutable_consistency()->add_signatures();
    one.set_position(position);
    one.set_survivor_root_signature(signature);
  }

  Conversation conversation_;
};

TEST_F(ConsistencyCheckTest, SignsTheSurvivorsAndRevealsNothingYet) {
  const std::vector<bool> survivors = conversation_.AllBut({4});
  const Effects effects = TellVictim(conversation_.Survivors(survivors));
  ASSERT_EQ(effects.size(), 1u);
  const v1::ClientMessage message = Find<Send>(effects).message;
  ASSERT_TRUE(message.has_consistency_check());
  EXPECT_EQ(message.consistency_check().survivor_root_signature(), SignFor(kVictim, survivors));
  EXPECT_EQ(conversation_.client(kVictim).last_outcome(), v1::OUTCOME_SURVIVORS);
  EXPECT_FALSE(conversation_.answers[kVictim]);
}

TEST_F(ConsistencyCheckTest, WithEnoughSignaturesItAnswers) {
  conversation_.SignSurvivors(conversation_.AllBut({4}));
  EXPECT_EQ(Revealed(TellVictim(SignaturesOf({0, 1, 2, 3, 5}))),
            (std::map<uint32_t, char>{{0, 'b'}, {1, 'b'}, {2, 'b'}, {3, 'b'}, {4, 'm'}, {5, 'b'}}));
  EXPECT_EQ(conversation_.client(kVictim).last_outcome(), v1::OUTCOME_CONSISTENCY);
  EXPECT_TRUE(conversation_.answers[kVictim]);
}

// The client's own signature counts whether or not the aggregator sends it back.
TEST_F(ConsistencyCheckTest, ItsOwnSignatureCountsOnce) {
  conversation_.SignSurvivors(conversation_.Everybody());
  EXPECT_TRUE(Find<Send>(conversation_.Tell(0, SignaturesOf({1, 3, 5}))).message.has_unmasking());
  EXPECT_TRUE(
      Find<Send>(conversation_.Tell(1, SignaturesOf({1, 2, 3, 5}))).message.has_unmasking());
  EXPECT_THAT(conversation_.Tell(2, SignaturesOf({2, 3, 5})),
              Declines(v1::REASON_TOO_FEW_SIGNATURES));
}

TEST_F(ConsistencyCheckTest, FewerThanTheThresholdAreRefused) {
  for (const auto& signers : std::vector<std::vector<uint32_t>>{{}, {kVictim}, {0, 1}}) {
    Conversation fresh(MaliciousHeader(kClients), kClients);
    fresh.DeliverShares(fresh.Everybody());
    fresh.SignSurvivors(fresh.Everybody());
    std::vector<bool> chosen(kClients, false);
    for (const uint32_t position : signers) chosen[position] = true;
    const Effects effects = fresh.Tell(kVictim, fresh.Signatures(chosen));
    EXPECT_THAT(effects, Declines(v1::REASON_TOO_FEW_SIGNATURES));
    EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr("insists on 4"));
    EXPECT_FALSE(fresh.answers[kVictim]);
  }
}

// The heart of it: every survivor but the victim was shown another set.
TEST_F(ConsistencyCheckTest, SignaturesOverAnotherSetDoNotCount) {
  const std::vector<bool> other = conversation_.AllBut({4});
  conversation_.checks.resize(kClients);
  for (const uint32_t i : {0, 1, 3, 5}) {
    conversation_.checks[i] = Find<Send>(conversation_.Tell(i, conversation_.Survivors(other)))
                                  .message.consistency_check();
  }
  TellVictim(conversation_.Survivors(conversation_.Everybody()));
  EXPECT_THAT(TellVictim(SignaturesOf({0, 1, 3, 5})), Declines(v1::REASON_TOO_FEW_SIGNATURES));
}

TEST_F(ConsistencyCheckTest, ASignatureOfAnotherSessionDoesNotCount) {
  conversation_.SignSurvivors(conversation_.Everybody());
  v1::SessionHeader header = MaliciousHeader(kClients);
  header.set_session_id("another session!");
  Conversation other(header, kClients);
  other.DeliverShares(other.Everybody());
  other.SignSurvivors(other.Everybody());
  EXPECT_THAT(TellVictim(other.Signatures(other.Everybody())),
              Declines(v1::REASON_TOO_FEW_SIGNATURES));
}

TEST_F(ConsistencyCheckTest, ASignatureOfANonSurvivorDoesNotCount) {
  const std::vector<bool> survivors = conversation_.AllBut({0});
  conversation_.SignSurvivors(survivors);
  v1::ServerMessage message;
  Add(0, SignFor(0, survivors), message);  // In the aggregator's pay.
  Add(1, SignFor(1, survivors), message);
  Add(3, SignFor(3, survivors), message);
  EXPECT_THAT(TellVictim(message), Declines(v1::REASON_TOO_FEW_SIGNATURES));
}

TEST_F(ConsistencyCheckTest, ASignatureOfAStrangerDoesNotCount) {
  conversation_.SignSurvivors(conversation_.Everybody());
  v1::ServerMessage message = SignaturesOf({0, 1});
  Add(kClients, SignFor(3, conversation_.Everybody()), message);  // Nobody has this seat.
  EXPECT_THAT(TellVictim(message), Declines(v1::REASON_TOO_FEW_SIGNATURES));
}

TEST_F(ConsistencyCheckTest, ASignatureUnderAnothersNameDoesNotCount) {
  conversation_.SignSurvivors(conversation_.Everybody());
  v1::ServerMessage message = SignaturesOf({0, 1});
  Add(3, SignFor(1, conversation_.Everybody()), message);
  Add(5, SignFor(kVictim, conversation_.Everybody()), message);
  EXPECT_THAT(TellVictim(message), Declines(v1::REASON_TOO_FEW_SIGNATURES));
}

// A signature for another purpose, made by the same identity over the same bytes.
TEST_F(ConsistencyCheckTest, ASignatureForAnotherPurposeDoesNotCount) {
  conversation_.SignSurvivors(conversation_.Everybody());
  v1::ServerMessage message = SignaturesOf({0, 1});
  const crypto::Digest root = crypto::SurvivorRoot(
      conversation_.transcript(), crypto::AsBytes(crypto::EncodeBitmap(conversation_.Everybody())));
  Add(3,
      crypto::ToString(
          crypto::Sign(conversation_.identity(3), crypto::kLabelMessageSignature, root).bytes()),
      message);
  EXPECT_THAT(TellVictim(message), Declines(v1::REASON_TOO_FEW_SIGNATURES));
}

TEST_F(ConsistencyCheckTest, OneSignatureTwiceIsRefused) {
  conversation_.SignSurvivors(conversation_.Everybody());
  v1::ServerMessage message = SignaturesOf({0, 1});
  Add(1, SignFor(1, conversation_.Everybody()), message);
  EXPECT_THAT(TellVictim(message), Declines(v1::REASON_MALFORMED));
}

TEST_F(ConsistencyCheckTest, SignaturesOutOfOrderAreRefused) {
  conversation_.SignSurvivors(conversation_.Everybody());
  v1::ServerMessage message = SignaturesOf({0, 1, 3, 4, 5});
  message.mutable_consistency()->mutable_signatures()->SwapElements(0, 1);
  EXPECT_THAT(TellVictim(message), Declines(v1::REASON_MALFORMED));
}

// An aggregator, or one of its clients, cannot stop the others with a bad signature.
TEST_F(ConsistencyCheckTest, ABadSignatureAmongEnoughGoodOnesCostsNothing) {
  conversation_.SignSurvivors(conversation_.Everybody());
  v1::ServerMessage message = SignaturesOf({0, 1, 3, 4});
  message.mutable_consistency()->mutable_signatures(0)->mutable_survivor_root_signature()->at(7) ^=
      1;
  EXPECT_TRUE(Find<Send>(TellVictim(message)).message.has_unmasking());
}

// ---- The latch ----

TEST_F(ConsistencyCheckTest, SignsOneSetPerSession) {
  const auto everybody = conversation_.Survivors(conversation_.Everybody());
  EXPECT_TRUE(Find<Send>(TellVictim(everybody)).message.has_consistency_check());
  EXPECT_TRUE(TellVictim(everybody).empty());
  EXPECT_THAT(TellVictim(conversation_.Survivors(conversation_.AllBut({0}))),
              Declines(v1::REASON_SURVIVORS_REFUSED));
  EXPECT_TRUE(TellVictim(everybody).empty());
  EXPECT_FALSE(conversation_.answers[kVictim]);
}

TEST_F(ConsistencyCheckTest, AnswersOneSetPerSession) {
  conversation_.AnswerSurvivors(conversation_.Everybody());
  EXPECT_TRUE(TellVictim(SignaturesOf({0, 1, 3, 4, 5})).empty());
  EXPECT_TRUE(TellVictim(conversation_.Survivors(conversation_.Everybody())).empty());
  EXPECT_THAT(TellVictim(conversation_.Survivors(conversation_.AllBut({0}))),
              Declines(v1::REASON_SURVIVORS_REFUSED));
}

TEST_F(ConsistencyCheckTest, TheLatchHoldsAfterTheResult) {
  conversation_.AnswerSurvivors(conversation_.Everybody());
  const std::string packed(conversation_.uploads[0].open.total_bytes(), 's');
  TellVictim(conversation_.Result(conversation_.Everybody(), packed));
  EXPECT_THAT(TellVictim(conversation_.Survivors(conversation_.AllBut({0}))),
              Declines(v1::REASON_SURVIVORS_REFUSED));
}

// The local checks come before the signature, in this tier too.
TEST_F(ConsistencyCheckTest, SignsNoSetThatItsLocalChecksRefuse) {
  const std::vector<std::vector<uint32_t>> missing = {{kVictim}, {0, 1, 3}};
  for (const std::vector<uint32_t>& positions : missing) {
    Conversation fresh(MaliciousHeader(kClients), kClients);
    fresh.DeliverShares(fresh.Everybody());
    EXPECT_THAT(fresh.Tell(kVictim, fresh.Survivors(fresh.AllBut(positions))),
                Declines(v1::REASON_SURVIVORS_REFUSED));
  }
}

// ---- Its place in the session ----

TEST_F(ConsistencyCheckTest, SignaturesBeforeTheSurvivorsAreRefused) {
  v1::ServerMessage message;
  Add(0, SignFor(0, conversation_.Everybody()), message);
  EXPECT_THAT(TellVictim(message), Declines(v1::REASON_EARLY));
}

TEST_F(ConsistencyCheckTest, TheRoundIsNotSkipped) {
  conversation_.SignSurvivors(conversation_.Everybody());
  const std::string packed(conversation_.uploads[0].open.total_bytes(), 's');
  EXPECT_THAT(TellVictim(conversation_.Result(conversation_.Everybody(), packed)),
              Declines(v1::REASON_EARLY));
}

TEST_F(ConsistencyCheckTest, TheRoundIsNotForTheSemiHonestTier) {
  Conversation other(TestHeader(5), 5);
  other.DeliverShares(other.Everybody());
  v1::ServerMessage message;
  message.mutable_consistency();
  EXPECT_THAT(other.Tell(kVictim, message), Declines(v1::REASON_UNSUPPORTED));
}

TEST_F(ConsistencyCheckTest, IsSentAgainByteForByteUntilAccepted) {
  const std::string sent =
      Find<Send>(TellVictim(conversation_.Survivors(conversation_.Everybody())))
          .message.SerializeAsString();
  EXPECT_EQ(Find<Send>(conversation_.Step(kVictim, Reconnected{})).message.SerializeAsString(),
            sent);
  v1::ServerMessage accepted;
  accepted.mutable_accepted()->set_round(v1::ROUND_CONSISTENCY_CHECK);
  EXPECT_TRUE(TellVictim(accepted).empty());
  EXPECT_TRUE(conversation_.Step(kVictim, Reconnected{}).empty());
}

// Enough others signed in time: this client answers all the same.
TEST_F(ConsistencyCheckTest, ALateSignatureIsNotTheEnd) {
  conversation_.SignSurvivors(conversation_.Everybody());
  v1::ServerMessage refusal;
  refusal.mutable_refused()->set_scope(v1::Refused::SCOPE_MESSAGE);
  refusal.mutable_refused()->set_reason(v1::REASON_LATE);
  refusal.mutable_refused()->set_round(v1::ROUND_CONSISTENCY_CHECK);
  EXPECT_TRUE(TellVictim(refusal).empty());
  EXPECT_TRUE(conversation_.Step(kVictim, Reconnected{}).empty());
  EXPECT_TRUE(Find<Send>(TellVictim(SignaturesOf({0, 1, 3, 5}))).message.has_unmasking());
}

}  // namespace
}  // namespace veilsum::client
