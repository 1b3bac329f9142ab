// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/sharing/shamir.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <numeric>
#include <ostream>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/secret.h"
#include "crypto/sharing/field.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!std::is_copy_constructible_v<Share> && !std::is_copy_assignable_v<Share>);
static_assert(std::is_nothrow_move_constructible_v<Share>);
static_assert(!Streamable<Share> && !std::equality_comparable<Share>);

Bytes RandomSecret(DeterministicRandom& random) {
  Bytes secret(kSharedSecretSize);
  random.Fill(absl::MakeSpan(secret));
  return secret;
}

std::vector<uint32_t> FirstIndices(size_t count) {
  std::vector<uint32_t> xs(count);
  std::iota(xs.begin(), xs.end(), 1u);
  return xs;
}

std::vector<uint32_t> RandomIndices(size_t count, DeterministicRandom& random) {
  std::vector<uint32_t> xs;
  while (xs.size() < count) {
    const uint32_t x = static_cast<uint32_t>(random.NextU64());
    if (x != 0 && std::find(xs.begin(), xs.end(), x) == xs.end()) xs.push_back(x);
  }
  return xs;
}

uint64_t Below(uint64_t bound, DeterministicRandom& random) { return random.NextU64() % bound; }

// `count` of the shares, in random order.
std::vector<Share> Choose(absl::Span<const Share> shares, size_t count,
                          DeterministicRandom& random) {
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<Share> chosen;
  for (size_t i = 0; i < count; ++i) {
    std::swap(order[i], order[i + Below(order.size() - i, random)]);
    chosen.push_back(shares[order[i]].Clone());
  }
  return chosen;
}

std::vector<uint32_t> IndicesOf(absl::Span<const Share> shares) {
  std::vector<uint32_t> xs;
  for (const Share& share : shares) xs.push_back(share.x());
  return xs;
}

absl::StatusOr<Bytes> Combine(absl::Span<const Share> shares) {
  absl::StatusOr<LagrangeCoefficients> coefficients =
      LagrangeCoefficients::ForIndices(IndicesOf(shares));
  if (!coefficients.ok()) return coefficients.status();
  Bytes secret(kSharedSecretSize);
  absl::Status status = ReconstructInto(*coefficients, shares, absl::MakeSpan(secret));
  if (!status.ok()) return status;
  return secret;
}

std::array<uint64_t, kSecretLimbs> ValuesOf(const Share& share) {
  const SecretBuffer serialized = share.Serialize();
  std::array<uint64_t, kSecretLimbs> values = {};
  for (size_t i = 0; i < Share::kSerializedSize; ++i) {
    values[i / 8] |= uint64_t{ExposeSecret(serialized)[i]} << (8 * (i % 8));
  }
  return values;
}

Share ShareOf(uint32_t x, const std::array<uint64_t, kSecretLimbs>& values) {
  Bytes serialized(Share::kSerializedSize);
  for (size_t i = 0; i < serialized.size(); ++i) {
    serialized[i] = static_cast<uint8_t>(values[i / 8] >> (8 * (i % 8)));
  }
  return *Share::Parse(x, serialized);
}

TEST(ShamirTest, AnyThresholdOfTheSharesGiveTheSecret) {
  DeterministicRandom random(AsBytes("shamir test"), "any threshold");
  for (int round = 0; round < 200; ++round) {
    const size_t holders = 2 + Below(40, random);
    const size_t threshold = 2 + Below(holders - 1, random);
    const Bytes secret = RandomSecret(random);
    const std::vector<uint32_t> xs =
        round % 2 == 0 ? FirstIndices(holders) : RandomIndices(holders, random);
    auto shares = Split(secret, threshold, xs, random);
    ASSERT_TRUE(shares.ok()) << shares.status();
    ASSERT_EQ(IndicesOf(*shares), xs);
    const size_t given = threshold + Below(holders - threshold + 1, random);
    auto combined = Combine(Choose(*shares, given, random));
    ASSERT_TRUE(combined.ok()) << combined.status();
    ASSERT_EQ(*combined, secret) << threshold << " of " << holders << ", given " << given;
  }
}

TEST(ShamirTest, ExtremeSecretsAndIndicesSurvive) {
  DeterministicRandom random(AsBytes("shamir test"), "extremes");
  const std::vector<uint32_t> xs = {0xffffffffu, 1, 0xfffffffeu, 2, 0x80000000u};
  for (uint8_t byte : {0x00, 0xff}) {
    const Bytes secret(kSharedSecretSize, byte);
    auto shares = Split(secret, xs.size(), xs, random);
    ASSERT_TRUE(shares.ok());
    EXPECT_EQ(*Combine(*shares), secret);
  }
}

TEST(ShamirTest, MoreProductsThanOneFoldHoldsStayExact) {
  DeterministicRandom random(AsBytes("shamir test"), "long sums");
  const Bytes secret(kSharedSecretSize, 0xff);
  for (size_t threshold : {31u, 32u, 33u, 64u, 65u, 300u}) {
    auto shares = Split(secret, threshold, RandomIndices(threshold, random), random);
    ASSERT_TRUE(shares.ok());
    EXPECT_EQ(*Combine(*shares), secret) << threshold;
  }
}

// Perfect privacy, constructively: whatever t − 1 holders know, for every other secret there is
// a last share under which interpolation gives that secret. λ is the coefficient of the last x, so
// the last share must move by (other − secret)/λ.
TEST(ShamirTest, OneShareTooFewIsConsistentWithEverySecret) {
  DeterministicRandom random(AsBytes("shamir test"), "privacy");
  constexpr size_t kThreshold = 5;
  const std::vector<uint32_t> xs = FirstIndices(kThreshold);
  auto coefficients = LagrangeCoefficients::ForIndices(xs);
  ASSERT_TRUE(coefficients.ok());
  const uint64_t inverse = field::Invert(coefficients->coefficients().back());
  for (int round = 0; round < 50; ++round) {
    auto shares = Split(RandomSecret(random), kThreshold, xs, random);
    ASSERT_TRUE(shares.ok());
    const Bytes other = RandomSecret(random);
    auto others = Split(other, kThreshold, xs, random);
    // The same t − 1 shares: how far interpolation over them alone is from the other secret.
    std::array<uint64_t, kSecretLimbs> last = {};
    for (size_t i = 0; i < kThreshold; ++i) {
      const auto target = ValuesOf((*others)[i]);
      const auto known = ValuesOf((*shares)[i]);
      const uint64_t weight = coefficients->coefficients()[i];
      for (size_t limb = 0; limb < kSecretLimbs; ++limb) {
        uint64_t term = field::Mul(weight, target[limb]);
        if (i + 1 < kThreshold) term = field::Sub(term, field::Mul(weight, known[limb]));
        last[limb] = field::Add(last[limb], term);
      }
    }
    for (uint64_t& value : last) value = field::Mul(value, inverse);
    (*shares)[kThreshold - 1] = ShareOf(xs.back(), last);
    ASSERT_EQ(*Combine(*shares), other);
  }
}

// Each single share of a fixed secret is spread over the field: the top bits of its values take
// every pattern about equally often (chi-square with 15 degrees of freedom, seeded).
TEST(ShamirTest, OneShareOfAFixedSecretLooksUniform) {
  DeterministicRandom random(AsBytes("shamir test"), "uniform");
  const Bytes secret(kSharedSecretSize, 0);
  const std::vector<uint32_t> xs = {1, 2};
  constexpr int kRounds = 4000;
  std::array<int, 16> counts = {};
  for (int round = 0; round < kRounds; ++round) {
    for (uint64_t value : ValuesOf((*Split(secret, 2, xs, random))[0])) ++counts[value >> 57];
  }
  const double expected = kRounds * kSecretLimbs / 16.0;
  double statistic = 0;
  for (int count : counts) statistic += (count - expected) * (count - expected) / expected;
  EXPECT_LT(statistic, 37.7);  // Exceeded with probability 0.001.
}

TEST(ShamirTest, TheSameRandomnessGivesTheSameShares) {
  const Bytes secret(kSharedSecretSize, 7);
  auto make = [&] {
    DeterministicRandom random(AsBytes("again"), "polynomials");
    return ValuesOf((*Split(secret, 3, FirstIndices(4), random))[2]);
  };
  EXPECT_EQ(make(), make());
}

TEST(ShamirTest, SplitRefusesBadArguments) {
  DeterministicRandom random(AsBytes("shamir test"), "bad split");
  const Bytes secret(kSharedSecretSize, 1);
  const struct {
    Bytes secret;
    size_t threshold;
    std::vector<uint32_t> xs;
    const char* message;
  } kCases[] = {
      {Bytes(31), 2, {1, 2}, "32 bytes"}, {Bytes(33), 2, {1, 2}, "32 bytes"},
      {secret, 0, {1, 2}, "threshold 0"}, {secret, 1, {1, 2}, "threshold 1"},
      {secret, 3, {1, 2}, "threshold 3"}, {secret, 2, {}, "threshold 2"},
      {secret, 2, {1, 0, 2}, "index 0"},  {secret, 2, {5, 1, 5}, "index 5 is repeated"},
  };
  for (const auto& bad : kCases) {
    const auto shares = Split(bad.secret, bad.threshold, bad.xs, random);
    EXPECT_EQ(shares.status().code(), absl::StatusCode::kInvalidArgument) << bad.message;
    EXPECT_THAT(shares.status().message(), HasSubstr(bad.message));
  }
}

TEST(LagrangeCoefficientsTest, RefusesBadIndexSets) {
  for (const std::vector<uint32_t>& xs :
       std::vector<std::vector<uint32_t>>{{}, {0}, {1, 2, 0}, {3, 3}, {1, 2, 3, 1}}) {
    EXPECT_EQ(LagrangeCoefficients::ForIndices(xs).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(LagrangeCoefficientsTest, HasTheTextbookValues) {
  // Through (1, y1), (2, y2), (3, y3) at 0: 3·y1 − 3·y2 + y3.
  auto coefficients = LagrangeCoefficients::ForIndices({1, 2, 3});
  ASSERT_TRUE(coefficients.ok());
  EXPECT_THAT(coefficients->coefficients(),
              ElementsAreArray({uint64_t{3}, field::kPrime - 3, uint64_t{1}}));
  EXPECT_THAT(coefficients->indices(), ElementsAreArray({1u, 2u, 3u}));
}

TEST(ReconstructTest, GivesATypedSecret) {
  DeterministicRandom random(AsBytes("shamir test"), "typed");
  const SelfMaskSeed seed =
      SelfMaskSeed::Generate([&](absl::Span<uint8_t> out) { random.Fill(out); });
  auto shares = Split(ExposeSecret(seed), 2, FirstIndices(2), random);
  auto coefficients = LagrangeCoefficients::ForIndices(FirstIndices(2));
  auto again = Reconstruct<SelfMaskSeed>(*coefficients, *shares);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(ConstantTimeEqual(ExposeSecret(*again), ExposeSecret(seed)));
}

TEST(ReconstructTest, RefusesSharesThatDoNotFitTheCoefficients) {
  DeterministicRandom random(AsBytes("shamir test"), "unfit");
  auto shares = Split(Bytes(kSharedSecretSize), 3, FirstIndices(3), random);
  auto three = LagrangeCoefficients::ForIndices(FirstIndices(3));
  auto two = LagrangeCoefficients::ForIndices(FirstIndices(2));
  EXPECT_THAT(Reconstruct<SelfMaskSeed>(*two, *shares).status().message(),
              HasSubstr("3 shares do not match 2"));
  std::swap((*shares)[0], (*shares)[1]);
  EXPECT_THAT(Reconstruct<SelfMaskSeed>(*three, *shares).status().message(),
              HasSubstr("share 0 is for index 2"));
  Bytes short_output(kSharedSecretSize - 1);
  EXPECT_FALSE(ReconstructInto(*three, *shares, absl::MakeSpan(short_output)).ok());
}

TEST(ReconstructTest, RefusesLimbsThatDoNotFitTheirBytesAndErasesTheOutput) {
  auto coefficients = LagrangeCoefficients::ForIndices({1});
  for (size_t limb = 0; limb < kSecretLimbs; ++limb) {
    const uint64_t bound = uint64_t{1} << (limb + 1 < kSecretLimbs ? 56 : 32);
    std::array<uint64_t, kSecretLimbs> values = {1, 2, 3, 4, 5};
    Bytes secret(kSharedSecretSize);
    values[limb] = bound - 1;
    const Share fits = ShareOf(1, values);
    EXPECT_TRUE(ReconstructInto(*coefficients, {&fits, 1}, absl::MakeSpan(secret)).ok());
    EXPECT_NE(secret, Bytes(kSharedSecretSize));
    values[limb] = bound;
    const Share exceeds = ShareOf(1, values);
    EXPECT_FALSE(ReconstructInto(*coefficients, {&exceeds, 1}, absl::MakeSpan(secret)).ok());
    EXPECT_EQ(secret, Bytes(kSharedSecretSize));
  }
}

TEST(ReconstructTest, OneAlteredShareIsNoticedOrGivesAnotherSecret) {
  DeterministicRandom random(AsBytes("shamir test"), "altered");
  for (int round = 0; round < 100; ++round) {
    const Bytes secret = RandomSecret(random);
    auto shares = Split(secret, 4, FirstIndices(4), random);
    auto values = ValuesOf((*shares)[1]);
    uint64_t& value = values[Below(kSecretLimbs, random)];
    value = field::Add(value, 1);
    (*shares)[1] = ShareOf(2, values);
    auto combined = Combine(*shares);
    EXPECT_TRUE(!combined.ok() || *combined != secret);
  }
}

TEST(ShareTest, ParsesWhatItSerialised) {
  const Share share = ShareOf(9, {0, 1, field::kPrime - 1, 0x0123456789abcdef, 5});
  const SecretBuffer serialized = share.Serialize();
  ASSERT_EQ(serialized.size(), 40u);
  EXPECT_EQ(ExposeSecret(serialized)[3 * 8], 0xef);  // Little-endian.
  auto again = Share::Parse(9, ExposeSecret(serialized));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->x(), 9u);
  EXPECT_EQ(ValuesOf(*again), ValuesOf(share));
}

TEST(ShareTest, RefusesWhatIsNoShare) {
  EXPECT_FALSE(Share::Parse(0, Bytes(40)).ok());
  for (size_t size : {0u, 8u, 39u, 41u, 80u}) EXPECT_FALSE(Share::Parse(1, Bytes(size)).ok());
  for (size_t limb = 0; limb < kSecretLimbs; ++limb) {
    for (uint64_t value : {field::kPrime, field::kPrime + 1, uint64_t{1} << 62, uint64_t{1} << 63,
                           (uint64_t{1} << 63) + 1, ~uint64_t{0}}) {
      Bytes serialized(40);
      for (size_t i = 0; i < 8; ++i)
        serialized[limb * 8 + i] = static_cast<uint8_t>(value >> (8 * i));
      EXPECT_FALSE(Share::Parse(1, serialized).ok()) << value;
    }
  }
}

TEST(ShareTest, IsErasedWhenMovedFrom) {
  Share share = ShareOf(3, {1, 2, 3, 4, 5});
  const Share taken = std::move(share);
  EXPECT_EQ(ValuesOf(share),
            (std::array<uint64_t, kSecretLimbs>{}));  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(ValuesOf(taken)[4], 5u);
}

}  // namespace
}  // namespace veilsum::crypto
