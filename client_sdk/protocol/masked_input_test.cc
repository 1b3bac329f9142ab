// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/protocol/masked_input.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crypto/primitives/transcript_hash.h"
#include "gtest/gtest.h"

namespace veilsum::client {
namespace {

std::unique_ptr<MaskingPlan> PlanOf(const std::vector<std::pair<uint8_t, crypto::MaskSign>>& masks,
                                    uint32_t bits) {
  std::vector<MaskingPlan::Mask> made;
  for (const auto& [fill, sign] : masks) {
    made.push_back(
        {crypto::MaskStream(crypto::MaskSeed::Generate([fill = fill](absl::Span<uint8_t> out) {
           for (uint8_t& byte : out) byte = fill;
         })),
         sign});
  }
  return std::make_unique<MaskingPlan>(std::move(made), bits);
}

constexpr auto kAdd = crypto::MaskSign::kAdd;
constexpr auto kSubtract = crypto::MaskSign::kSubtract;

crypto::LaneVector Counting(uint32_t bits, size_t size) {
  auto lanes = crypto::LaneVector::ForModulus(bits, size);
  lanes.Visit([](auto out) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<decltype(out[0] + 0)>(i % 5);
  });
  return lanes;
}

// The packed bytes do not depend on how the input is cut into chunks.
TEST(MaskingPlanTest, ChunksTogetherAreTheWhole) {
  for (const uint32_t bits : {1u, 7u, 16u, 17u, 32u, 40u, 63u}) {
    const auto plan = PlanOf({{1, kAdd}, {2, kSubtract}, {3, kAdd}}, bits);
    const auto input = Counting(bits, 20'005);
    std::string whole;
    ASSERT_TRUE(plan->MaskAndPack(input, 0, input.size(), whole).ok());
    for (const size_t chunk_bytes : {size_t{1}, size_t{1000}, size_t{1} << 14}) {
      const uint64_t step = ElementsPerChunk(bits, chunk_bytes);
      std::string chunks, chunk;
      for (uint64_t first = 0; first < input.size(); first += step) {
        const uint64_t count = std::min<uint64_t>(step, input.size() - first);
        ASSERT_TRUE(plan->MaskAndPack(input, first, count, chunk).ok());
        if (chunk_bytes > 100) {
          EXPECT_LE(chunk.size(), chunk_bytes);
        }
        chunks += chunk;
      }
      EXPECT_EQ(chunks, whole) << bits << ' ' << chunk_bytes;
    }
  }
}

TEST(MaskingPlanTest, MasksHideTheInputAndCancel) {
  const auto input = Counting(20, 100);
  std::string plain, masked, cancelled;
  ASSERT_TRUE(PlanOf({}, 20)->MaskAndPack(input, 0, 100, plain).ok());
  ASSERT_TRUE(PlanOf({{1, kAdd}}, 20)->MaskAndPack(input, 0, 100, masked).ok());
  ASSERT_TRUE(PlanOf({{1, kAdd}, {1, kSubtract}}, 20)->MaskAndPack(input, 0, 100, cancelled).ok());
  EXPECT_NE(masked, plain);
  EXPECT_EQ(cancelled, plain);
  EXPECT_EQ(input, Counting(20, 100));
}

TEST(MaskingPlanTest, RefusesRangesThatAreNoChunks) {
  const auto plan = PlanOf({{1, kAdd}}, 20);
  const auto input = Counting(20, 100);
  std::string out;
  EXPECT_FALSE(plan->MaskAndPack(input, 0, 101, out).ok());
  EXPECT_FALSE(plan->MaskAndPack(input, 104, 0, out).ok());
  EXPECT_FALSE(plan->MaskAndPack(input, 8, ~uint64_t{0}, out).ok());
  EXPECT_FALSE(plan->MaskAndPack(input, 4, 8, out).ok());
  EXPECT_FALSE(plan->MaskAndPack(input, 8, 4, out).ok());
  EXPECT_TRUE(plan->MaskAndPack(input, 96, 4, out).ok());
  // Lanes too narrow, or too wide, for the modulus.
  EXPECT_FALSE(plan->MaskAndPack(Counting(16, 100), 0, 100, out).ok());
  EXPECT_FALSE(plan->MaskAndPack(Counting(40, 100), 0, 100, out).ok());
}

TEST(ElementsPerChunkTest, FillsTheChunkAndEndsOnAByte) {
  EXPECT_EQ(ElementsPerChunk(16, 256 << 10), 131'072u);
  EXPECT_EQ(ElementsPerChunk(17, 100), 40u);
  EXPECT_EQ(ElementsPerChunk(63, 1), 8u);
}

TEST(InputDigestTest, IsOfTheLanesAsTheyStandInMemoryLittleEndian) {
  const std::vector<std::pair<uint32_t, std::string>> cases = {
      {16, std::string("\x01\x02\x03\x00", 4)},
      {32, std::string("\x01\x02\x00\x00\x03\x00\x00\x00", 8)},
      {33, std::string("\x01\x02\0\0\0\0\0\0\x03\0\0\0\0\0\0\0", 16)}};
  for (const auto& [bits, bytes] : cases) {
    auto input = crypto::LaneVector::ForModulus(bits, 2);
    input.Visit([](auto lanes) {
      lanes[0] = 0x0201;
      lanes[1] = 3;
    });
    EXPECT_EQ(InputDigest(input), crypto::Sha256(crypto::AsBytes(bytes))) << bits;
  }
}

}  // namespace
}  // namespace veilsum::client
