// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Conversations in round 1.

#include <algorithm>

#include "aggregator/protocol/conversation_testing.h"
#include "crypto/graph/neighbour_graph.h"
#include "crypto/transcript/bitmap.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/limits.h"

namespace veilsum::aggregator {
namespace {

using crypto::ProtocolRound;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

void ExpectReply(const Conversation& conversation, MessageResult result, v1::Reason reason) {
  const Reply reply = conversation.TheReply();
  EXPECT_EQ(reply.phase, Phase::kShareKeys);
  EXPECT_EQ(static_cast<int>(reply.result), static_cast<int>(result)) << reply.detail;
  EXPECT_EQ(reply.reason, reason) << reply.detail;
  EXPECT_EQ(reply.detail.empty(), reason == v1::REASON_UNSPECIFIED);
}

TEST(ShareKeysTest, DeliversToEachWhatItsNeighboursSent) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  std::vector<v1::ShareKeys> bodies;
  for (uint32_t i = 0; i < 4; ++i) bodies.push_back(talk.ShareKeysBody(i));
  for (uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(talk.Find<PhaseClosed>() != nullptr, i == 0);  // that of AdvertiseKeys
    talk.ShareBody(i, bodies[i]);
    ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  }
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 4u);
  EXPECT_EQ(talk.Find<PhaseStarted>()->phase, Phase::kMaskedInputCollection);
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 4u);
  for (uint32_t i = 0; i < 4; ++i) {
    const auto sent = talk.SentTo(i);
    ASSERT_EQ(sent.size(), 1u);
    const v1::DeliveredShares& shares = sent[0].shares();
    EXPECT_EQ(shares.sharers(), "\x0f");
    ASSERT_EQ(shares.shares_size(), 3);
    for (const v1::SealedShares& delivered : shares.shares()) {
      ASSERT_NE(delivered.peer(), i);
      v1::SealedShares dealt = bodies[delivered.peer()].shares(static_cast<int>(i));
      dealt.set_peer(delivered.peer());
      EXPECT_EQ(delivered.SerializeAsString(), dealt.SerializeAsString());
    }
  }
}

// One at a time, when they are written: together they are n · k shares.
TEST(ShareKeysTest, MakesDeliveriesLateAndAlwaysTheSame) {
  Conversation talk(TestHeader(4));
  talk.ToMaskedInput();
  std::vector<Send> sends;
  for (const Effect& effect : talk.effects) {
    if (const Send* send = std::get_if<Send>(&effect)) sends.push_back(*send);
  }
  ASSERT_EQ(sends.size(), 4u);
  for (const Send& send : sends) EXPECT_EQ(send.message, nullptr);
  const std::string first = sends[2].Message()->SerializeAsString();
  EXPECT_EQ(sends[2].Message()->shares().shares_size(), 3);
  // The session has moved on and forgotten the ciphertexts by then.
  for (uint32_t i = 0; i < 4; ++i) talk.Upload(i);
  ASSERT_EQ(talk.Find<PhaseStarted>()->phase, Phase::kUnmasking);
  EXPECT_EQ(sends[2].Message()->SerializeAsString(), first);
}

TEST(ShareKeysTest, TakesTheSameBytesTwiceAndOthersNot) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  talk.Share(0);
  talk.Share(0);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  EXPECT_EQ(talk.Find<Progress>(), nullptr);
  v1::ShareKeys other = talk.ShareKeysBody(0);
  other.mutable_shares(1)->set_ciphertext(std::string(limits::kSealedSharesBytes, 'c'));
  talk.ShareBody(0, other);
  ExpectReply(talk, MessageResult::kConflict, v1::REASON_CONFLICT);

  for (uint32_t i : {1, 2, 3}) talk.Share(i);
  talk.Share(0);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  talk.ShareBody(0, other);
  ExpectReply(talk, MessageResult::kConflict, v1::REASON_CONFLICT);
}

TEST(ShareKeysTest, RefusesWhatTheClientDidNotSign) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  const IdentityPublicKey from = talk.client(0).id();
  const std::string body = talk.ShareKeysBody(0).SerializeAsString();

  // Another client's signature, that of another round, that of another session.
  talk.Step(ShareKeysReceived{from, talk.SignBody(1, ProtocolRound::kShareKeys, body)});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);
  talk.Step(ShareKeysReceived{from, talk.SignBody(0, ProtocolRound::kUnmasking, body)});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);
  v1::SessionHeader header = TestHeader(4);
  header.set_session_id("another session!");
  Conversation other(header);
  other.ToShareKeys();
  talk.Step(ShareKeysReceived{from, other.SignBody(0, ProtocolRound::kShareKeys, body)});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);

  v1::SignedMessage message = talk.SignBody(0, ProtocolRound::kShareKeys, body);
  message.mutable_signature()->pop_back();
  talk.Step(ShareKeysReceived{from, message});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);
  message.set_body(std::string(limits::kMaxMessageBytes + 1, 'x'));
  talk.Step(ShareKeysReceived{from, message});
  ExpectReply(talk, MessageResult::kOversized, v1::REASON_OVERSIZED);

  // Nothing changed: the good one is taken.
  EXPECT_THAT(talk.Dropped(), IsEmpty());
  talk.Share(0);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
}

TEST(ShareKeysTest, RefusesStrangersAndEarlyMessages) {
  Conversation talk(TestHeader(4));
  for (uint32_t i : {0, 1, 2}) talk.Advertise(i);
  talk.Step(DeadlinePassed{Phase::kAdvertiseKeys});
  talk.Step(
      ShareKeysReceived{talk.client(3).id(), talk.SignBody(3, ProtocolRound::kShareKeys, "")});
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER);
  talk.Step(
      UnmaskingReceived{talk.client(0).id(), talk.SignBody(0, ProtocolRound::kUnmasking, "")});
  EXPECT_EQ(talk.TheReply().reason, v1::REASON_EARLY);
  EXPECT_EQ(talk.TheReply().result, MessageResult::kWrongSession);
}

// A signed body with `change` costs client 1 its seat, and nobody else's.
void ExpectBadList(const std::function<void(v1::ShareKeys&)>& change, const std::string& detail) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  v1::ShareKeys body = talk.ShareKeysBody(1);
  change(body);
  talk.ShareBody(1, body);
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_BAD_SHARE_LIST);
  EXPECT_TRUE(talk.TheReply().dropped);
  EXPECT_THAT(talk.TheReply().detail, HasSubstr(detail));
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, v1::REASON_BAD_SHARE_LIST)));
  EXPECT_EQ(talk.SentTo(1)[0].refused().scope(), v1::Refused::SCOPE_CLIENT);
  talk.Share(1);
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_BAD_SHARE_LIST);
  for (uint32_t i : {0, 2, 3}) talk.Share(i);
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 3u);
  EXPECT_EQ(talk.SentTo(0)[0].shares().sharers(), "\x0d");
  EXPECT_EQ(talk.SentTo(0)[0].shares().shares_size(), 2);
}

TEST(ShareKeysTest, DropsWhoDoesNotNameExactlyItsPlaces) {
  ExpectBadList([](v1::ShareKeys& body) { body.mutable_shares()->RemoveLast(); },
                "must be 4, one for each place, is 3");
  ExpectBadList(
      [](v1::ShareKeys& body) {
        *body.add_shares() = body.shares(3);
        body.mutable_shares(4)->set_peer(4);
      },
      "must be 4, one for each place, is 5");
  ExpectBadList([](v1::ShareKeys& body) { body.mutable_shares(3)->set_peer(7); },
                "shares[3].peer: must be 3, is 7");
  ExpectBadList([](v1::ShareKeys& body) { body.mutable_shares(3)->set_peer(2); },
                "must be greater than the one before it");
  ExpectBadList(
      [](v1::ShareKeys& body) { body.mutable_shares(0)->mutable_ciphertext()->pop_back(); },
      "ciphertext: must be 96 bytes");
  ExpectBadList(
      [](v1::ShareKeys& body) {
        body.mutable_shares(0)->clear_ciphertext();
        body.mutable_shares(0)->clear_mask_key_share_digest();
      },
      "ciphertext: must be there");
  ExpectBadList(
      [](v1::ShareKeys& body) {
        const std::string ciphertext = body.shares(0).ciphertext();
        body.mutable_shares(1)->set_ciphertext(ciphertext);
        body.mutable_shares(1)->set_mask_key_share_digest(std::string(32, 'd'));
      },
      "must be absent for the dealer itself");
  ExpectBadList([](v1::ShareKeys& body) { body.Clear(); }, "one for each place, is 0");
}

TEST(ShareKeysTest, DropsWhoSignedABodyThatDoesNotParse) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  talk.Step(ShareKeysReceived{talk.client(1).id(),
                              talk.SignBody(1, ProtocolRound::kShareKeys, "\xff\xff")});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_BAD_SHARE_LIST);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, v1::REASON_BAD_SHARE_LIST)));
}

TEST(ShareKeysTest, LeavesOutWhoIsSilent) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  for (uint32_t i : {0, 1, 3}) talk.Share(i);
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  talk.Step(DeadlinePassed{Phase::kShareKeys});
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(2, v1::REASON_NO_ANSWER)));
  EXPECT_EQ(talk.SentTo(2)[0].refused().reason(), v1::REASON_NO_ANSWER);
  EXPECT_EQ(talk.SentTo(0)[0].shares().sharers(), "\x0b");
  talk.Share(2);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
}

TEST(ShareKeysTest, ClosesEarlyAtTheTargetOnceAllSharersHaveThreshold) {
  Conversation talk(TestHeader(4), 0.5);  // t = 3
  talk.ToShareKeys();
  talk.Share(0);
  talk.Step(LeastTimePassed{Phase::kShareKeys});
  talk.Share(1);  // half of them, but nobody has three places
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  talk.Share(2);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(3, v1::REASON_NO_ANSWER)));
}

TEST(ShareKeysTest, ForgetsTheSharesOfWhoLeaves) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  for (uint32_t i : {0, 1, 2}) talk.Share(i);
  talk.Withdraw(1);
  EXPECT_EQ(talk.TheReply().result, MessageResult::kAccepted);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, v1::REASON_WITHDREW)));
  EXPECT_EQ(talk.Find<Progress>()->answered, 2u);
  EXPECT_EQ(talk.Find<Progress>()->expected, 3u);
  talk.Share(3);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 3u);
  EXPECT_EQ(talk.SentTo(3)[0].shares().sharers(), "\x0d");
}

TEST(ShareKeysTest, CountsWhoLeftToNobodysThreshold) {
  Conversation talk(TestHeader(4));  // t = 3
  talk.ToShareKeys();
  for (uint32_t i : {0, 1, 2}) talk.Share(i);
  talk.Withdraw(1);
  talk.Withdraw(1);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
  talk.Step(DeadlinePassed{Phase::kShareKeys});
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_TOO_FEW_CLIENTS);
}

TEST(ShareKeysTest, ClosesWhenTheLastSilentOneLeaves) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  for (uint32_t i : {0, 1, 2}) talk.Share(i);
  talk.Withdraw(3);
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 3u);
}

TEST(ShareKeysTest, AbortsWhenTooFewAreLeft) {
  Conversation talk(TestHeader(4));  // t = 3
  talk.ToShareKeys();
  talk.Share(0);
  talk.Share(1);
  talk.Step(DeadlinePassed{Phase::kShareKeys});
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_TOO_FEW_CLIENTS);
  // Those who shared are not told that they were dropped, but that the session is over.
  ASSERT_EQ(talk.SentTo(0).size(), 1u);
  EXPECT_EQ(talk.SentTo(0)[0].refused().scope(), v1::Refused::SCOPE_SESSION);
  EXPECT_EQ(talk.SentTo(3).back().refused().scope(), v1::Refused::SCOPE_SESSION);
  talk.Share(0);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  talk.Share(2);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
  EXPECT_THAT(talk.TheReply().detail, HasSubstr("aborted"));
}

TEST(ShareKeysTest, AbortsAtOnceWhenTheRestIsBelowTheLeastCohort) {
  v1::SessionHeader header = TestHeader(4);
  header.set_min_survivors(3);
  Conversation talk(header);
  talk.ToShareKeys();
  talk.Withdraw(0);
  EXPECT_EQ(talk.Find<Finished>(), nullptr);
  talk.Withdraw(1);
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_TOO_FEW_CLIENTS);
  // The time was not up: nobody is told that it did not answer.
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, v1::REASON_WITHDREW)));
}

// U2 by the definition: who shared, left out again and again.
std::vector<bool> ExpectedSharers(const crypto::NeighbourGraph& graph, uint32_t threshold,
                                  std::vector<bool> sharers, int& passes) {
  passes = 0;
  for (bool changed = true; changed; ++passes) {
    changed = false;
    std::vector<bool> left = sharers;
    for (uint32_t i = 0; i < graph.clients(); ++i) {
      uint32_t count = 0;
      for (const uint32_t peer : graph.NeighboursOf(i)) count += sharers[peer];
      if (sharers[i] && count < threshold) {
        left[i] = false;
        changed = true;
      }
    }
    sharers = left;
  }
  return sharers;
}

v1::SessionHeader SparseHeader() {
  v1::SessionHeader header = TestHeader(100);
  header.set_graph(v1::GRAPH_RULE_HARARY);
  header.set_corruption_rate(0.05);
  header.set_dropout_rate(0.05);
  return header;
}

TEST(ShareKeysTest, PrunesWhoHasTooFewNeighboursInU2AgainAndAgain) {
  int most_passes = 0;
  // Every third position is silent, and ever more of the neighbours of one victim.
  for (const uint32_t silent_neighbours : {6, 7, 8, 10, 12}) {
    SCOPED_TRACE(silent_neighbours);
    Conversation talk(SparseHeader());
    talk.ToShareKeys();
    const auto [n, degree, threshold] = talk.protocol().shape();
    ASSERT_EQ(degree, 12u);
    ASSERT_EQ(threshold, 6u);
    const auto graph =
        crypto::NeighbourGraph::Harary(n, degree, crypto::GraphSeed(*talk.protocol().transcript()));
    std::vector<bool> shares(n, true);
    for (uint32_t i = 0; i < n; i += 3) shares[i] = silent_neighbours < 8;
    const std::vector<uint32_t> neighbours = graph->NeighboursOf(17);
    for (uint32_t i = 0; i < silent_neighbours; ++i) shares[neighbours[i]] = false;
    for (uint32_t i = 0; i < n; ++i) {
      if (shares[i]) talk.Share(i);
    }
    talk.Step(DeadlinePassed{Phase::kShareKeys});
    ASSERT_EQ(talk.Find<Finished>(), nullptr);

    int passes = 0;
    const std::vector<bool> sharers = ExpectedSharers(*graph, threshold, shares, passes);
    most_passes = std::max(most_passes, passes);
    for (uint32_t i = 0; i < n; ++i) {
      if (sharers[i]) {
        const v1::ServerMessage sent = talk.SentTo(i).at(0);
        EXPECT_EQ(sent.shares().sharers(), crypto::EncodeBitmap(sharers));
        for (const v1::SealedShares& sealed : sent.shares().shares()) {
          EXPECT_TRUE(sharers[sealed.peer()]);
          EXPECT_EQ(sealed.ciphertext().substr(0, 40), talk.client(sealed.peer()).m_shares[i]);
          EXPECT_EQ(sealed.ciphertext().substr(40, 40), talk.client(sealed.peer()).b_shares[i]);
        }
      } else {
        const v1::Reason reason = shares[i] ? v1::REASON_TOO_FEW_NEIGHBOURS : v1::REASON_NO_ANSWER;
        EXPECT_THAT(talk.Dropped(), Contains(Pair(i, reason)));
      }
    }
  }
  // Or the test says nothing of "again and again": the last pass finds nobody.
  EXPECT_GE(most_passes, 3);
}

}  // namespace
}  // namespace veilsum::aggregator
