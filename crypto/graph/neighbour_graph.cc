// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/graph/neighbour_graph.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"

namespace veilsum::crypto {
namespace {

// Uniform in [0, bound), bound > 0. The seed is public, so the number of draws may be, too.
uint64_t UniformBelow(uint64_t bound, DeterministicRandom& random) {
  const uint64_t leftover = (~bound + 1) % bound;  // 2^64 mod bound
  while (true) {
    const uint64_t draw = random.NextU64();
    if (draw <= ~uint64_t{0} - leftover) return draw % bound;
  }
}

}  // namespace

absl::StatusOr<NeighbourGraph> NeighbourGraph::Complete(uint32_t n) {
  if (n < 2) {
    return absl::InvalidArgumentError(absl::StrCat("a graph needs 2 clients, and got ", n));
  }
  return NeighbourGraph(n, n - 1);
}

absl::StatusOr<NeighbourGraph> NeighbourGraph::Harary(uint32_t n, uint32_t k, const Digest& seed) {
  if (k < 2 || k % 2 != 0 || k >= n) {
    return absl::InvalidArgumentError(absl::StrCat("a Harary graph of ", n,
                                                   " clients cannot have degree ", k,
                                                   ": it must be even and in [2, ", n, ")"));
  }
  NeighbourGraph graph(n, k);
  graph.position_at_.resize(n);
  std::iota(graph.position_at_.begin(), graph.position_at_.end(), 0u);
  DeterministicRandom random(seed, kLabelGraphPermutation);
  for (uint32_t i = n - 1; i > 0; --i) {
    const uint64_t j = UniformBelow(uint64_t{i} + 1, random);
    std::swap(graph.position_at_[i], graph.position_at_[j]);
  }
  graph.place_of_.resize(n);
  for (uint32_t place = 0; place < n; ++place) graph.place_of_[graph.position_at_[place]] = place;
  return graph;
}

std::vector<uint32_t> NeighbourGraph::NeighboursOf(uint32_t position) const {
  std::vector<uint32_t> neighbours;
  if (position >= clients_) return neighbours;
  neighbours.reserve(degree_);
  if (place_of_.empty()) {
    for (uint32_t other = 0; other < clients_; ++other) {
      if (other != position) neighbours.push_back(other);
    }
    return neighbours;
  }
  const uint64_t place = place_of_[position];
  for (uint64_t distance = 1; distance <= degree_ / 2; ++distance) {
    neighbours.push_back(position_at_[(place + distance) % clients_]);
    neighbours.push_back(position_at_[(place + clients_ - distance) % clients_]);
  }
  std::sort(neighbours.begin(), neighbours.end());
  return neighbours;
}

bool NeighbourGraph::AreNeighbours(uint32_t a, uint32_t b) const {
  if (a == b || a >= clients_ || b >= clients_) return false;
  if (place_of_.empty()) return true;
  const uint32_t low = std::min(place_of_[a], place_of_[b]);
  const uint32_t high = std::max(place_of_[a], place_of_[b]);
  const uint32_t distance = std::min(high - low, clients_ - (high - low));
  return distance <= degree_ / 2;
}

}  // namespace veilsum::crypto
