// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/lanes.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

TEST(LanesTest, NarrowestLaneThatFits) {
  EXPECT_EQ(LaneWidthFor(1), LaneWidth::kU16);
  EXPECT_EQ(LaneWidthFor(16), LaneWidth::kU16);
  EXPECT_EQ(LaneWidthFor(17), LaneWidth::kU32);
  EXPECT_EQ(LaneWidthFor(32), LaneWidth::kU32);
  EXPECT_EQ(LaneWidthFor(33), LaneWidth::kU64);
  EXPECT_EQ(LaneWidthFor(64), LaneWidth::kU64);
  EXPECT_EQ(LaneBytes(LaneWidth::kU16), 2u);
  EXPECT_EQ(LaneBytes(LaneWidth::kU32), 4u);
  EXPECT_EQ(LaneBytes(LaneWidth::kU64), 8u);
}

TEST(LanesTest, VectorHasTheWidthAskedForAndIsZero) {
  for (uint32_t bits = 1; bits <= kMaxModulusBits; ++bits) {
    const LaneVector vector = LaneVector::ForModulus(bits, 5);
    EXPECT_EQ(vector.width(), LaneWidthFor(bits));
    EXPECT_EQ(vector.size(), 5u);
    vector.Visit([&](auto lanes) {
      EXPECT_EQ(sizeof(lanes[0]), LaneBytes(vector.width()));
      for (const auto lane : lanes) EXPECT_EQ(lane, 0u);
    });
  }
}

TEST(LanesTest, VisitWritesThrough) {
  LaneVector vector(LaneWidth::kU32, 3);
  vector.Visit([](auto lanes) { lanes[1] = 7; });
  EXPECT_EQ(vector.Visit([](auto lanes) { return static_cast<uint64_t>(lanes[1]); }), 7u);
  EXPECT_NE(vector, LaneVector(LaneWidth::kU32, 3));
}

TEST(LanesTest, ReducingOnceAtTheEndIsEnough) {
  const uint32_t large = std::numeric_limits<uint32_t>::max() - 4;
  for (uint32_t bits = 1; bits <= 32; ++bits) {
    const uint32_t late = ReduceLane(uint32_t{large + large + 3 - 1000}, bits);
    const uint32_t early =
        ReduceLane(uint32_t{ReduceLane(large, bits) + ReduceLane(large, bits) +
                            ReduceLane(uint32_t{3}, bits) - ReduceLane(uint32_t{1000}, bits)},
                   bits);
    EXPECT_EQ(late, early) << bits;
    EXPECT_LT(late, uint64_t{1} << bits);
  }
  EXPECT_EQ(ReduceLane(~uint64_t{0}, 64), ~uint64_t{0});
  EXPECT_EQ(ReduceLane(uint16_t{0xffff}, 16), 0xffff);
  EXPECT_EQ(ReduceLane(uint16_t{0xffff}, 3), 7);
}

}  // namespace
}  // namespace veilsum::crypto
