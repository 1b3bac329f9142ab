// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The header that a client binds itself to, and what both sides compute from it.
#include <string>

#include "aggregator/protocol/session_protocol.h"
#include "client_sdk/protocol/session_policy.h"
#include "proto/session.pb.h"
#include "proto/session_graph.h"
#include "proto/validate.h"
#include "tests/fuzz/harness.h"

namespace veilsum::fuzz {

void FuzzOne(crypto::ByteSpan data) {
  const std::string bytes = crypto::ToString(data);
  aggregator::SessionOptions options;
  options.header_bytes = bytes;
  const auto session = aggregator::SessionProtocol::Create(std::move(options));
  v1::SessionHeader header;
  if (!header.ParseFromString(bytes) || !v1::ValidateHeader(header).ok()) {
    Require(!session.ok(), "no session with a header that is not valid");
    return;
  }
  Require(v1::ValidateVectorSpec(header.vector(), header.max_clients()).ok(),
          "a valid header has a valid vector");
  (void)client::CheckHeader(client::SessionPolicy{}, header, std::nullopt);
  client::SessionPolicy trusting;
  trusting.least_tier = v1::TIER_SEMI_HONEST;
  trusting.trust_aggregator_identities = true;
  trusting.accept_unbound_model = true;
  (void)client::CheckHeader(trusting, header, std::nullopt);
  for (const uint32_t clients : {header.min_survivors(), header.max_clients()}) {
    const auto planned = crypto::PlanGraph(GraphRequestOf(header, clients));
    if (!planned.ok()) continue;
    Require(planned->degree < clients && planned->threshold >= 1 &&
                planned->threshold <= planned->degree + 1,
            "parameters of a graph fit its clients");
  }
}

}  // namespace veilsum::fuzz
