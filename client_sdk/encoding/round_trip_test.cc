// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Encode, add up as the aggregator does, decode: over cohorts, sizes and weights.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/decoder.h"
#include "client_sdk/encoding/encoder.h"
#include "crypto/masking/packing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

using ::testing::HasSubstr;

struct Cohort {
  uint32_t clients;
  uint64_t dimension;
  uint32_t bits;
  uint64_t max_weight;
  float clip;
};

v1::VectorSpec SpecOf(const Cohort& cohort) {
  v1::VectorSpec spec;
  spec.set_dimension(cohort.dimension);
  spec.set_clip(cohort.clip);
  spec.set_quantisation_bits(cohort.bits);
  spec.set_max_weight(cohort.max_weight);
  spec.set_modulus_bits(ModulusBits(cohort.clients, cohort.max_weight, cohort.bits).value());
  return spec;
}

crypto::RandomSeed SeedOf(uint32_t client) {
  return crypto::RandomSeed::Generate([&](absl::Span<uint8_t> out) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(client >> (8 * (i % 4)));
  });
}

std::string PackLanes(const crypto::LaneVector& values, uint32_t bits) {
  std::string packed(crypto::PackedSize(values.size(), bits), '\0');
  values.Visit([&](auto lanes) {
    EXPECT_TRUE(
        crypto::Pack(lanes, bits,
                     absl::MakeSpan(reinterpret_cast<uint8_t*>(packed.data()), packed.size()))
            .ok());
  });
  return packed;
}

// Adds without masks, in lanes, as the accumulator does.
class PlainSum {
 public:
  explicit PlainSum(const v1::VectorSpec& spec)
      : bits_(spec.modulus_bits()),
        sum_(crypto::LaneVector::ForModulus(spec.modulus_bits(), spec.dimension() + 1)) {}

  void Add(const crypto::LaneVector& input) {
    const std::string packed = PackLanes(input, bits_);
    sum_.Visit([&](auto lanes) {
      EXPECT_TRUE(crypto::UnpackAdd(crypto::AsBytes(packed), bits_, lanes).ok());
    });
  }
  std::string Packed() const { return PackLanes(sum_, bits_); }

 private:
  uint32_t bits_;
  crypto::LaneVector sum_;
};

class RoundTripTest : public testing::TestWithParam<Cohort> {};

TEST_P(RoundTripTest, MeanIsWithinTheStatedBoundOfTheTrueOne) {
  const Cohort cohort = GetParam();
  const v1::VectorSpec spec = SpecOf(cohort);
  std::mt19937_64 random(cohort.clients * 1000 + cohort.bits);
  std::uniform_real_distribution<float> value(-1.2f * cohort.clip, 1.2f * cohort.clip);
  std::uniform_int_distribution<uint64_t> any_weight(1, cohort.max_weight);

  PlainSum sum(spec);
  std::vector<long double> weighted(cohort.dimension, 0);
  uint64_t weights = 0;
  for (uint32_t client = 0; client < cohort.clients; ++client) {
    std::vector<float> update(cohort.dimension);
    for (float& element : update) element = value(random);
    const uint64_t weight = any_weight(random);
    const auto encoded = EncodeUpdate(update, weight, spec, SeedOf(client));
    ASSERT_TRUE(encoded.ok()) << encoded.status();
    sum.Add(encoded->values);
    for (size_t i = 0; i < update.size(); ++i) {
      weighted[i] +=
          static_cast<long double>(weight) * std::clamp(update[i], -cohort.clip, cohort.clip);
    }
    weights += weight;
  }

  const auto decoded = DecodeSum(sum.Packed(), spec, cohort.clients);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->weight_sum, weights);
  ASSERT_EQ(decoded->mean.size(), cohort.dimension);
  double worst = 0;
  for (size_t i = 0; i < cohort.dimension; ++i) {
    const auto truth = static_cast<double>(weighted[i] / weights);
    worst = std::max(worst, std::abs(decoded->mean[i] - truth));
  }
  EXPECT_LE(worst, MeanErrorBound(spec));
}

// The sum of n_max clients that all send the highest level at the highest weight does not wrap.
TEST_P(RoundTripTest, EverybodyAtTheExtremesIsExact) {
  const Cohort cohort = GetParam();
  const v1::VectorSpec spec = SpecOf(cohort);
  const std::vector<float> update(cohort.dimension, cohort.clip);
  const auto encoded = EncodeUpdate(update, cohort.max_weight, spec, SeedOf(0));
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  PlainSum sum(spec);
  for (uint32_t client = 0; client < cohort.clients; ++client) sum.Add(encoded->values);

  const uint64_t weights = cohort.clients * cohort.max_weight;
  const auto sums = UnpackSum(sum.Packed(), spec);
  ASSERT_TRUE(sums.ok()) << sums.status();
  sums->Visit([&](auto lanes) {
    EXPECT_EQ(lanes.back(), weights);
    for (size_t i = 0; i + 1 < lanes.size(); ++i) {
      ASSERT_EQ(lanes[i], weights * HighestLevel(cohort.bits));
    }
  });
  const auto decoded = DecodeSum(sum.Packed(), spec, cohort.clients);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->mean, update);
}

INSTANTIATE_TEST_SUITE_P(
    All, RoundTripTest,
    testing::Values(Cohort{2, 1, 1, 1, 1.0f}, Cohort{2, 9, 16, 1, 1.0f},
                    Cohort{3, 1000, 8, 1000, 0.01f}, Cohort{10, 4097, 16, 600, 5.0f},
                    Cohort{31, 33, 24, 1 << 20, 1e-6f}, Cohort{100, 257, 4, 1, 1.0f},
                    Cohort{255, 65, 1, 255, 2.5f}, Cohort{1000, 100, 20, 1 << 30, 100.0f},
                    Cohort{2000, 50, 12, 37, 1.0f}, Cohort{2, 40, 24, uint64_t{1} << 32, 1e30f},
                    // The decoder's windows: one and nothing else, the weights alone in the last
                    // one, several.
                    Cohort{2, 8191, 16, 3, 1.0f}, Cohort{3, 8192, 10, 3, 1.0f},
                    Cohort{4, 20'001, 16, 1000, 2.0f}),
    [](const auto& info) {
      const Cohort& cohort = info.param;
      return absl::StrCat("n", cohort.clients, "_d", cohort.dimension, "_b", cohort.bits, "_w",
                          cohort.max_weight);
    });

TEST(DecodeSumTest, RefusesSumsThatCannotBe) {
  const v1::VectorSpec spec = SpecOf({4, 2, 4, 10, 1.0f});
  const auto packed = [&](uint64_t first, uint64_t second, uint64_t weights) {
    auto lanes = crypto::LaneVector::ForModulus(spec.modulus_bits(), 3);
    lanes.Visit([&](auto out) {
      out[0] = first;
      out[1] = second;
      out[2] = weights;
    });
    return PackLanes(lanes, spec.modulus_bits());
  };
  const auto error = [&](const std::string& bytes, uint32_t included) {
    const absl::Status status = DecodeSum(bytes, spec, included).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), v1::REASON_RESULT_REFUSED);
    return std::string(status.message());
  };
  EXPECT_TRUE(DecodeSum(packed(75, 0, 5), spec, 3).ok());
  EXPECT_THAT(error(packed(76, 0, 5), 3), HasSubstr("element 0 of the sum is 76"));
  EXPECT_THAT(error(packed(0, 0, 2), 3), HasSubstr("the weight sum is 2, but 3 inputs"));
  EXPECT_THAT(error(packed(0, 0, 31), 3), HasSubstr("the weight sum is 31"));
  EXPECT_THAT(error(packed(0, 0, 0), 0), HasSubstr("the weight sum is 0"));
  EXPECT_THAT(error("", 3), HasSubstr("must be 4 bytes (3 elements of 10 bits), is 0"));
  std::string padded = packed(75, 0, 5);
  padded.back() = static_cast<char>(0x80);
  EXPECT_FALSE(error(padded, 3).empty());
}

}  // namespace
}  // namespace veilsum::client
