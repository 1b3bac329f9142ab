// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/graph/neighbour_graph.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Digest SeedOf(uint8_t value) {
  Digest seed{};
  seed[0] = value;
  return seed;
}

bool IsConnected(const NeighbourGraph& graph) {
  std::vector<bool> seen(graph.clients());
  std::vector<uint32_t> open = {0};
  uint32_t reached = 1;
  seen[0] = true;
  while (!open.empty()) {
    const uint32_t position = open.back();
    open.pop_back();
    for (uint32_t neighbour : graph.NeighboursOf(position)) {
      if (seen[neighbour]) continue;
      seen[neighbour] = true;
      ++reached;
      open.push_back(neighbour);
    }
  }
  return reached == graph.clients();
}

// Symmetric, regular, without loops, listed in ascending order, and both views agree.
void ExpectRegular(const NeighbourGraph& graph) {
  for (uint32_t a = 0; a < graph.clients(); ++a) {
    const std::vector<uint32_t> neighbours = graph.NeighboursOf(a);
    ASSERT_EQ(neighbours.size(), graph.degree());
    std::vector<uint32_t> expected;
    for (uint32_t b = 0; b < graph.clients(); ++b) {
      ASSERT_EQ(graph.AreNeighbours(a, b), graph.AreNeighbours(b, a));
      if (graph.AreNeighbours(a, b)) expected.push_back(b);
    }
    ASSERT_EQ(neighbours, expected);
    ASSERT_FALSE(graph.AreNeighbours(a, a));
  }
  EXPECT_TRUE(IsConnected(graph));
}

TEST(NeighbourGraphTest, CompleteJoinsEverybody) {
  for (uint32_t n : {2u, 3u, 10u}) {
    const auto graph = NeighbourGraph::Complete(n);
    ASSERT_TRUE(graph.ok());
    EXPECT_EQ(graph->degree(), n - 1);
    ExpectRegular(*graph);
  }
}

TEST(NeighbourGraphTest, HararyIsRegularAndConnectedForAnySeed) {
  for (uint8_t seed = 0; seed < 20; ++seed) {
    for (uint32_t n : {3u, 4u, 9u, 50u}) {
      for (uint32_t k = 2; k < n; k += 2) {
        const auto graph = NeighbourGraph::Harary(n, k, SeedOf(seed));
        ASSERT_TRUE(graph.ok());
        ExpectRegular(*graph);
      }
    }
  }
}

// Every client computes the graph for itself: a change of these lists is a change of the protocol.
// They come from another implementation (Python, with OpenSSL's AES).
TEST(NeighbourGraphTest, HararyIsTheSameEverywhere) {
  const auto graph = NeighbourGraph::Harary(10, 4, SeedOf(7));
  ASSERT_TRUE(graph.ok());
  EXPECT_THAT(graph->NeighboursOf(0), ElementsAre(3, 6, 8, 9));
  EXPECT_THAT(graph->NeighboursOf(9), ElementsAre(0, 3, 5, 7));
}

TEST(NeighbourGraphTest, SeedDecidesTheRing) {
  const auto one = NeighbourGraph::Harary(100, 4, SeedOf(1));
  const auto other = NeighbourGraph::Harary(100, 4, SeedOf(2));
  ASSERT_TRUE(one.ok() && other.ok());
  int different = 0;
  for (uint32_t a = 0; a < 100; ++a) different += one->NeighboursOf(a) != other->NeighboursOf(a);
  EXPECT_GT(different, 90);
}

// With k = 2 of n = 5 clients each of the 10 pairs is joined with probability 1/2.
TEST(NeighbourGraphTest, NoPairIsFavoured) {
  constexpr int kSeeds = 2000;
  std::vector<int> joined(25);
  for (int seed = 0; seed < kSeeds; ++seed) {
    Digest digest{};
    digest[0] = static_cast<uint8_t>(seed);
    digest[1] = static_cast<uint8_t>(seed >> 8);
    const auto graph = NeighbourGraph::Harary(5, 2, digest);
    ASSERT_TRUE(graph.ok());
    for (uint32_t a = 0; a < 5; ++a) {
      for (uint32_t b : graph->NeighboursOf(a)) ++joined[a * 5 + b];
    }
  }
  for (uint32_t a = 0; a < 5; ++a) {
    for (uint32_t b = 0; b < 5; ++b) {
      if (a == b) continue;
      EXPECT_NEAR(joined[a * 5 + b], kSeeds / 2, 120) << a << " " << b;
    }
  }
}

TEST(NeighbourGraphTest, RefusesImpossibleDegrees) {
  for (uint32_t k : {0u, 1u, 3u, 10u, 12u}) {
    EXPECT_EQ(NeighbourGraph::Harary(10, k, SeedOf(0)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << k;
  }
  EXPECT_EQ(NeighbourGraph::Complete(1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(NeighbourGraphTest, StrangersHaveNoNeighbours) {
  const auto graph = NeighbourGraph::Complete(4);
  ASSERT_TRUE(graph.ok());
  EXPECT_THAT(graph->NeighboursOf(4), IsEmpty());
  EXPECT_FALSE(graph->AreNeighbours(0, 4));
}

}  // namespace
}  // namespace veilsum::crypto
