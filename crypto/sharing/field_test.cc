// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/sharing/field.h"

#include <cstdint>
#include <vector>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/random.h"
#include "gtest/gtest.h"

namespace veilsum::crypto::field {
namespace {

// The definition, by division: what the branch-free forms must agree with.
uint64_t Modulo(Wide value) { return static_cast<uint64_t>(value % kPrime); }

// The corners, and seeded values all over the field.
std::vector<uint64_t> Elements() {
  std::vector<uint64_t> elements = {0,          1,          2,          (uint64_t{1} << 32) - 1,
                                    kPrime / 2, kPrime - 3, kPrime - 2, kPrime - 1};
  DeterministicRandom random(AsBytes("field test"), "elements");
  for (int i = 0; i < 200; ++i) elements.push_back(Modulo(random.NextU64()));
  return elements;
}

TEST(FieldTest, AdditionSubtractionAndMultiplicationAgreeWithDivision) {
  for (uint64_t a : Elements()) {
    for (uint64_t b : Elements()) {
      ASSERT_EQ(Add(a, b), Modulo(Wide{a} + b)) << a << " " << b;
      ASSERT_EQ(Sub(a, b), Modulo(Wide{a} + kPrime - b)) << a << " " << b;
      ASSERT_EQ(Mul(a, b), Modulo(Wide{a} * b)) << a << " " << b;
    }
  }
}

TEST(FieldTest, EveryElementButZeroHasAnInverse) {
  EXPECT_EQ(Invert(0), 0u);
  for (uint64_t a : Elements()) {
    if (a != 0) {
      ASSERT_EQ(Mul(a, Invert(a)), 1u) << a;
    }
  }
}

TEST(FieldTest, ReduceIsExactUpToItsBound) {
  const Wide bound = Wide{1} << 124;
  for (Wide value : {Wide{kPrime}, Wide{kPrime} * 2, Wide{kPrime} * kPrime, bound - 1, bound / 2}) {
    EXPECT_EQ(Reduce(value), Modulo(value));
  }
}

TEST(FieldTest, FoldOnceMakesAnySumReducible) {
  const Wide largest = ~Wide{0};
  EXPECT_LT(FoldOnce(largest), (Wide{1} << 61) + (Wide{1} << 67));
  EXPECT_EQ(Reduce(FoldOnce(largest)), Modulo(largest));
}

TEST(FieldTest, ChainsOfPartlyReducedStepsKeepTheirBound) {
  const uint64_t largest = (uint64_t{1} << 62) - 1;
  for (uint32_t small : {1u, 2u, 0xffffffffu}) {
    for (uint64_t b : {uint64_t{0}, kPrime - 1}) {
      const uint64_t result = MulSmallAddPartly(largest, small, b);
      EXPECT_LE(result, largest);
      EXPECT_EQ(Reduce(result), Modulo(Wide{largest} * small + b));
    }
  }
}

}  // namespace
}  // namespace veilsum::crypto::field
