// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/graph/hypergeometric.h"

#include <algorithm>
#include <cstdint>

namespace veilsum::crypto {
namespace {

uint32_t LeastMarked(const Urn& urn) {
  const uint32_t unmarked = urn.total - urn.marked;
  return urn.draws > unmarked ? urn.draws - unmarked : 0;
}

uint32_t MostMarked(const Urn& urn) { return std::min(urn.marked, urn.draws); }

// Pr[X = x + 1] / Pr[X = x] as a fraction; the product of two 32-bit counts fits 64 bits.
struct Ratio {
  uint64_t numerator;
  uint64_t denominator;
};

Ratio StepUp(const Urn& urn, uint32_t x) {
  const uint64_t unmarked_left = uint64_t{urn.total} - urn.marked - (urn.draws - x) + 1;
  return {uint64_t{urn.marked - x} * (urn.draws - x), (uint64_t{x} + 1) * unmarked_left};
}

// The distribution is log-concave: once a step shrinks, every later one shrinks at least as much.
// What is left after such a term is a few thousand times the term at the very most, and 2^-80 of
// the sum leaves that out of reach of a 64-bit mantissa.
bool Negligible(const ScaledNumber& term, const ScaledNumber& sum) {
  return term < sum * ScaledNumber::PowerOfTwo(-80);
}

}  // namespace

Hypergeometric::Hypergeometric(uint32_t largest_total) {
  factorials_.reserve(static_cast<size_t>(largest_total) + 1);
  ScaledNumber product = ScaledNumber::FromInteger(1);
  factorials_.push_back(product);
  for (uint64_t i = 1; i <= largest_total; ++i) {
    product = product * ScaledNumber::FromInteger(i);
    factorials_.push_back(product);
  }
}

ScaledNumber Hypergeometric::Choose(uint32_t n, uint32_t k) const {
  if (k > n) return ScaledNumber();
  return factorials_[n] / (factorials_[k] * factorials_[n - k]);
}

ScaledNumber Hypergeometric::At(const Urn& urn, uint32_t x) const {
  if (x < LeastMarked(urn) || x > MostMarked(urn)) return ScaledNumber();
  return Choose(urn.marked, x) * Choose(urn.total - urn.marked, urn.draws - x) /
         Choose(urn.total, urn.draws);
}

ScaledNumber Hypergeometric::Above(const Urn& urn, uint32_t x, const ScaledNumber& enough) const {
  const uint32_t last = MostMarked(urn);
  if (x >= last) return ScaledNumber();
  const uint32_t first = std::max(x + 1, LeastMarked(urn));
  ScaledNumber term = At(urn, first);
  ScaledNumber sum = term;
  for (uint32_t i = first; i < last && sum <= enough; ++i) {
    const Ratio up = StepUp(urn, i);
    term =
        term * ScaledNumber::FromInteger(up.numerator) / ScaledNumber::FromInteger(up.denominator);
    if (up.numerator < up.denominator && Negligible(term, sum)) break;
    sum = sum + term;
  }
  return sum;
}

ScaledNumber Hypergeometric::Below(const Urn& urn, uint32_t x, const ScaledNumber& enough) const {
  const uint32_t last = LeastMarked(urn);
  if (x <= last) return ScaledNumber();
  const uint32_t first = std::min(x - 1, MostMarked(urn));
  ScaledNumber term = At(urn, first);
  ScaledNumber sum = term;
  for (uint32_t i = first; i > last && sum <= enough; --i) {
    const Ratio up = StepUp(urn, i - 1);
    term =
        term * ScaledNumber::FromInteger(up.denominator) / ScaledNumber::FromInteger(up.numerator);
    if (up.denominator < up.numerator && Negligible(term, sum)) break;
    sum = sum + term;
  }
  return sum;
}

}  // namespace veilsum::crypto
