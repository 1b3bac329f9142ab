// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/accumulate/accumulator.h"

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "crypto/masking/packing.h"
#include "crypto/primitives/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

using ::testing::HasSubstr;

crypto::DeterministicRandom Random(absl::string_view seed) {
  return crypto::DeterministicRandom(crypto::AsBytes(seed), "accumulator test");
}

uint64_t Mask(uint32_t bits) { return (uint64_t{1} << bits) - 1; }

std::vector<uint64_t> RandomElements(crypto::DeterministicRandom& random, size_t count,
                                     uint32_t bits) {
  std::vector<uint64_t> elements(count);
  for (uint64_t& element : elements) element = random.NextU64() & Mask(bits);
  return elements;
}

crypto::Bytes PackElements(const std::vector<uint64_t>& elements, uint32_t bits) {
  crypto::Bytes packed(crypto::PackedSize(elements.size(), bits));
  EXPECT_TRUE(crypto::Pack<uint64_t>(elements, bits, absl::MakeSpan(packed)).ok());
  return packed;
}

// A thread per body, backwards.
void ThreadedFor(size_t count, const std::function<void(size_t)>& body) {
  std::vector<std::thread> threads;
  for (size_t i = count; i-- > 0;) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

class AccumulatorTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(AccumulatorTest, SumsLikePlainIntegers) {
  const uint32_t bits = GetParam();
  for (size_t size : {1, 7, 8, 9, 1001, 20'003}) {
    auto random = Random(absl::StrCat(bits, " ", size));
    auto accumulator = Accumulator::Create(size, bits);
    ASSERT_TRUE(accumulator.ok());
    std::vector<uint64_t> sum(size);
    for (int client = 0; client < 5; ++client) {
      const auto elements = RandomElements(random, size, bits);
      for (size_t i = 0; i < size; ++i) sum[i] = (sum[i] + elements[i]) & Mask(bits);
      const crypto::Bytes packed = PackElements(elements, bits);
      ASSERT_EQ(packed.size(), accumulator->packed_bytes());
      ASSERT_TRUE(accumulator->FoldPacked(packed, client % 2 ? SerialFor : ThreadedFor).ok());
    }
    EXPECT_EQ(accumulator->Pack(ThreadedFor), crypto::ToString(PackElements(sum, bits)));
    EXPECT_EQ(accumulator->Pack(), crypto::ToString(PackElements(sum, bits)));
  }
}

TEST_P(AccumulatorTest, FoldsRangesInAnyOrder) {
  const uint32_t bits = GetParam();
  auto random = Random("ranges");
  const auto elements = RandomElements(random, 27, bits);
  const crypto::Bytes packed = PackElements(elements, bits);
  const crypto::ByteSpan whole = packed;
  auto accumulator = Accumulator::Create(27, bits);
  ASSERT_TRUE(accumulator->FoldRange(24, whole.subspan(3 * bits)).ok());
  ASSERT_TRUE(accumulator->FoldRange(0, whole.subspan(0, bits)).ok());
  ASSERT_TRUE(accumulator->FoldRange(8, whole.subspan(bits, 2 * bits)).ok());
  EXPECT_EQ(accumulator->Pack(), crypto::ToString(packed));
}

INSTANTIATE_TEST_SUITE_P(Moduli, AccumulatorTest, ::testing::Values(1, 13, 16, 17, 31, 32, 40, 63));

TEST(AccumulatorErrorsTest, RefusesWhatIsNotAWholeUpload) {
  auto accumulator = Accumulator::Create(9, 13);  // 117 bits: 15 bytes, three bits of padding
  const std::string before = accumulator->Pack();
  crypto::Bytes packed(15, 0xff);
  EXPECT_THAT(std::string(accumulator->FoldPacked(packed).message()),
              HasSubstr("bits after the last element"));
  packed.back() = 0x1f;
  EXPECT_TRUE(accumulator->CheckPacked(packed).ok());
  packed.push_back(0);
  EXPECT_THAT(std::string(accumulator->FoldPacked(packed).message()),
              HasSubstr("must be 15 bytes, is 16"));
  packed.resize(14);
  EXPECT_EQ(accumulator->FoldPacked(packed).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(accumulator->Pack(), before);
}

TEST(AccumulatorErrorsTest, RefusesUnalignedRanges) {
  auto accumulator = Accumulator::Create(27, 13);
  const std::string before = accumulator->Pack();
  const crypto::Bytes bytes(1000, 1);
  const crypto::ByteSpan some = bytes;
  EXPECT_FALSE(accumulator->FoldRange(4, some.subspan(0, 13)).ok());
  EXPECT_FALSE(accumulator->FoldRange(8, some.subspan(0, 12)).ok());
  EXPECT_FALSE(accumulator->FoldRange(32, some.subspan(0, 13)).ok());
  EXPECT_FALSE(accumulator->FoldRange(24, some.subspan(0, 13)).ok());
  EXPECT_FALSE(accumulator->FoldRange(0, some.subspan(0, 52)).ok());
  EXPECT_EQ(accumulator->Pack(), before);
}

TEST(AccumulatorErrorsTest, RefusesImpossibleShapes) {
  EXPECT_FALSE(Accumulator::Create(0, 13).ok());
  EXPECT_FALSE(Accumulator::Create(uint64_t{1} << 40, 13).ok());
  EXPECT_FALSE(Accumulator::Create(1, 0).ok());
  EXPECT_FALSE(Accumulator::Create(1, 64).ok());
}

}  // namespace
}  // namespace veilsum::aggregator
