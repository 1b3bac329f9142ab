// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "proto/session_graph.h"

#include "crypto/primitives/transcript_hash.h"
#include "gtest/gtest.h"

namespace veilsum {
namespace {

template <class Message>
Message Rates() {
  Message message;
  message.set_tier(v1::TIER_SEMI_HONEST);
  message.set_graph(v1::GRAPH_RULE_HARARY);
  message.set_corruption_rate(0.25);
  message.set_dropout_rate(0.125);
  return message;
}

template <class Message>
void ExpectCarriedOver() {
  Message message = Rates<Message>();
  const crypto::GraphRequest sparse = GraphRequestOf(message, 40);
  EXPECT_EQ(sparse.tier, crypto::Tier::kSemiHonest);
  EXPECT_EQ(sparse.rule, crypto::GraphRule::kHarary);
  EXPECT_EQ(sparse.clients, 40u);
  EXPECT_EQ(sparse.corrupt, 0.25);
  EXPECT_EQ(sparse.dropout, 0.125);

  message.set_tier(v1::TIER_MALICIOUS);
  message.set_graph(v1::GRAPH_RULE_COMPLETE);
  EXPECT_EQ(GraphRequestOf(message, 3).tier, crypto::Tier::kMalicious);
  EXPECT_EQ(GraphRequestOf(message, 3).rule, crypto::GraphRule::kComplete);
}

TEST(SessionGraphTest, HeadersAndTasksAskForTheSame) {
  ExpectCarriedOver<v1::SessionHeader>();
  ExpectCarriedOver<v1::Task>();
}

TEST(SessionGraphTest, TheTranscriptDrawsASparseGraphAndNoCompleteOne) {
  v1::SessionHeader header = Rates<v1::SessionHeader>();
  const crypto::Digest one = crypto::Sha256(crypto::AsBytes("one"));
  const crypto::Digest other = crypto::Sha256(crypto::AsBytes("other"));
  EXPECT_EQ(DrawGraph(header, 40, 6, one)->degree(), 6u);
  EXPECT_EQ(DrawGraph(header, 40, 6, one)->NeighboursOf(0),
            DrawGraph(header, 40, 6, one)->NeighboursOf(0));
  EXPECT_NE(DrawGraph(header, 40, 6, one)->NeighboursOf(0),
            DrawGraph(header, 40, 6, other)->NeighboursOf(0));
  EXPECT_FALSE(DrawGraph(header, 40, 7, one).ok());

  header.set_graph(v1::GRAPH_RULE_COMPLETE);
  EXPECT_EQ(DrawGraph(header, 40, 39, one)->NeighboursOf(0).size(), 39u);
}

}  // namespace
}  // namespace veilsum
