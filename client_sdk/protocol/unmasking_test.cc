// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The end of round 1 and round 4: shares and survivor sets that a client refuses, and what it
// reveals for good ones. n = 5, t = 4: a client and three neighbours.

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client_sdk/protocol/conversation_testing.h"
#include "crypto/sharing/field.h"
#include "crypto/transcript/bitmap.h"
#include "gtest/gtest.h"
#include "proto/limits.h"

namespace veilsum::client {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kVictim = 2;

// What the victim reveals: owner to kind of share ('b' or 'm').
std::map<uint32_t, char> Revealed(const Effects& effects) {
  v1::Unmasking body;
  EXPECT_TRUE(body.ParseFromString(Find<Send>(effects).message.unmasking().body()));
  std::map<uint32_t, char> revealed;
  uint32_t least = 0;
  for (const v1::RevealedShare& share : body.shares()) {
    EXPECT_GE(share.owner(), least);
    least = share.owner() + 1;
    EXPECT_EQ(
        (share.has_self_mask_share() ? share.self_mask_share() : share.mask_key_share()).size(),
        limits::kShareBytes);
    revealed[share.owner()] = share.has_self_mask_share() ? 'b' : 'm';
  }
  return revealed;
}

// The first limb of the share that a client revealed of `owner`.
uint64_t FirstLimb(const v1::SignedMessage& unmasking, uint32_t owner) {
  v1::Unmasking body;
  EXPECT_TRUE(body.ParseFromString(unmasking.body()));
  for (const v1::RevealedShare& share : body.shares()) {
    if (share.owner() != owner) continue;
    uint64_t limb = 0;
    std::memcpy(
        &limb,
        (share.has_self_mask_share() ? share.self_mask_share() : share.mask_key_share()).data(),
        sizeof(limb));
    return limb;
  }
  ADD_FAILURE() << "no share of " << owner;
  return 0;
}

struct BadShares {
  std::string name;
  v1::Reason reason;
  std::vector<uint32_t> not_sharers;
  std::function<void(v1::DeliveredShares&)> bend;
};

class BadSharesTest : public testing::TestWithParam<BadShares> {};

TEST_P(BadSharesTest, AreDeclined) {
  Conversation conversation(TestHeader(5), 5);
  conversation.ShareKeys();
  v1::ServerMessage message =
      conversation.Shares(kVictim, conversation.AllBut(GetParam().not_sharers));
  GetParam().bend(*message.mutable_shares());
  EXPECT_THAT(conversation.Tell(kVictim, message), Declines(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadSharesTest,
    testing::Values(
        BadShares{"WithoutTheVictim", v1::REASON_BAD_SHARE_LIST, {kVictim}, [](auto&) {}},
        BadShares{"BelowTheThreshold", v1::REASON_TOO_FEW_NEIGHBOURS, {0, 4}, [](auto&) {}},
        BadShares{"CiphertextWithheld",
                  v1::REASON_BAD_SHARE_LIST,
                  {},
                  [](auto& delivered) { delivered.mutable_shares()->DeleteSubrange(1, 1); }},
        BadShares{"LastWithheld",
                  v1::REASON_BAD_SHARE_LIST,
                  {},
                  [](auto& delivered) { delivered.mutable_shares()->RemoveLast(); }},
        BadShares{"FromSomebodyNotInIt",
                  v1::REASON_BAD_SHARE_LIST,
                  {},
                  [](auto& delivered) {
                    delivered.set_sharers(crypto::EncodeBitmap({true, true, true, true, false}));
                  }},
        BadShares{"FromItself",
                  v1::REASON_BAD_SHARE_LIST,
                  {},
                  [](auto& delivered) { delivered.mutable_shares(1)->set_peer(kVictim); }},
        BadShares{"OneTwice",
                  v1::REASON_MALFORMED,
                  {},
                  [](auto& delivered) { *delivered.mutable_shares(1) = delivered.shares(0); }},
        BadShares{"BitAboveTheLast",
                  v1::REASON_MALFORMED,
                  {},
                  [](auto& delivered) { delivered.set_sharers("\x3f"); }},
        BadShares{"BitmapTooLong",
                  v1::REASON_MALFORMED,
                  {},
                  [](auto& delivered) { delivered.mutable_sharers()->push_back('\0'); }},
        BadShares{"ShortCiphertext",
                  v1::REASON_MALFORMED,
                  {},
                  [](auto& delivered) {
                    delivered.mutable_shares(0)->mutable_ciphertext()->pop_back();
                  }}),
    [](const auto& info) { return info.param.name; });

TEST(DeliveredSharesTest, MasksWithExactlyTheSharers) {
  Conversation conversation(TestHeader(5), 5);
  conversation.DeliverShares(conversation.AllBut({1}));
  EXPECT_EQ(conversation.uploads[kVictim].plan->mask_count(), 4u);  // Itself, 0, 3 and 4.
}

TEST(DeliveredSharesTest, OneThatCannotBeReadCostsOnlyThatShare) {
  Conversation conversation(TestHeader(5), 5);
  conversation.ShareKeys();
  v1::ServerMessage message = conversation.Shares(kVictim, conversation.Everybody());
  v1::DeliveredShares& delivered = *message.mutable_shares();
  delivered.mutable_shares(0)->mutable_ciphertext()->at(3) ^= 1;
  delivered.mutable_shares(3)->mutable_self_mask_share_digest()->at(3) ^= 1;
  // Masks stay those of all who shared, or the sum would be wrong.
  EXPECT_EQ(Find<StartUpload>(conversation.Tell(kVictim, message)).plan->mask_count(), 5u);
  EXPECT_EQ(Revealed(conversation.Tell(kVictim, conversation.Survivors(conversation.Everybody()))),
            (std::map<uint32_t, char>{{1, 'b'}, {2, 'b'}, {3, 'b'}}));
}

TEST(DeliveredSharesTest, CiphertextsOfOtherHoldersCannotBeRead) {
  Conversation conversation(TestHeader(5), 5);
  conversation.ShareKeys();
  v1::ServerMessage message = conversation.Shares(kVictim, conversation.Everybody());
  const v1::ServerMessage of_another = conversation.Shares(3, conversation.Everybody());
  *message.mutable_shares()->mutable_shares(0) = of_another.shares().shares(0);
  conversation.Tell(kVictim, message);
  EXPECT_EQ(Revealed(conversation.Tell(kVictim, conversation.Survivors(conversation.Everybody()))),
            (std::map<uint32_t, char>{{1, 'b'}, {2, 'b'}, {3, 'b'}, {4, 'b'}}));
}

TEST(UnmaskingTest, RevealsBOfSurvivorsAndMOfDropoutsNeverBoth) {
  Conversation conversation(TestHeader(5), 5);
  conversation.DeliverShares(conversation.Everybody());
  const Effects effects =
      conversation.Tell(kVictim, conversation.Survivors(conversation.AllBut({3})));
  EXPECT_EQ(Revealed(effects),
            (std::map<uint32_t, char>{{0, 'b'}, {1, 'b'}, {2, 'b'}, {3, 'm'}, {4, 'b'}}));
}

// With one set of coefficients for both, the difference of the shares would be that of the secrets.
TEST(UnmaskingTest, MAndBHavePolynomialsOfTheirOwn) {
  Conversation survived(TestHeader(5), 5);
  survived.DeliverShares(survived.Everybody());
  survived.AnswerSurvivors(survived.Everybody());
  Conversation dropped(TestHeader(5), 5);
  dropped.DeliverShares(dropped.Everybody());
  dropped.AnswerSurvivors(dropped.AllBut({3}));
  const auto difference = [&](uint32_t holder) {
    const uint64_t of_b = FirstLimb(*survived.unmaskings[holder], 3);
    const uint64_t of_m = FirstLimb(*dropped.unmaskings[holder], 3);
    return crypto::field::Sub(of_m, of_b);
  };
  EXPECT_NE(difference(0), difference(1));
}

TEST(UnmaskingTest, RevealsNothingOfClientsThatDidNotShare) {
  Conversation conversation(TestHeader(5), 5);
  conversation.DeliverShares(conversation.AllBut({0}));
  EXPECT_EQ(Revealed(conversation.Tell(kVictim, conversation.Survivors(conversation.AllBut({0})))),
            (std::map<uint32_t, char>{{1, 'b'}, {2, 'b'}, {3, 'b'}, {4, 'b'}}));
}

TEST(UnmaskingTest, RefusesASetWithoutItself) {
  Conversation conversation(TestHeader(5), 5);
  conversation.DeliverShares(conversation.Everybody());
  EXPECT_THAT(conversation.Tell(kVictim, conversation.Survivors(conversation.AllBut({kVictim}))),
              Declines(v1::REASON_SURVIVORS_REFUSED));
}

TEST(UnmaskingTest, RefusesASurvivorThatDidNotShareItsKeys) {
  Conversation conversation(TestHeader(5), 5);
  conversation.DeliverShares(conversation.AllBut({0}));
  EXPECT_THAT(conversation.Tell(kVictim, conversation.Survivors(conversation.Everybody())),
              Declines(v1::REASON_SURVIVORS_REFUSED));
}

TEST(UnmaskingTest, RefusesFewerThanTheThreshold) {
  Conversation conversation(TestHeader(5), 5);
  conversation.DeliverShares(conversation.Everybody());
  const Effects effects =
      conversation.Tell(kVictim, conversation.Survivors(conversation.AllBut({0, 1})));
  EXPECT_THAT(effects, Declines(v1::REASON_SURVIVORS_REFUSED));
  EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr("threshold is 4"));
}

TEST(UnmaskingTest, RefusesFewerThanMinSurvivors) {
  v1::SessionHeader header = TestHeader(5);
  header.set_min_survivors(5);
  Conversation conversation(header, 5);
  conversation.DeliverShares(conversation.Everybody());
  const Effects effects =
      conversation.Tell(kVictim, conversation.Survivors(conversation.AllBut({0})));
  EXPECT_THAT(effects, Declines(v1::REASON_SURVIVORS_REFUSED));
  EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr("promised at least 5"));
}

TEST(UnmaskingTest, RefusesBitmapsOfTheWrongShape) {
  for (const std::string& bitmap :
       {std::string(), std::string("\x1f\x00", 2), std::string("\x3f")}) {
    Conversation conversation(TestHeader(5), 5);
    conversation.DeliverShares(conversation.Everybody());
    v1::ServerMessage message;
    message.mutable_survivors()->set_survivors(bitmap);
    EXPECT_THAT(conversation.Tell(kVictim, message), Declines(v1::REASON_SURVIVORS_REFUSED));
  }
}

// The latch: the same set again changes nothing, another one is refused, and nothing is revealed.
TEST(UnmaskingTest, AnswersOneSurvivorSetPerSession) {
  Conversation conversation(TestHeader(5), 5);
  conversation.DeliverShares(conversation.Everybody());
  const auto everybody = conversation.Survivors(conversation.Everybody());
  EXPECT_TRUE(Find<Send>(conversation.Tell(kVictim, everybody)).message.has_unmasking());
  EXPECT_TRUE(conversation.Tell(kVictim, everybody).empty());
  EXPECT_THAT(conversation.Tell(kVictim, conversation.Survivors(conversation.AllBut({0}))),
              Declines(v1::REASON_SURVIVORS_REFUSED));
  EXPECT_TRUE(conversation.Tell(kVictim, everybody).empty());
}

TEST(UnmaskingTest, TheLatchHoldsAfterTheResult) {
  Conversation conversation(TestHeader(5), 5);
  conversation.DeliverShares(conversation.Everybody());
  conversation.AnswerSurvivors(conversation.Everybody());
  const std::string packed(conversation.uploads[0].open.total_bytes(), 's');
  conversation.Tell(kVictim, conversation.Result(conversation.Everybody(), packed));
  EXPECT_THAT(conversation.Tell(kVictim, conversation.Survivors(conversation.AllBut({0}))),
              Declines(v1::REASON_SURVIVORS_REFUSED));
}

}  // namespace
}  // namespace veilsum::client
