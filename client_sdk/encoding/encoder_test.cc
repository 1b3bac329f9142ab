// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/encoding/encoder.h"

#include <hwy/targets.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

using ::testing::HasSubstr;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

crypto::RandomSeed Seed(uint8_t fill) {
  return crypto::RandomSeed::Generate([&](absl::Span<uint8_t> out) {
    for (uint8_t& byte : out) byte = fill;
  });
}

v1::VectorSpec Spec(uint64_t dimension, float clip, uint32_t bits, uint64_t max_weight = 100,
                    uint32_t clients = 10) {
  v1::VectorSpec spec;
  spec.set_dimension(dimension);
  spec.set_clip(clip);
  spec.set_quantisation_bits(bits);
  spec.set_max_weight(max_weight);
  spec.set_modulus_bits(ModulusBits(clients, max_weight, bits).value());
  return spec;
}

std::vector<uint64_t> Lanes(const EncodedInput& input) {
  return input.values.Visit(
      [](auto lanes) { return std::vector<uint64_t>(lanes.begin(), lanes.end()); });
}

TEST(EncodeUpdateTest, ValuesOnTheGridAreExactAndWeighted) {
  // Two bits over [-3, 3]: levels 0 … 3 stand for -3, -1, 1, 3.
  const std::vector<float> update = {-3, -1, 1, 3};
  const auto encoded = EncodeUpdate(update, 7, Spec(4, 3, 2), Seed(1));
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  EXPECT_EQ(Lanes(*encoded), (std::vector<uint64_t>{0, 7, 14, 21, 7}));
  EXPECT_EQ(encoded->fraction_clipped, 0);
  EXPECT_EQ(encoded->norm_scale, 1);
}

TEST(EncodeUpdateTest, ClipsEachElementAndSaysHowMany) {
  const std::vector<float> update = {-100, 3.0001f, 3, std::numeric_limits<float>::max()};
  const auto encoded = EncodeUpdate(update, 1, Spec(4, 3, 2), Seed(1));
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  EXPECT_EQ(Lanes(*encoded), (std::vector<uint64_t>{0, 3, 3, 3, 1}));
  EXPECT_EQ(encoded->fraction_clipped, 0.75);
}

TEST(EncodeUpdateTest, ScalesToTheNormFirst) {
  // Norm 50, scaled to 5: (3, 4), of which the second is then clipped to 3.
  v1::VectorSpec spec = Spec(2, 3, 2);
  spec.set_norm_clip(5);
  const auto encoded = EncodeUpdate(std::vector<float>{30, 40}, 1, spec, Seed(1));
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  EXPECT_EQ(Lanes(*encoded), (std::vector<uint64_t>{3, 3, 1}));
  EXPECT_EQ(encoded->fraction_clipped, 0.5);
  EXPECT_DOUBLE_EQ(encoded->norm_scale, 0.1);
}

TEST(EncodeUpdateTest, ShorterThanTheNormStaysAsItIs) {
  v1::VectorSpec spec = Spec(2, 3, 2);
  spec.set_norm_clip(5);
  EXPECT_EQ(EncodeUpdate(std::vector<float>{3, 1}, 1, spec, Seed(1))->norm_scale, 1);
}

TEST(EncodeUpdateTest, NoLevelIsAboveTheHighest) {
  for (const float clip : {1e-38f, 0.1f, 0.3f, 1.0f, 1e-45f, 3e38f}) {
    for (uint32_t bits = 1; bits <= 24; ++bits) {
      const std::vector<float> update(5000, clip);
      const auto encoded = EncodeUpdate(update, 1, Spec(5000, clip, bits), Seed(bits));
      ASSERT_TRUE(encoded.ok()) << encoded.status();
      std::vector<uint64_t> expected(5000, HighestLevel(bits));
      expected.push_back(1);
      EXPECT_EQ(Lanes(*encoded), expected) << clip << ' ' << bits;
    }
  }
}

TEST(EncodeUpdateTest, SameSeedSameLanesOtherSeedOthers) {
  const std::vector<float> update(10'000, 0.123f);
  const v1::VectorSpec spec = Spec(update.size(), 1, 16);
  EXPECT_EQ(EncodeUpdate(update, 3, spec, Seed(1))->values,
            EncodeUpdate(update, 3, spec, Seed(1))->values);
  EXPECT_FALSE(EncodeUpdate(update, 3, spec, Seed(1))->values ==
               EncodeUpdate(update, 3, spec, Seed(2))->values);
}

// Rounds up with the probability of the fraction: the mean of many draws is within five standard
// deviations of the value (the seed is fixed, so the test either always passes or never does).
TEST(EncodeUpdateTest, RoundingIsUnbiased) {
  constexpr size_t kDraws = 200'000;
  for (const uint32_t bits : {1u, 2u, 8u}) {
    for (const double fraction : {0.0, 0.001, 0.25, 0.5, 0.9, 0.999}) {
      const double levels = static_cast<double>(HighestLevel(bits));
      const auto value = static_cast<float>(2 * fraction / levels - 1);  // Level `fraction`.
      const double level = (double{value} + 1) / 2 * levels;
      const auto encoded =
          EncodeUpdate(std::vector<float>(kDraws, value), 1, Spec(kDraws, 1, bits), Seed(42));
      ASSERT_TRUE(encoded.ok()) << encoded.status();
      const std::vector<uint64_t> lanes = Lanes(*encoded);
      const double mean = std::accumulate(lanes.begin(), lanes.end() - 1, 0.0) / kDraws;
      const double deviation = std::sqrt(level * (1 - level) / kDraws);
      EXPECT_NEAR(mean, level, 5 * deviation + 1e-9) << bits << ' ' << fraction;
    }
  }
}

// Whoever masks chunk by chunk, or makes a chunk again, gets the same lanes.
TEST(UpdateSourceTest, AnyPartIsThatPartOfTheWhole) {
  std::vector<float> update(5003);
  for (size_t i = 0; i < update.size(); ++i) update[i] = std::sin(static_cast<float>(i)) * 1.1f;
  for (const uint32_t bits : {4u, 16u, 24u}) {
    const v1::VectorSpec spec = Spec(update.size(), 1, bits, bits == 24 ? 1'000'000 : 100);
    const auto whole = EncodeUpdate(update, 99, spec, Seed(3));
    const auto source = UpdateSource::Create(update, 99, spec, Seed(3));
    ASSERT_TRUE(whole.ok() && source.ok());
    EXPECT_EQ((*source)->size(), update.size() + 1);
    whole->values.Visit([&](auto lanes) {
      using LaneT = std::remove_const_t<typename decltype(lanes)::value_type>;
      for (const size_t first : {0, 1, 7, 2047, 2048, 5000, 5003}) {
        for (const size_t count : {0, 1, 3, 2048, 4999}) {
          if (first + count > lanes.size()) continue;
          std::vector<LaneT> part(count);
          (*source)->Fill(first, absl::MakeSpan(part));
          EXPECT_EQ(absl::MakeConstSpan(part), lanes.subspan(first, count))
              << first << ' ' << count;
        }
      }
    });
  }
}

TEST(UpdateSourceTest, IsTheSameOnEveryProcessor) {
  std::vector<float> update(3001);
  for (size_t i = 0; i < update.size(); ++i) update[i] = std::sin(static_cast<float>(i)) * 1.1f;
  std::vector<EncodedInput> encoded;
  const int64_t all = hwy::SupportedTargets();
  for (const int64_t target : {int64_t{HWY_STATIC_TARGET}, int64_t{HWY_AVX2}, int64_t{HWY_AVX3}}) {
    if ((all & target) == 0) continue;
    hwy::SetSupportedTargetsForTest(target);
    for (const uint32_t bits : {1u, 11u, 24u}) {
      v1::VectorSpec spec = Spec(update.size(), 1, bits, 1000);
      spec.set_norm_clip(bits == 11 ? 20 : 0);
      auto one = EncodeUpdate(update, 999, spec, Seed(4));
      ASSERT_TRUE(one.ok());
      encoded.push_back(*std::move(one));
    }
  }
  hwy::SetSupportedTargetsForTest(0);
  ASSERT_GE(encoded.size(), 3u);
  for (size_t i = 3; i < encoded.size(); ++i) {
    EXPECT_EQ(encoded[i].values, encoded[i % 3].values) << i;
    EXPECT_EQ(encoded[i].fraction_clipped, encoded[i % 3].fraction_clipped);
    EXPECT_EQ(encoded[i].norm_scale, encoded[i % 3].norm_scale);
  }
}

struct BadInput {
  std::string name;
  std::vector<float> update;
  uint64_t weight;
  std::string message;
};

class BadInputTest : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, IsRefusedNamingWhatIsWrong) {
  const v1::VectorSpec spec = Spec(3, 1, 8);
  for (const absl::Status& status :
       {EncodeUpdate(GetParam().update, GetParam().weight, spec, Seed(1)).status(),
        CheckUpdate(GetParam().update, GetParam().weight, spec)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), v1::REASON_INVALID_ARGUMENT);
    EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadInputTest,
    testing::Values(
        BadInput{"Empty", {}, 1, "has 0 elements, the session sums vectors of 3"},
        BadInput{"TooShort", {1, 2}, 1, "has 2 elements"},
        BadInput{"TooLong", {1, 2, 3, 4}, 1, "has 4 elements"},
        BadInput{"NaN", {1, kNaN, kInfinity}, 1, "update[1] is NaN"},
        BadInput{"Infinity", {1, 2, kInfinity}, 1, "update[2] is infinite"},
        BadInput{"MinusInfinity", {-kInfinity, 2, 3}, 1, "update[0] is infinite"},
        BadInput{"WeightZero", {1, 2, 3}, 0, "from 1 to the session's max_weight of 100, is 0"},
        BadInput{"WeightTooGreat", {1, 2, 3}, 101, "max_weight of 100, is 101"}),
    [](const auto& info) { return info.param.name; });

TEST(EncodeUpdateTest, RefusesSpecsThatNoHeaderMayHold) {
  const std::vector<float> update = {1, 2, 3};
  const auto message_with = [&](auto change) {
    v1::VectorSpec spec = Spec(3, 1, 8);
    change(spec);
    const absl::Status status = EncodeUpdate(update, 1, spec, Seed(1)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message_with([](auto& spec) { spec.set_dimension(0); }), HasSubstr("dimension"));
  EXPECT_THAT(message_with([](auto& spec) { spec.set_clip(0); }), HasSubstr("clip"));
  EXPECT_THAT(message_with([](auto& spec) { spec.set_clip(kNaN); }), HasSubstr("clip"));
  EXPECT_THAT(message_with([](auto& spec) { spec.set_norm_clip(-1); }), HasSubstr("norm_clip"));
  EXPECT_THAT(message_with([](auto& spec) { spec.set_max_weight(0); }), HasSubstr("max_weight"));
  EXPECT_THAT(message_with([](auto& spec) { spec.set_quantisation_bits(25); }),
              HasSubstr("quantisation_bits"));
  EXPECT_THAT(message_with([](auto& spec) { spec.set_modulus_bits(14); }),
              HasSubstr("vector.modulus_bits: must be from 15 to 63, is 14"));
  EXPECT_THAT(message_with([](auto& spec) { spec.set_modulus_bits(64); }),
              HasSubstr("modulus_bits"));
}

}  // namespace
}  // namespace veilsum::client
