// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Arithmetic in GF(p), p = 2^61 − 1, on secret values: no branch, table or division depends on an
// operand. A Mersenne prime makes reduction a shift and an addition, since 2^61 ≡ 1 (mod p).
//
// An element is a uint64_t in [0, p); functions take and return elements unless they say otherwise.

#ifndef VEILSUM_CRYPTO_SHARING_FIELD_H_
#define VEILSUM_CRYPTO_SHARING_FIELD_H_

#include <cstdint>

namespace veilsum::crypto::field {

inline constexpr int kBits = 61;
inline constexpr uint64_t kPrime = (uint64_t{1} << kBits) - 1;

__extension__ using Wide = unsigned __int128;

// Subtracts p once from a value below 2p. The borrow of the subtraction chooses, not a branch.
constexpr uint64_t SubtractPrimeOnce(uint64_t value) {
  const uint64_t reduced = value - kPrime;
  const uint64_t borrow_mask = uint64_t{0} - (reduced >> 63);
  return reduced + (kPrime & borrow_mask);
}

constexpr uint64_t Add(uint64_t a, uint64_t b) { return SubtractPrimeOnce(a + b); }

constexpr uint64_t Sub(uint64_t a, uint64_t b) { return SubtractPrimeOnce(a + kPrime - b); }

// Congruent to `value` and below 2^61 + 2^(bits of value − 61): not yet an element.
constexpr uint64_t ReducePartly(Wide value) {
  return (static_cast<uint64_t>(value) & kPrime) + static_cast<uint64_t>(value >> kBits);
}

// Congruent to `value`, for any value below 2^128, and below 2^61 + 2^67: makes room in a sum.
constexpr Wide FoldOnce(Wide value) { return (value & kPrime) + (value >> kBits); }

// The element congruent to any value below 2^124.
constexpr uint64_t Reduce(Wide value) {
  // First below 2^61 + 2^63, then at most 2^61 − 1 + 5 < 2p.
  return SubtractPrimeOnce(ReducePartly(ReducePartly(value)));
}

constexpr uint64_t Mul(uint64_t a, uint64_t b) { return Reduce(Wide{a} * b); }

// a * small + b for a < 2^62, small < 2^32, b < 2^61, where the result is congruent and again
// below 2^62, but not an element. The product and sum are below 2^94 + 2^61, so the partial
// reduction is at most 2^61 − 1 + 2^33. Chains of such steps need one Reduce at their end.
constexpr uint64_t MulSmallAddPartly(uint64_t a, uint32_t small, uint64_t b) {
  return ReducePartly(Wide{a} * small + b);
}

// a^(p−2), which is 1/a, or 0 for a = 0. The exponent is public: 2^61 − 3 = 4·(2^59 − 1) + 1.
constexpr uint64_t Invert(uint64_t a) {
  uint64_t power = a;  // a^(2^i − 1) after i steps.
  for (int i = 1; i < kBits - 2; ++i) power = Mul(Mul(power, power), a);
  for (int i = 0; i < 2; ++i) power = Mul(power, power);
  return Mul(power, a);
}

}  // namespace veilsum::crypto::field

#endif  // VEILSUM_CRYPTO_SHARING_FIELD_H_
