// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/sharing/field.h"
#include "crypto/sharing/shamir.h"
#include "tests/constant_time/inputs.h"
#include "tests/constant_time/operations.h"

namespace veilsum::constant_time {
namespace {

// More than Shamir's reconstruction adds up before it folds, so that every branch of it is seen.
constexpr uint32_t kHolders = 70;
constexpr uint32_t kThreshold = 40;

uint64_t MarkedElement(uint8_t number) {
  uint64_t element = 0;
  std::array<uint8_t, 8> bytes;
  FillWith(number, absl::MakeSpan(bytes));
  std::memcpy(&element, bytes.data(), bytes.size());
  element &= crypto::field::kPrime >> 1;
  (void)VALGRIND_MAKE_MEM_UNDEFINED(&element, sizeof(element));
  return element;
}

void FieldArithmetic() {
  namespace field = crypto::field;
  const uint64_t a = MarkedElement(1);
  const uint64_t b = MarkedElement(2);
  const uint64_t sum = field::Add(a, b);
  const uint64_t difference = field::Sub(a, b);
  const uint64_t product = field::Mul(sum, difference);
  uint64_t inverse = field::Invert(product);
  inverse = field::Mul(inverse, product);
  MarkPublic(inverse, "one, whatever the secret");
  if (inverse != 1) std::abort();
  volatile uint64_t kept = field::Reduce(field::MulSmallAddPartly(a, 77, b));
  (void)kept;
}

std::vector<crypto::Share> MarkedShares(uint32_t threshold) {
  crypto::DeterministicRandom random(ExposeSecret(Marked<crypto::RandomSeed>(1)),
                                     crypto::kLabelPolynomials);
  std::vector<uint32_t> xs(kHolders);
  std::iota(xs.begin(), xs.end(), 1);
  const auto secret = Marked<crypto::SelfMaskSeed>(2);
  return crypto::Split(ExposeSecret(secret), threshold, xs, random).value();
}

void Splitting() {
  const std::vector<crypto::Share> shares = MarkedShares(kThreshold);
  for (const crypto::Share& share : shares) {
    const crypto::SecretBuffer bytes = share.Serialize();
    if (!crypto::Share::Parse(share.x(), ExposeSecret(bytes)).ok()) std::abort();
  }
}

void Reconstructing() {
  std::vector<crypto::Share> shares = MarkedShares(kThreshold);
  shares.erase(shares.begin(), shares.begin() + 20);
  shares.erase(shares.begin() + kThreshold, shares.end());
  std::vector<uint32_t> xs;
  for (const crypto::Share& share : shares) xs.push_back(share.x());
  const auto coefficients = crypto::LagrangeCoefficients::ForIndices(xs).value();
  const auto secret = crypto::Reconstruct<crypto::SelfMaskSeed>(coefficients, shares).value();
  if (!crypto::ConstantTimeEqual(ExposeSecret(secret),
                                 ExposeSecret(Marked<crypto::SelfMaskSeed>(2)))) {
    std::abort();
  }
}

// Fewer shares than it takes: that it fails is public, and only that.
void ReconstructingInVain() {
  std::vector<crypto::Share> shares = MarkedShares(kThreshold);
  shares.erase(shares.begin() + 3, shares.end());
  const auto coefficients = crypto::LagrangeCoefficients::ForIndices({1, 2, 3}).value();
  if (crypto::Reconstruct<crypto::SelfMaskSeed>(coefficients, shares).ok()) std::abort();
}

}  // namespace

std::vector<Operation> SharingOperations() {
  return {{"field arithmetic", FieldArithmetic},
          {"split, serialise and parse shares", Splitting},
          {"reconstruct", Reconstructing},
          {"reconstruct from too few", ReconstructingInVain}};
}

}  // namespace veilsum::constant_time
