// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/graph/hypergeometric.h"

#include <cmath>
#include <cstdint>

#include "crypto/graph/scaled_number.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

const ScaledNumber kOne = ScaledNumber::FromInteger(1);

TEST(ScaledNumberTest, IntegersAreExact) {
  const auto number = [](uint64_t value) { return ScaledNumber::FromInteger(value); };
  EXPECT_EQ(number(6) * number(7), number(42));
  EXPECT_EQ(number(42) / number(7), number(6));
  EXPECT_EQ(number(~uint64_t{0}) + number(1), ScaledNumber::PowerOfTwo(64));
  EXPECT_EQ(number(3) + number(4), number(7));
  EXPECT_EQ(number(0) + number(4), number(4));
  EXPECT_EQ(number(4) + number(0), number(4));
  EXPECT_TRUE((number(0) * number(4)).IsZero());
  EXPECT_TRUE((number(4) / number(0)).IsZero());
  EXPECT_EQ(ScaledNumber::PowerOfTwo(70) + number(1), ScaledNumber::PowerOfTwo(70));
}

TEST(ScaledNumberTest, OrdersByValue) {
  const ScaledNumber zero;
  const ScaledNumber tiny = ScaledNumber::PowerOfTwo(-10'000'000);
  EXPECT_LT(zero, tiny);
  EXPECT_GT(tiny, zero);
  EXPECT_LT(tiny, kOne);
  EXPECT_LT(ScaledNumber::FromInteger(7), ScaledNumber::FromInteger(8));
  EXPECT_LT(ScaledNumber::FromInteger(8), ScaledNumber::FromInteger(9));
  EXPECT_DOUBLE_EQ(tiny.Log2(), -10'000'000);
}

TEST(HypergeometricTest, CountsSubsets) {
  const Hypergeometric drawn(60);
  EXPECT_EQ(drawn.Choose(5, 2), ScaledNumber::FromInteger(10));
  EXPECT_TRUE(drawn.Choose(5, 6).IsZero());
  EXPECT_NEAR(drawn.Choose(60, 30).Log2(), std::log2(1.1826458156486114e17), 1e-9);
}

TEST(HypergeometricTest, TailsAndPointsAddUpToOne) {
  const Hypergeometric drawn(1000);
  for (const Urn& urn : {Urn{1000, 300, 50}, Urn{1000, 950, 80}, Urn{1000, 20, 990}}) {
    for (uint32_t x = 0; x <= urn.draws; ++x) {
      const ScaledNumber all =
          drawn.Below(urn, x, kOne) + drawn.At(urn, x) + drawn.Above(urn, x, kOne);
      EXPECT_NEAR(all.Log2(), 0, 1e-12) << x;
    }
  }
}

TEST(HypergeometricTest, NothingLiesOutsideTheUrn) {
  const Hypergeometric drawn(10);
  const Urn urn{10, 6, 7};  // between 3 and 6 marked ones
  EXPECT_TRUE(drawn.At(urn, 2).IsZero());
  EXPECT_TRUE(drawn.At(urn, 7).IsZero());
  EXPECT_TRUE(drawn.Below(urn, 3, kOne).IsZero());
  EXPECT_TRUE(drawn.Above(urn, 6, kOne).IsZero());
  EXPECT_NEAR(drawn.Above(urn, 0, kOne).Log2(), 0, 1e-12);
  EXPECT_NEAR(drawn.Below(urn, 100, kOne).Log2(), 0, 1e-12);
  EXPECT_TRUE(drawn.Above(urn, 0xffffffffu, kOne).IsZero());
  EXPECT_EQ(drawn.At({10, 0, 4}, 0), kOne);
}

TEST(HypergeometricTest, StopsOnceEnoughIsReached) {
  const Hypergeometric drawn(1000);
  const Urn urn{1000, 300, 50};
  const ScaledNumber limit = ScaledNumber::PowerOfTwo(-30);
  const ScaledNumber sum = drawn.Above(urn, 10, limit);
  EXPECT_GT(sum, limit);
  EXPECT_LT(sum, drawn.Above(urn, 10, kOne));
}

}  // namespace
}  // namespace veilsum::crypto
