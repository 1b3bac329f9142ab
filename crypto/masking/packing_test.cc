// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/packing.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "crypto/masking/cpu_flags_testing.h"
#include "crypto/masking/lanes.h"
#include "crypto/masking/packing_kernels.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The definition, bit by bit.
template <typename LaneT>
std::vector<uint8_t> PackSlowly(const std::vector<LaneT>& lanes, uint32_t bits) {
  std::vector<uint8_t> out((lanes.size() * bits + 7) / 8);
  for (size_t i = 0; i < lanes.size() * bits; ++i) {
    const uint64_t bit = (uint64_t{lanes[i / bits]} >> (i % bits)) & 1;
    out[i / 8] = static_cast<uint8_t>(out[i / 8] | (bit << (i % 8)));
  }
  return out;
}

template <typename LaneT>
class PackingTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kLaneBits = 8 * sizeof(LaneT);

  std::vector<LaneT> RandomLanes(size_t count) {
    std::vector<LaneT> lanes(count);
    for (LaneT& lane : lanes) lane = static_cast<LaneT>(random_());
    return lanes;
  }

  std::mt19937_64 random_{1};
};
using LaneTypes = ::testing::Types<uint16_t, uint32_t, uint64_t>;
TYPED_TEST_SUITE(PackingTest, LaneTypes);

TYPED_TEST(PackingTest, FollowsTheDefinitionForEveryModulusAndCount) {
  for (uint32_t bits = 1; bits <= this->kLaneBits; ++bits) {
    for (size_t count : {0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 100, 1001}) {
      const std::vector<TypeParam> lanes = this->RandomLanes(count);
      std::vector<uint8_t> packed(PackedSize(count, bits), 0xaa);
      ASSERT_TRUE(Pack<TypeParam>(lanes, bits, absl::MakeSpan(packed)).ok());
      ASSERT_EQ(packed, PackSlowly(lanes, bits)) << bits << " " << count;

      std::vector<TypeParam> unpacked(count, 0x55);
      ASSERT_TRUE(Unpack<TypeParam>(packed, bits, absl::MakeSpan(unpacked)).ok());
      const std::vector<TypeParam> before = this->RandomLanes(count);
      std::vector<TypeParam> sum = before;
      ASSERT_TRUE(UnpackAdd<TypeParam>(packed, bits, absl::MakeSpan(sum)).ok());
      for (size_t i = 0; i < count; ++i) {
        ASSERT_EQ(unpacked[i], ReduceLane(lanes[i], bits)) << bits << " " << count << " " << i;
        ASSERT_EQ(sum[i], static_cast<TypeParam>(before[i] + unpacked[i]));
      }
    }
  }
}

// Every kernel by itself: the elements that it does are right, nothing beside its spans changes,
// and from the fewest bits on that it knows it leaves no more than two vectors over.
TYPED_TEST(PackingTest, KernelsFollowTheDefinition) {
  constexpr size_t kBefore = 3;
  constexpr size_t kAfter = 70;
  for (const PackingKernel& kernel : PackingKernels()) {
    const LanePacking<TypeParam>& functions = kernel.For<TypeParam>();
    for (uint32_t bits = 1; bits <= this->kLaneBits; ++bits) {
      const bool knows =
          kernel.name != "portable" && this->kLaneBits <= 32 && bits >= this->kLaneBits / 2;
      const size_t may_be_left = knows ? 128 / sizeof(TypeParam) : 1000;
      for (size_t count : {0, 1, 8, 31, 32, 33, 64, 65, 100, 127, 1000}) {
        const std::vector<TypeParam> lanes = this->RandomLanes(count);
        const std::vector<uint8_t> expected = PackSlowly(lanes, bits);
        std::vector<uint8_t> out(kBefore + expected.size() + kAfter, 0xaa);
        const auto packed = absl::MakeSpan(out).subspan(kBefore, expected.size());
        const size_t done = functions.pack(lanes, bits, packed);
        ASSERT_EQ(done % kElementsPerAlignment, 0u);
        ASSERT_LE(done, count);
        ASSERT_TRUE(
            std::equal(packed.begin(), packed.begin() + PackedSize(done, bits), expected.begin()))
            << kernel.name << " " << bits << " " << count;
        std::fill(packed.begin(), packed.end(), 0xaa);
        ASSERT_EQ(out, std::vector<uint8_t>(out.size(), 0xaa)) << kernel.name << " " << bits;

        std::copy(expected.begin(), expected.end(), packed.begin());
        for (const bool add : {false, true}) {
          const std::vector<TypeParam> before = this->RandomLanes(kBefore + count + kAfter);
          std::vector<TypeParam> after = before;
          const auto part = absl::MakeSpan(after).subspan(kBefore, count);
          const size_t unpacked =
              (add ? functions.unpack_add : functions.unpack)(packed, bits, part);
          ASSERT_EQ(unpacked % kElementsPerAlignment, 0u);
          ASSERT_LE(unpacked, count);
          std::vector<TypeParam> wanted = before;
          for (size_t i = 0; i < unpacked; ++i) {
            TypeParam& lane = wanted[kBefore + i];
            lane = static_cast<TypeParam>((add ? lane : 0) + ReduceLane(lanes[i], bits));
          }
          ASSERT_EQ(after, wanted) << kernel.name << " " << bits << " " << count << " " << add;
          ASSERT_GE(unpacked + may_be_left, count);
        }
        ASSERT_GE(done + may_be_left, count) << kernel.name << " " << bits;
      }
    }
  }
}

TYPED_TEST(PackingTest, ChunksPackLikeTheWhole) {
  for (uint32_t bits : {1u, 5u, 11u, 16u}) {
    const std::vector<TypeParam> lanes = this->RandomLanes(100);
    const size_t cut = 3 * kElementsPerAlignment;
    std::vector<uint8_t> packed(PackedSize(100, bits));
    const auto head = absl::MakeSpan(packed).subspan(0, PackedSize(cut, bits));
    const auto tail = absl::MakeSpan(packed).subspan(head.size());
    const auto all = absl::MakeConstSpan(lanes);
    ASSERT_TRUE(Pack<TypeParam>(all.subspan(0, cut), bits, head).ok());
    ASSERT_TRUE(Pack<TypeParam>(all.subspan(cut), bits, tail).ok());
    EXPECT_EQ(packed, PackSlowly(lanes, bits));
  }
}

TYPED_TEST(PackingTest, RefusesWrongSizes) {
  std::vector<TypeParam> lanes(10, 1);
  const size_t right = PackedSize(10, 13);
  for (size_t size : {right - 1, right + 1, size_t{0}}) {
    std::vector<uint8_t> bytes(size);
    EXPECT_EQ(Pack<TypeParam>(lanes, 13, absl::MakeSpan(bytes)).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Unpack<TypeParam>(bytes, 13, absl::MakeSpan(lanes)).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(UnpackAdd<TypeParam>(bytes, 13, absl::MakeSpan(lanes)).code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(lanes, std::vector<TypeParam>(10, 1));
}

TYPED_TEST(PackingTest, RefusesModuliThatDoNotFit) {
  std::vector<TypeParam> lanes(8);
  for (uint32_t bits : {0u, this->kLaneBits + 1, 65u, 0xffffffffu}) {
    std::vector<uint8_t> bytes(bits <= 65 ? bits : 8);
    EXPECT_EQ(Pack<TypeParam>(lanes, bits, absl::MakeSpan(bytes)).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Unpack<TypeParam>(bytes, bits, absl::MakeSpan(lanes)).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TYPED_TEST(PackingTest, RefusesPaddingThatIsNotZero) {
  std::vector<TypeParam> lanes(3);
  for (int bit = 7; bit < 8; ++bit) {  // 3 · 13 = 39 bits: one bit of padding
    std::vector<uint8_t> bytes(5);
    bytes[4] = static_cast<uint8_t>(1 << bit);
    const absl::Status refused = Unpack<TypeParam>(bytes, 13, absl::MakeSpan(lanes));
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(refused.message()), HasSubstr("not all zero"));
    EXPECT_FALSE(UnpackAdd<TypeParam>(bytes, 13, absl::MakeSpan(lanes)).ok());
  }
  EXPECT_THAT(lanes, ElementsAre(0, 0, 0));
  // The last byte belongs to an element as a whole: nothing to check.
  EXPECT_TRUE(
      Unpack<TypeParam>(std::vector<uint8_t>(2, 0xff), 16, absl::MakeSpan(lanes).subspan(0, 1))
          .ok());
}

#if defined(__x86_64__)
TEST(PackingKernelsTest, TheFastestThatTheProcessorHasComesLast) {
  const CpuFlags flags;
  const bool avx2 = flags.Has({"avx2", "bmi2", "fma", "f16c"});
  const bool avx512 = avx2 && flags.Has({"avx512f", "avx512bw", "avx512dq", "avx512vl"});
  EXPECT_EQ(PackingKernels().back().name, avx512 ? "avx512" : avx2 ? "avx2" : "portable");
  EXPECT_EQ(PackingKernels().size(), 1u + avx2 + avx512);
}
#endif

TEST(PackedSizeTest, IsExact) {
  EXPECT_EQ(PackedSize(0, 13), 0u);
  EXPECT_EQ(PackedSize(1, 1), 1u);
  EXPECT_EQ(PackedSize(8, 13), 13u);
  EXPECT_EQ(PackedSize(9, 13), 15u);
  EXPECT_EQ(PackedSize(7, 64), 56u);
  EXPECT_EQ(PackedSize(1'000'000'000'000, 64), 8'000'000'000'000u);
}

}  // namespace
}  // namespace veilsum::crypto
