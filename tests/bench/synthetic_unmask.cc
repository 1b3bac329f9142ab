// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/synthetic_unmask.h"

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/graph/neighbour_graph.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/transcript.h"

namespace veilsum::bench {
namespace {

using crypto::Party;

template <class T>
T Must(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "synthetic unmask: %s\n", std::string(value.status().message()).c_str());
  std::exit(1);
}

struct Client {
  Party party;
  crypto::MaskPrivateSeed m;
  crypto::SelfMaskSeed b;
  crypto::MaskKeyPair mask_keys;
};

class PlanMaker {
 public:
  PlanMaker(const crypto::GraphRequest& request, uint32_t dropouts)
      : parameters_(Must(crypto::PlanGraph(request))),
        graph_(Must(request.rule == crypto::GraphRule::kComplete
                        ? crypto::NeighbourGraph::Complete(request.clients)
                        : crypto::NeighbourGraph::Harary(request.clients, parameters_.degree,
                                                         kTranscript))),
        survives_(request.clients, true),
        random_(crypto::AsBytes("unmask"), "synthetic unmask") {
    for (uint32_t i = 0; i < dropouts; ++i) {
      survives_[uint64_t{i} * request.clients / dropouts] = false;
    }
    for (uint32_t position = 0; position < request.clients; ++position) {
      clients_.push_back(MakeClient(position));
    }
  }

  aggregator::UnmaskPlan Make() {
    aggregator::UnmaskPlan plan;
    plan.header_hash = kHeaderHash;
    plan.transcript = kTranscript;
    plan.threshold = parameters_.threshold;
    plan.clients = static_cast<uint32_t>(clients_.size());
    for (const Client& client : clients_) {
      const auto [position, identity] = client.party;
      if (survives_[position]) {
        ++plan.answers;
        plan.self_masks.push_back({position, identity,
                                   crypto::SelfMaskCommitment(kHeaderHash, identity, client.b),
                                   Shares(client, client.b)});
      } else {
        plan.dropouts.push_back(Dropout(client));
      }
    }
    return plan;
  }

 private:
  Client MakeClient(uint32_t position) {
    const auto fill = [this](absl::Span<uint8_t> out) { random_.Fill(out); };
    const auto identity = crypto::IdentityKeyPair::Generate(fill);
    auto m = crypto::MaskPrivateSeed::Generate(fill);
    auto keys = crypto::DeriveMaskKeyPair(m);
    return {Party{position, identity.public_key()}, std::move(m),
            crypto::SelfMaskSeed::Generate(fill), std::move(keys)};
  }

  std::vector<uint32_t> SurvivingNeighbours(const Client& client) const {
    std::vector<uint32_t> neighbours;
    for (const uint32_t position : graph_.NeighboursOf(client.party.position)) {
      if (survives_[position]) neighbours.push_back(position);
    }
    return neighbours;
  }

  // Those of the first t holders that answer, as a session takes them. On the complete graph the
  // owner is its own holder, too.
  template <class Secret>
  std::vector<crypto::Share> Shares(const Client& owner, const Secret& secret) {
    std::vector<uint32_t> xs;
    const uint32_t own = owner.party.position;
    const bool own_share = graph_.degree() + 1 == clients_.size() && survives_[own];
    for (const uint32_t holder : SurvivingNeighbours(owner)) {
      if (own_share && holder > own && (xs.empty() || xs.back() < own + 1)) xs.push_back(own + 1);
      xs.push_back(holder + 1);
    }
    xs.resize(std::min<size_t>(xs.size(), parameters_.threshold));
    return Must(crypto::Split(crypto::ExposeSecret(secret), parameters_.threshold, xs, random_));
  }

  aggregator::DropoutTask Dropout(const Client& client) {
    aggregator::DropoutTask task{client.party.position,
                                 client.party.identity,
                                 client.mask_keys.public_key,
                                 Shares(client, client.m),
                                 {}};
    for (const uint32_t position : SurvivingNeighbours(client)) {
      const Client& neighbour = clients_[position];
      task.surviving_neighbours.push_back(
          {position, neighbour.party.identity, neighbour.mask_keys.public_key});
    }
    return task;
  }

  const crypto::Digest kHeaderHash = crypto::Sha256(crypto::AsBytes("header"));
  const crypto::Digest kTranscript = crypto::Sha256(crypto::AsBytes("transcript"));
  const crypto::GraphParameters parameters_;
  const crypto::NeighbourGraph graph_;
  std::vector<bool> survives_;
  crypto::DeterministicRandom random_;
  std::vector<Client> clients_;
};

}  // namespace

aggregator::UnmaskPlan MakeUnmaskPlan(const crypto::GraphRequest& request, uint32_t dropouts) {
  return PlanMaker(request, dropouts).Make();
}

}  // namespace veilsum::bench
