// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "proto/session_graph.h"

#include "crypto/transcript/transcript.h"

namespace veilsum {
namespace {

template <class Message>
crypto::GraphRequest RequestOf(const Message& message, uint32_t clients) {
  crypto::GraphRequest request;
  request.tier =
      message.tier() == v1::TIER_MALICIOUS ? crypto::Tier::kMalicious : crypto::Tier::kSemiHonest;
  request.rule = message.graph() == v1::GRAPH_RULE_HARARY ? crypto::GraphRule::kHarary
                                                          : crypto::GraphRule::kComplete;
  request.clients = clients;
  request.corrupt = message.corruption_rate();
  request.dropout = message.dropout_rate();
  return request;
}

}  // namespace

crypto::GraphRequest GraphRequestOf(const v1::SessionHeader& header, uint32_t clients) {
  return RequestOf(header, clients);
}

crypto::GraphRequest GraphRequestOf(const v1::Task& task, uint32_t clients) {
  return RequestOf(task, clients);
}

absl::StatusOr<crypto::NeighbourGraph> DrawGraph(const v1::SessionHeader& header, uint32_t clients,
                                                 uint32_t degree,
                                                 const crypto::Digest& transcript) {
  if (header.graph() == v1::GRAPH_RULE_COMPLETE) return crypto::NeighbourGraph::Complete(clients);
  return crypto::NeighbourGraph::Harary(clients, degree, crypto::GraphSeed(transcript));
}

}  // namespace veilsum
