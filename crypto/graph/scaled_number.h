// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_CRYPTO_GRAPH_SCALED_NUMBER_H_
#define VEILSUM_CRYPTO_GRAPH_SCALED_NUMBER_H_

#include <bit>
#include <cmath>
#include <compare>
#include <cstdint>
#include <limits>

namespace veilsum::crypto {

// A non-negative real number: a 64-bit mantissa and a binary exponent, in integer arithmetic.
//
// Every client of a session plans the graph for itself and must come to the same k and t. Floating
// point does not promise that: std::lgamma differs between C libraries, and a compiler may fuse a
// multiplication with an addition. These operations are integer instructions with one result on
// every machine. Results are truncated; an operation loses at most 2^-62 of the value. The exponent
// has room for the factorial of a million.
class ScaledNumber {
 public:
  constexpr ScaledNumber() = default;  // zero

  static constexpr ScaledNumber FromInteger(uint64_t value) { return Normalised(value, 0); }
  static constexpr ScaledNumber PowerOfTwo(int64_t exponent) { return Normalised(1, exponent); }

  constexpr bool IsZero() const { return mantissa_ == 0; }

  friend constexpr ScaledNumber operator*(const ScaledNumber& a, const ScaledNumber& b) {
    const Wide product = Wide{a.mantissa_} * b.mantissa_;
    const bool top = (product >> 127) != 0;
    return Normalised(static_cast<uint64_t>(product >> (top ? 64 : 63)),
                      a.exponent_ + b.exponent_ + (top ? 64 : 63));
  }

  // Division by zero gives zero; callers divide by positive counts and factorials only.
  friend constexpr ScaledNumber operator/(const ScaledNumber& a, const ScaledNumber& b) {
    if (b.IsZero()) return ScaledNumber();
    // Two normalised mantissas: the quotient lies in (2^62, 2^64) and fits.
    return Normalised(static_cast<uint64_t>((Wide{a.mantissa_} << 63) / b.mantissa_),
                      a.exponent_ - b.exponent_ - 63);
  }

  friend constexpr ScaledNumber operator+(const ScaledNumber& a, const ScaledNumber& b) {
    if (a.IsZero()) return b;
    if (b.IsZero()) return a;
    const ScaledNumber& large = a.exponent_ >= b.exponent_ ? a : b;
    const ScaledNumber& small = a.exponent_ >= b.exponent_ ? b : a;
    const int64_t shift = large.exponent_ - small.exponent_;
    if (shift >= 64) return large;
    const Wide sum = Wide{large.mantissa_} + (small.mantissa_ >> shift);
    const int carry = static_cast<int>(sum >> 64);
    return Normalised(static_cast<uint64_t>(sum >> carry), large.exponent_ + carry);
  }

  friend constexpr std::strong_ordering operator<=>(const ScaledNumber& a, const ScaledNumber& b) {
    // Zero keeps exponent 0, so it has to be told apart before exponents are compared.
    if (a.IsZero() || b.IsZero()) return a.mantissa_ <=> b.mantissa_;
    if (a.exponent_ != b.exponent_) return a.exponent_ <=> b.exponent_;
    return a.mantissa_ <=> b.mantissa_;
  }
  friend constexpr bool operator==(const ScaledNumber& a, const ScaledNumber& b) = default;

  // Base-2 logarithm for people to read, minus infinity for zero. Decides nothing.
  double Log2() const {
    if (IsZero()) return -std::numeric_limits<double>::infinity();
    return std::log2(static_cast<double>(mantissa_)) + static_cast<double>(exponent_);
  }

 private:
  __extension__ using Wide = unsigned __int128;

  static constexpr ScaledNumber Normalised(uint64_t mantissa, int64_t exponent) {
    ScaledNumber number;
    if (mantissa == 0) return number;
    const int shift = std::countl_zero(mantissa);
    number.mantissa_ = mantissa << shift;
    number.exponent_ = exponent - shift;
    return number;
  }

  uint64_t mantissa_ = 0;  // top bit set, except for zero
  int64_t exponent_ = 0;   // value = mantissa · 2^exponent
};

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_GRAPH_SCALED_NUMBER_H_
