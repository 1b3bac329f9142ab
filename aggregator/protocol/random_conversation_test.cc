// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Random conversations: clients say anything, in any order, well or badly. What must hold:
//   1. Every message is answered by exactly one reply, an upload that is folded by one later.
//   2. Phases start in order, each at most once, and only after the one before it closed.
//   3. Nobody is dropped twice, but for those of whom at first only an answer was missing.
//   4. The session ends exactly once, at the latest with the deadlines, and after that nothing but
//      replies and sends happens.

#include "aggregator/protocol/random_conversation_testing.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

constexpr uint32_t kClients = RandomConversation::kClients;

void PlayMany(const v1::SessionHeader& header) {
  int completed = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    RandomConversation conversation(header, seed);
    conversation.Run();
    completed += conversation.completed();
    if (::testing::Test::HasFailure()) break;
  }
  // Or the test does not get far into sessions.
  EXPECT_GT(completed, 20);
  EXPECT_LT(completed, 380);
}

TEST(RandomConversationTest, KeepsItsPromises) { PlayMany(TestHeader(kClients)); }

TEST(RandomConversationTest, KeepsItsPromisesInTheMaliciousTier) {
  PlayMany(MaliciousHeader(kClients));
}

}  // namespace
}  // namespace veilsum::aggregator
