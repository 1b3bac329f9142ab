// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/protocol/sharing_places.h"

#include "crypto/graph/neighbour_graph.h"
#include "crypto/primitives/transcript_hash.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

// PlaceOf is the inverse of At, and nothing else has a place.
void ExpectConsistent(const SharingPlaces& places) {
  for (uint32_t client = 0; client < places.clients(); ++client) {
    uint32_t with_place = 0;
    for (uint32_t holder = 0; holder < places.clients() + 3; ++holder) {
      const std::optional<uint32_t> place = places.PlaceOf(client, holder);
      if (!place.has_value()) continue;
      ++with_place;
      EXPECT_EQ(places.At(client, *place), holder);
      EXPECT_TRUE(places.PlaceOf(holder, client).has_value());
    }
    EXPECT_EQ(with_place, places.places());
    EXPECT_FALSE(places.PlaceOf(places.clients(), client).has_value());
  }
}

TEST(SharingPlacesTest, GivesEverybodyAPlaceOnTheCompleteGraph) {
  const SharingPlaces places(*crypto::NeighbourGraph::Complete(7), /*complete=*/true);
  EXPECT_EQ(places.places(), 7u);
  EXPECT_EQ(places.PlaceOf(3, 3), 3u);
  ExpectConsistent(places);
}

TEST(SharingPlacesTest, GivesNeighboursAPlaceOnASparseGraph) {
  const auto graph = crypto::NeighbourGraph::Harary(20, 6, crypto::Sha256({}));
  const SharingPlaces places(*graph, /*complete=*/false);
  EXPECT_EQ(places.places(), 6u);
  EXPECT_FALSE(places.PlaceOf(3, 3).has_value());
  ExpectConsistent(places);
  for (uint32_t client = 0; client < 20; ++client) {
    std::vector<uint32_t> visited;
    places.ForEach(client, [&](uint32_t position) { visited.push_back(position); });
    EXPECT_EQ(visited, graph->NeighboursOf(client));
  }
}

TEST(SharingPlacesTest, CountsMembersInPlaces) {
  const SharingPlaces places(*crypto::NeighbourGraph::Complete(4), /*complete=*/true);
  PlaceCounts counts(4);
  counts.Join(places, 0);
  counts.Join(places, 2);
  for (uint32_t client = 0; client < 4; ++client) EXPECT_EQ(counts.Of(client), 2u);
  counts.Leave(places, 2);
  for (uint32_t client = 0; client < 4; ++client) EXPECT_EQ(counts.Of(client), 1u);
}

}  // namespace
}  // namespace veilsum::aggregator
