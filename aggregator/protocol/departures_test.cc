// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Clients that leave before the roster closes, by the thousand: what is kept of them, and of whom.

#include <set>
#include <utility>
#include <vector>

#include "aggregator/protocol/conversation_testing.h"
#include "aggregator/protocol/durable_session.h"
#include "crypto/primitives/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// The client whose place strangers take, one after another, each with an identity of its own.
constexpr uint32_t kStranger = 1;

class Departures : public ::testing::Test {
 protected:
  Departures() : talk_(TestHeader(4)), random_(crypto::AsBytes("strangers"), "test") {}

  void NextStranger() {
    talk_.client(kStranger).identity =
        crypto::IdentityKeyPair::Generate([this](absl::Span<uint8_t> out) { random_.Fill(out); });
  }
  // Until nobody else may come.
  void FillOut() {
    for (uint32_t i = 0; i < limits::kMaxClients; ++i) {
      NextStranger();
      talk_.Advertise(kStranger);
      Note();
      talk_.Withdraw(kStranger);
      Note();
    }
  }
  // What the last step asked to store.
  void Note() {
    for (const Effect& effect : talk_.effects) {
      const auto* persist = std::get_if<Persist>(&effect);
      if (persist == nullptr) continue;
      operations_.insert(operations_.end(), persist->operations.begin(), persist->operations.end());
    }
  }
  absl::StatusOr<std::shared_ptr<const v1::ServerMessage>> OfferFor(uint32_t i) {
    return talk_.protocol().OfferFor(talk_.client(i).id());
  }

  Conversation talk_;
  crypto::DeterministicRandom random_;
  std::vector<Operation> operations_;
};

TEST_F(Departures, WhoNeverHadASeatLeavesNothingBehind) {
  for (uint32_t i = 0; i < limits::kMaxClients; ++i) {
    NextStranger();
    talk_.Withdraw(kStranger);
    ASSERT_EQ(talk_.Find<Persist>(), nullptr);
    ASSERT_EQ(talk_.Find<ClientDropped>(), nullptr);
  }
  // It is told, and seen; and may have another look.
  EXPECT_EQ(talk_.TheReply().result, MessageResult::kAccepted);
  ASSERT_EQ(talk_.SentTo(kStranger).size(), 1u);
  EXPECT_EQ(talk_.SentTo(kStranger)[0].refused().reason(), v1::REASON_WITHDREW);
  ASSERT_NE(talk_.Find<ClientRefused>(), nullptr);
  EXPECT_FALSE(talk_.Find<ClientRefused>()->had_seat);
  EXPECT_TRUE(OfferFor(kStranger).ok());

  talk_.Advertise(0);
  talk_.Withdraw(0);
  ASSERT_NE(talk_.Find<Persist>(), nullptr);
  EXPECT_THAT(talk_.Dropped(), ElementsAre(Pair(0, v1::REASON_WITHDREW)));
  EXPECT_TRUE(talk_.Find<ClientRefused>()->had_seat);
  EXPECT_EQ(ReasonOf(OfferFor(0).status()), v1::REASON_LATE);
}

TEST_F(Departures, NobodyTakesASeatWhileTooManyAreOut) {
  talk_.Advertise(0);
  FillOut();
  EXPECT_EQ(ReasonOf(OfferFor(2).status()), v1::REASON_SESSION_FULL);
  talk_.Advertise(2);
  EXPECT_EQ(talk_.TheReply().reason, v1::REASON_SESSION_FULL);
  EXPECT_THAT(talk_.TheReply().detail, HasSubstr("wait for the next one"));
  EXPECT_EQ(talk_.Find<Persist>(), nullptr);
  EXPECT_FALSE(talk_.protocol().HasSeat(talk_.client(2).id()));
  // Whoever sits in it has its place.
  talk_.Advertise(0);
  EXPECT_EQ(talk_.TheReply().result, MessageResult::kDuplicate);
}

// A store has room for one message of each client in each phase: a second one, the same or not,
// would cost everybody the session, or its restoration.
TEST_F(Departures, ASeatIsTakenOnceHoweverManyAreOut) {
  talk_.Advertise(0);
  Note();
  FillOut();
  talk_.Withdraw(0);
  Note();
  EXPECT_THAT(talk_.Dropped(), ElementsAre(Pair(0, v1::REASON_WITHDREW)));
  EXPECT_EQ(ReasonOf(OfferFor(0).status()), v1::REASON_LATE);
  talk_.Advertise(0);
  Note();
  EXPECT_EQ(talk_.TheReply().reason, v1::REASON_WITHDREW);

  std::set<IdentityPublicKey> seated;
  for (const Operation& operation : operations_) {
    const auto* put = std::get_if<PutMessage>(&operation);
    if (put == nullptr) continue;
    EXPECT_TRUE(seated.insert(put->from).second) << put->from.ToHex();
  }
  EXPECT_EQ(seated.size(), limits::kMaxClients + 1);

  // The same session again, as it would say to those who come back.
  auto restored = DurableSession::Restore(talk_.Options(), {operations_, 0, {}});
  ASSERT_TRUE(restored.ok()) << restored.status();
  for (const uint32_t i : {0u, kStranger, 2u}) {
    const IdentityPublicKey& id = talk_.client(i).id();
    EXPECT_EQ(restored->protocol().HasSeat(id), talk_.protocol().HasSeat(id)) << i;
    EXPECT_EQ(restored->protocol().OfferFor(id).status(), OfferFor(i).status()) << i;
  }
  EXPECT_THAT(OfferFor(2).status().message(), HasSubstr("too many clients have left"));
}

}  // namespace
}  // namespace veilsum::aggregator
