// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/sharing/shamir.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/sharing/field.h"

namespace veilsum::crypto {
namespace {

constexpr size_t kLimbBytes = 7;
using Limbs = std::array<uint64_t, kSecretLimbs>;

constexpr size_t BytesOfLimb(size_t limb) {
  return limb + 1 < kSecretLimbs ? kLimbBytes : kSharedSecretSize - limb * kLimbBytes;
}

uint64_t LoadLittleEndian(const uint8_t* bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i > 0; --i) value = (value << 8) | bytes[i - 1];
  return value;
}

void StoreLittleEndian(uint64_t value, uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint64_t RandomElement(DeterministicRandom& random) {
  for (;;) {
    const uint64_t value = random.NextU64() & field::kPrime;
    if (Declassify(value != field::kPrime)) return value;
  }
}

// The coefficients of the five polynomials, powers[i][limb] being that of x^i. Erased at the end.
class Polynomials {
 public:
  Polynomials(ByteSpan secret, size_t threshold, DeterministicRandom& random) : powers_(threshold) {
    for (size_t limb = 0; limb < kSecretLimbs; ++limb) {
      powers_[0][limb] = LoadLittleEndian(&secret[limb * kLimbBytes], BytesOfLimb(limb));
    }
    for (size_t power = 1; power < threshold; ++power) {
      for (uint64_t& coefficient : powers_[power]) coefficient = RandomElement(random);
    }
  }
  Polynomials(const Polynomials&) = delete;
  Polynomials& operator=(const Polynomials&) = delete;
  ~Polynomials() { SecureErase(powers_.data(), powers_.size() * sizeof(Limbs)); }

  // Horner's rule on all limbs in lockstep: five independent chains keep the multiplier busy.
  Limbs ValuesAt(uint32_t x) const {
    Limbs values = powers_.back();
    for (size_t power = powers_.size() - 1; power > 0; --power) {
      const Limbs& coefficients = powers_[power - 1];
      for (size_t limb = 0; limb < kSecretLimbs; ++limb) {
        values[limb] = field::MulSmallAddPartly(values[limb], x, coefficients[limb]);
      }
    }
    for (uint64_t& value : values) value = field::Reduce(value);
    return values;
  }

 private:
  std::vector<Limbs> powers_;
};

absl::Status CheckIndices(absl::Span<const uint32_t> xs) {
  std::vector<uint32_t> sorted(xs.begin(), xs.end());
  std::sort(sorted.begin(), sorted.end());
  if (!sorted.empty() && sorted.front() == 0) {
    return absl::InvalidArgumentError("share index 0 is the secret itself and never allowed");
  }
  const auto repeated = std::adjacent_find(sorted.begin(), sorted.end());
  if (repeated != sorted.end()) {
    return absl::InvalidArgumentError(absl::StrCat("share index ", *repeated, " is repeated"));
  }
  return absl::OkStatus();
}

// A coefficient times a share is below 2^122: 32 such products, on top of a sum folded to below
// 2^68, stay below 2^128.
constexpr size_t kProductsPerFold = 32;

}  // namespace

absl::StatusOr<Share> Share::Parse(uint32_t x, ByteSpan serialized) {
  if (x == 0) return absl::InvalidArgumentError("share index 0 is never allowed");
  if (serialized.size() != kSerializedSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("a share is ", kSerializedSize, " bytes, not ", serialized.size()));
  }
  Share share(x, {});
  uint64_t too_large = 0;
  for (size_t limb = 0; limb < kSecretLimbs; ++limb) {
    const uint64_t value = LoadLittleEndian(&serialized[limb * 8], 8);
    // The top bit of p − 1 − value tells value > p − 1, except where value's own top bit is set.
    too_large |= (field::kPrime - 1 - value) | value;
    share.values_[limb] = value;
  }
  if (Declassify((too_large >> 63) != 0)) {
    return absl::InvalidArgumentError("a share has a value that is not below 2^61 - 1");
  }
  return share;
}

Share::Share(Share&& other) noexcept : x_(other.x_), values_(other.values_) { other.Erase(); }

Share& Share::operator=(Share&& other) noexcept {
  if (this != &other) {
    x_ = other.x_;
    values_ = other.values_;
    other.Erase();
  }
  return *this;
}

Share::~Share() { Erase(); }

void Share::Erase() { SecureErase(values_.data(), sizeof(values_)); }

SecretBuffer Share::Serialize() const {
  SecretBuffer serialized(kSerializedSize);
  uint8_t* out = ExposeSecretMutable(serialized).data();
  for (size_t limb = 0; limb < kSecretLimbs; ++limb) {
    StoreLittleEndian(values_[limb], out + limb * 8, 8);
  }
  return serialized;
}

absl::StatusOr<std::vector<Share>> Split(ByteSpan secret, size_t threshold,
                                         absl::Span<const uint32_t> xs,
                                         DeterministicRandom& random) {
  if (secret.size() != kSharedSecretSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("a shared secret is ", kSharedSecretSize, " bytes, not ", secret.size()));
  }
  if (threshold < 2 || threshold > xs.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "threshold ", threshold, " is not between 2 and ", xs.size(), ", the number of holders"));
  }
  if (absl::Status status = CheckIndices(xs); !status.ok()) return status;
  const Polynomials polynomials(secret, threshold, random);
  std::vector<Share> shares;
  shares.reserve(xs.size());
  for (uint32_t x : xs) shares.push_back(Share(x, polynomials.ValuesAt(x)));
  return shares;
}

absl::StatusOr<LagrangeCoefficients> LagrangeCoefficients::ForIndices(
    absl::Span<const uint32_t> xs) {
  if (xs.empty()) return absl::InvalidArgumentError("no share indices to interpolate from");
  if (absl::Status status = CheckIndices(xs); !status.ok()) return status;

  // The coefficient of x_i is (Π_j x_j) / denominator_i, where denominator_i = x_i · Π_{j≠i}
  // (x_j − x_i). All denominators grow together, so that their chains overlap in the processor;
  // they are products of absolute differences, with the sign kept apart.
  const size_t count = xs.size();
  std::vector<uint64_t> denominators(xs.begin(), xs.end());
  std::vector<uint8_t> negative(count);
  uint64_t numerator = 1;
  for (size_t j = 0; j < count; ++j) {
    const uint32_t x_j = xs[j];
    numerator = field::MulSmallAddPartly(numerator, x_j, 0);
    for (size_t i = 0; i < count; ++i) {
      const uint32_t x_i = xs[i];
      const uint32_t distance = (x_j > x_i ? x_j - x_i : x_i - x_j) + (i == j ? 1 : 0);
      denominators[i] = field::MulSmallAddPartly(denominators[i], distance, 0);
      negative[i] ^= static_cast<uint8_t>(x_j < x_i);
    }
  }

  // Montgomery's trick: one inversion for all. prefix[i] is the product of the denominators
  // before i, and `rest` the numerator over the product of those up to and with i.
  std::vector<uint64_t> prefix(count);
  uint64_t product = 1;
  for (size_t i = 0; i < count; ++i) {
    denominators[i] = field::Reduce(denominators[i]);
    prefix[i] = product;
    product = field::Mul(product, denominators[i]);
  }
  uint64_t rest = field::Mul(field::Reduce(numerator), field::Invert(product));
  LagrangeCoefficients result;
  result.xs_.assign(xs.begin(), xs.end());
  result.coefficients_.resize(count);
  for (size_t i = count; i > 0; --i) {
    const uint64_t magnitude = field::Mul(rest, prefix[i - 1]);
    result.coefficients_[i - 1] = negative[i - 1] ? field::Sub(0, magnitude) : magnitude;
    rest = field::Mul(rest, denominators[i - 1]);
  }
  return result;
}

absl::Status ReconstructInto(const LagrangeCoefficients& coefficients,
                             absl::Span<const Share> shares, absl::Span<uint8_t> secret) {
  const absl::Span<const uint32_t> xs = coefficients.indices();
  const absl::Span<const uint64_t> weights = coefficients.coefficients();
  if (secret.size() != kSharedSecretSize || shares.size() != xs.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(shares.size(), " shares do not match ", xs.size(), " coefficients"));
  }
  std::array<field::Wide, kSecretLimbs> sums = {};
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i].x() != xs[i]) {
      return absl::InvalidArgumentError(absl::StrCat("share ", i, " is for index ", shares[i].x(),
                                                     ", its coefficient for index ", xs[i]));
    }
    for (size_t limb = 0; limb < kSecretLimbs; ++limb) {
      if (i % kProductsPerFold == 0) sums[limb] = field::FoldOnce(sums[limb]);
      sums[limb] += field::Wide{weights[i]} * shares[i].values_[limb];
    }
  }
  uint64_t excess = 0;
  for (size_t limb = 0; limb < kSecretLimbs; ++limb) {
    const uint64_t value = field::Reduce(field::FoldOnce(sums[limb]));
    excess |= value >> (8 * BytesOfLimb(limb));
    StoreLittleEndian(value, &secret[limb * kLimbBytes], BytesOfLimb(limb));
  }
  SecureErase(sums.data(), sizeof(sums));
  if (Declassify(excess != 0)) {
    SecureErase(secret.data(), secret.size());
    return absl::InvalidArgumentError("the shares do not belong together: no secret comes out");
  }
  return absl::OkStatus();
}

}  // namespace veilsum::crypto
