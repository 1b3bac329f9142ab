// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "proto/vector_arithmetic.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum {
namespace {

using ::testing::HasSubstr;

TEST(ModulusBitsTest, IsTheLeastThatHoldsTheGreatestSum) {
  // One client of weight 1 at one bit: sums 0 and 1.
  EXPECT_EQ(ModulusBits(1, 1, 1).value(), 1u);
  EXPECT_EQ(ModulusBits(2, 1, 1).value(), 2u);
  // 255 · 257 = 65535 < 2^16, 256 · 257 is not below.
  EXPECT_EQ(ModulusBits(257, 1, 8).value(), 16u);
  EXPECT_EQ(ModulusBits(258, 1, 8).value(), 17u);
  // A power of two itself is not less than it.
  EXPECT_EQ(ModulusBits(8, 1, 1).value(), 4u);
  EXPECT_EQ(ModulusBits(10, 1000, 16).value(), 30u);
}

TEST(ModulusBitsTest, HoldsForEveryCombinationUpToTheLimit) {
  for (const uint32_t clients : {2u, 3u, 100u, 1000u, 9999u, 10000u}) {
    for (const uint64_t weight : {uint64_t{1}, uint64_t{7}, uint64_t{1} << 20, uint64_t{1} << 32}) {
      for (uint32_t b = 1; b <= limits::kMaxQuantisationBits; ++b) {
        const auto bits = ModulusBits(clients, weight, b);
        const long double most = static_cast<long double>(clients) * weight * HighestLevel(b);
        if (!bits.ok()) {
          EXPECT_GE(most, 9223372036854775808.0L) << clients << ' ' << weight << ' ' << b;
          continue;
        }
        const uint64_t exact = uint64_t{clients} * weight * HighestLevel(b);
        EXPECT_LT(exact, uint64_t{1} << *bits);
        EXPECT_GE(exact, uint64_t{1} << (*bits - 1));
      }
    }
  }
}

TEST(ModulusBitsTest, SpellsOutTheArithmeticWhenItDoesNotFit) {
  const absl::Status status = ModulusBits(10'000, uint64_t{1} << 32, 24).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), v1::REASON_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("10000 clients × weight 4294967296 × 16777215 levels needs 70 bits per "
                        "element, at most 63"));
}

TEST(ModulusBitsTest, RefusesFactorsOutOfRange) {
  EXPECT_THAT(std::string(ModulusBits(0, 1, 1).status().message()), HasSubstr("max_clients"));
  EXPECT_THAT(std::string(ModulusBits(10'001, 1, 1).status().message()), HasSubstr("max_clients"));
  EXPECT_THAT(std::string(ModulusBits(2, 0, 1).status().message()), HasSubstr("max_weight"));
  EXPECT_THAT(std::string(ModulusBits(2, 1, 0).status().message()), HasSubstr("quantisation_bits"));
  EXPECT_THAT(std::string(ModulusBits(2, 1, 25).status().message()),
              HasSubstr("quantisation_bits"));
}

v1::VectorSpec SpecOf(uint64_t dimension, uint32_t modulus_bits) {
  v1::VectorSpec spec;
  spec.set_dimension(dimension);
  spec.set_modulus_bits(modulus_bits);
  return spec;
}

TEST(PackedBytesTest, CountsTheWeightAndRoundsUpToWholeBytes) {
  EXPECT_EQ(PackedBytes(SpecOf(1, 17)), 5u);
  EXPECT_EQ(PackedBytes(SpecOf(7, 17)), 17u);
  EXPECT_EQ(PackedBytes(SpecOf(8, 17)), 20u);
  EXPECT_EQ(PackedBytes(SpecOf(limits::kMaxDimension, 63)), 787500008u);
}

TEST(SumReaderTest, GivesTheWeightedMean) {
  v1::VectorSpec spec;
  spec.set_clip(0.5f);
  spec.set_quantisation_bits(4);
  spec.set_max_weight(2);
  const auto reader = SumReader::Create(spec, 3, 5);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->greatest(), 75u);
  EXPECT_EQ(reader->Mean(75), 0.5f);
  EXPECT_EQ(reader->Mean(0), -0.5f);
  EXPECT_EQ(reader->Mean(30), static_cast<float>(0.5 * (30 * (2.0 / 75) - 1)));
}

TEST(SumReaderTest, RefusesWeightsThatInputsCannotHave) {
  v1::VectorSpec spec;
  spec.set_clip(1);
  spec.set_quantisation_bits(4);
  spec.set_max_weight(2);
  EXPECT_TRUE(SumReader::Create(spec, 3, 3).ok());
  EXPECT_TRUE(SumReader::Create(spec, 3, 6).ok());
  for (const uint64_t weight_sum : {0, 2, 7}) {
    const absl::Status status = SumReader::Create(spec, 3, weight_sum).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << weight_sum;
    EXPECT_EQ(ReasonOf(status), v1::REASON_RESULT_REFUSED) << weight_sum;
  }
  EXPECT_FALSE(SumReader::Create(spec, 0, 0).ok());
}

}  // namespace
}  // namespace veilsum
