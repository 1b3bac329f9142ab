// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_CRYPTO_GRAPH_NEIGHBOUR_GRAPH_H_
#define VEILSUM_CRYPTO_GRAPH_NEIGHBOUR_GRAPH_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::crypto {

// Who masks with whom and holds whose shares. Clients are positions 0 .. n-1 in the roster.
//
// A value: copyable, immutable, thread-safe to read. Takes O(n) memory however large the degree;
// nothing at all for a complete graph.
class NeighbourGraph {
 public:
  // Everybody is everybody's neighbour. InvalidArgument for n < 2.
  static absl::StatusOr<NeighbourGraph> Complete(uint32_t n);

  // A Harary graph on a ring whose order nobody chose (Bell et al. 2020, section 3): the positions
  // 0 .. n-1 are shuffled by Fisher-Yates (i from n-1 down to 1 swaps with a uniform j in [0, i])
  // out of DeterministicRandom(seed, kLabelGraphPermutation), and each is joined to the k/2 before
  // and the k/2 after it on the ring. A uniform j below a bound is a 64-bit draw modulo the bound,
  // drawn again while it is at or above the largest multiple of the bound in 2^64.
  // The seed comes from the transcript, so that it is fixed only once the roster is.
  //
  // InvalidArgument unless k is even and 2 <= k < n.
  static absl::StatusOr<NeighbourGraph> Harary(uint32_t n, uint32_t k, const Digest& seed);

  uint32_t clients() const { return clients_; }
  uint32_t degree() const { return degree_; }

  // Ascending, `degree()` of them, never `position` itself. Empty for a position outside the
  // roster.
  std::vector<uint32_t> NeighboursOf(uint32_t position) const;

  // Symmetric, and false for a == b and for positions outside the roster.
  bool AreNeighbours(uint32_t a, uint32_t b) const;

 private:
  NeighbourGraph(uint32_t clients, uint32_t degree) : clients_(clients), degree_(degree) {}

  uint32_t clients_;
  uint32_t degree_;
  // Both empty for the complete graph.
  std::vector<uint32_t> position_at_;  // place on the ring → position in the roster
  std::vector<uint32_t> place_of_;     // the inverse
};

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_GRAPH_NEIGHBOUR_GRAPH_H_
