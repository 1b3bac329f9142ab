// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_CRYPTO_GRAPH_HYPERGEOMETRIC_H_
#define VEILSUM_CRYPTO_GRAPH_HYPERGEOMETRIC_H_

#include <cstdint>
#include <vector>

#include "crypto/graph/scaled_number.h"

namespace veilsum::crypto {

// Draws without replacement: `draws` out of `total`, of which `marked` are marked.
// Needs marked <= total and draws <= total.
struct Urn {
  uint32_t total = 0;
  uint32_t marked = 0;
  uint32_t draws = 0;
};

// Probabilities of X, the number of marked ones drawn from an Urn, for totals up to a fixed size.
// The table of factorials takes 16 bytes a value and one multiplication each to build; a
// probability at a point then costs a handful of operations, accurate to about total · 2^-60.
// Thread-safe once built.
class Hypergeometric {
 public:
  explicit Hypergeometric(uint32_t largest_total);

  // C(n, k); zero where k > n.
  ScaledNumber Choose(uint32_t n, uint32_t k) const;

  // Pr[X = x].
  ScaledNumber At(const Urn& urn, uint32_t x) const;

  // Pr[X > x] and Pr[X < x]. Summing stops once the sum is above `enough`, so that a comparison
  // with `enough` is right and cheap; otherwise the sum is complete to 64 bits.
  ScaledNumber Above(const Urn& urn, uint32_t x, const ScaledNumber& enough) const;
  ScaledNumber Below(const Urn& urn, uint32_t x, const ScaledNumber& enough) const;

 private:
  std::vector<ScaledNumber> factorials_;
};

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_GRAPH_HYPERGEOMETRIC_H_
