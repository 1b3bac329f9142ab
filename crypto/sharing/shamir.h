// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Shamir's secret sharing (1979) of 32-byte secrets over GF(2^61 − 1).
//
// A secret is five limbs of seven bytes, little-endian, the last one of four. Each limb has its own
// polynomial of degree t − 1 whose constant term is the limb and whose other coefficients are
// uniform in the field; a share is the five values at one x. Any t shares give the secret, and any
// t − 1 are independent of it. Time does not depend on the values of secrets and shares, only on
// the (public) numbers and indices.
//
// Nothing here is thread safe beyond const access.

#ifndef VEILSUM_CRYPTO_SHARING_SHAMIR_H_
#define VEILSUM_CRYPTO_SHARING_SHAMIR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

inline constexpr size_t kSharedSecretSize = 32;
inline constexpr size_t kSecretLimbs = 5;

// The values of the five polynomials at x. Secret: move-only, erased when it dies.
class Share {
 public:
  // The serialised form: the five values, 8 bytes each, little-endian. x is not in it: both ends
  // know it, as the holder's roster position + 1.
  static constexpr size_t kSerializedSize = kSecretLimbs * 8;

  // InvalidArgument for x = 0, a wrong length, and a value that is not below 2^61 − 1.
  static absl::StatusOr<Share> Parse(uint32_t x, ByteSpan serialized);

  Share(Share&& other) noexcept;
  Share& operator=(Share&& other) noexcept;
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  ~Share();

  uint32_t x() const { return x_; }
  SecretBuffer Serialize() const;
  Share Clone() const { return Share(x_, values_); }

  friend bool operator==(const Share&, const Share&) = delete;
  friend std::ostream& operator<<(std::ostream&, const Share&) = delete;

 private:
  friend absl::StatusOr<std::vector<Share>> Split(ByteSpan, size_t, absl::Span<const uint32_t>,
                                                  DeterministicRandom&);
  friend absl::Status ReconstructInto(const class LagrangeCoefficients&, absl::Span<const Share>,
                                      absl::Span<uint8_t>);
  using Values = std::array<uint64_t, kSecretLimbs>;
  Share(uint32_t x, const Values& values) : x_(x), values_(values) {}
  void Erase();

  uint32_t x_;
  Values values_;
};

// One share of `secret` for every index of `xs`, in that order; any `threshold` of them suffice.
// The polynomials come from `random`: for each power 1 … t − 1, for each limb, 8 bytes
// little-endian without the top three bits, drawn again in the one case of 2^61 − 1.
// InvalidArgument unless the secret is 32 bytes, 2 ≤ threshold ≤ xs.size(), and the indices are
// distinct and not 0.
absl::StatusOr<std::vector<Share>> Split(ByteSpan secret, size_t threshold,
                                         absl::Span<const uint32_t> xs,
                                         DeterministicRandom& random);

// The numbers by which shares at given indices are multiplied to interpolate at 0. They cost
// O(t²), once per index set: keep them while many secrets are reconstructed from the same holders.
class LagrangeCoefficients {
 public:
  // InvalidArgument if `xs` is empty, repeats an index or contains 0.
  static absl::StatusOr<LagrangeCoefficients> ForIndices(absl::Span<const uint32_t> xs);

  absl::Span<const uint32_t> indices() const { return xs_; }
  // coefficients()[i] belongs to indices()[i]; elements of the field (field.h).
  absl::Span<const uint64_t> coefficients() const { return coefficients_; }

 private:
  std::vector<uint32_t> xs_;
  std::vector<uint64_t> coefficients_;
};

// Interpolates into `secret` (32 bytes). InvalidArgument unless there is one share for every index
// of `coefficients`, in the same order, and what comes out are limbs that fit their bytes: with
// too few shares, or a wrong one, they mostly do not, but that is no proof of correct shares.
absl::Status ReconstructInto(const LagrangeCoefficients& coefficients,
                             absl::Span<const Share> shares, absl::Span<uint8_t> secret);

// The same as a typed secret: Reconstruct<SelfMaskSeed>(coefficients, shares).
template <class S>
absl::StatusOr<S> Reconstruct(const LagrangeCoefficients& coefficients,
                              absl::Span<const Share> shares) {
  static_assert(S::kSize == kSharedSecretSize);
  absl::Status status;
  S secret = S::Generate(
      [&](absl::Span<uint8_t> out) { status = ReconstructInto(coefficients, shares, out); });
  if (!status.ok()) return status;
  return secret;
}

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_SHARING_SHAMIR_H_
