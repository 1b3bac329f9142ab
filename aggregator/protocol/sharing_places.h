// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Who holds whose shares. A client's places are the positions that its ShareKeys body must list,
// ascending: its neighbours, and on the complete graph itself too.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_SHARING_PLACES_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_SHARING_PLACES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "crypto/graph/neighbour_graph.h"

namespace veilsum::aggregator {

// Symmetric: u holds shares of v if and only if v holds shares of u. Memory: n · k positions for a
// sparse graph, nothing for the complete one.
class SharingPlaces {
 public:
  // `complete`: the graph rule of the header, which decides whether clients hold own shares.
  SharingPlaces(const crypto::NeighbourGraph& graph, bool complete)
      : clients_(graph.clients()), complete_(complete) {
    places_ = complete_ ? clients_ : graph.degree();
    if (complete_) return;
    positions_.reserve(size_t{clients_} * places_);
    for (uint32_t position = 0; position < clients_; ++position) {
      const std::vector<uint32_t> neighbours = graph.NeighboursOf(position);
      positions_.insert(positions_.end(), neighbours.begin(), neighbours.end());
    }
  }

  uint32_t clients() const { return clients_; }
  // Places of each client.
  uint32_t places() const { return places_; }

  // The position at a client's place, 0 ≤ place < places().
  uint32_t At(uint32_t client, uint32_t place) const {
    return complete_ ? place : positions_[size_t{client} * places_ + place];
  }
  // The inverse; nothing where `holder` has no place.
  std::optional<uint32_t> PlaceOf(uint32_t client, uint32_t holder) const;

  // visit(position) over a client's places, ascending.
  template <class Visit>
  void ForEach(uint32_t client, const Visit& visit) const {
    for (uint32_t place = 0; place < places_; ++place) visit(At(client, place));
  }

 private:
  uint32_t clients_;
  uint32_t places_;
  bool complete_;
  std::vector<uint32_t> positions_;  // places_ of each client, one client after the other
};

// How many of each client's places are taken by members of a growing set, to compare with t.
class PlaceCounts {
 public:
  explicit PlaceCounts(uint32_t clients) : counts_(clients) {}

  void Join(const SharingPlaces& places, uint32_t position) {
    places.ForEach(position, [&](uint32_t peer) { ++counts_[peer]; });
  }
  void Leave(const SharingPlaces& places, uint32_t position) {
    places.ForEach(position, [&](uint32_t peer) { --counts_[peer]; });
  }
  uint32_t Of(uint32_t position) const { return counts_[position]; }

 private:
  std::vector<uint32_t> counts_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_SHARING_PLACES_H_
