// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/mask_stream.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "crypto/masking/cpu_flags_testing.h"
#include "crypto/masking/kernels.h"
#include "crypto/primitives/boringssl.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/labels.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

MaskSeed SeedOf(uint8_t value) {
  return MaskSeed::Generate(
      [&](absl::Span<uint8_t> out) { std::fill(out.begin(), out.end(), value); });
}

StreamKey KeyOf(const std::array<uint8_t, 16>& key, const std::array<uint8_t, 16>& counter) {
  StreamKey stream{key, counter, {}, {}};
  ScheduleKey(stream);
  return stream;
}

// The stream as its definition says, block by block, with a counter of its own.
std::vector<uint8_t> KeyStream(const StreamKey& stream, size_t bytes) {
  AES_KEY schedule;
  AES_set_encrypt_key(stream.key.data(), 128, &schedule);
  std::array<uint8_t, 16> counter = stream.counter;
  std::vector<uint8_t> out;
  while (out.size() < bytes) {
    std::array<uint8_t, 16> block;
    AES_encrypt(counter.data(), block.data(), &schedule);
    out.insert(out.end(), block.begin(), block.end());
    for (size_t i = 16; i-- > 0 && ++counter[i] == 0;) {
    }
  }
  return out;
}

template <typename LaneT>
LaneT LaneAt(const std::vector<uint8_t>& bytes, size_t index) {
  LaneT lane = 0;
  for (size_t i = sizeof(LaneT); i-- > 0;) {
    lane = static_cast<LaneT>((uint64_t{lane} << 8) | bytes[index * sizeof(LaneT) + i]);
  }
  return lane;
}

class KernelTest : public ::testing::TestWithParam<size_t> {
 protected:
  const MaskKernel& kernel() const { return Kernels()[GetParam()]; }

  // Random offsets and lengths, also inside blocks and over several tiles.
  template <typename LaneT>
  void ExpectFollowsTheDefinition(const StreamKey& stream) {
    constexpr size_t kLanes = 40'000 / sizeof(LaneT);
    const std::vector<uint8_t> key_stream = KeyStream(stream, kLanes * sizeof(LaneT));
    std::mt19937_64 random(1);
    for (int round = 0; round < 60; ++round) {
      const size_t first = random() % kLanes;
      const size_t count = random() % (round % 2 == 0 ? 40 : kLanes - first + 1);
      std::vector<LaneT> before(std::min(count, kLanes - first));
      for (LaneT& lane : before) lane = static_cast<LaneT>(random());
      std::vector<LaneT> added = before;
      kernel().For<LaneT>().add(stream, first, absl::MakeSpan(added));
      for (size_t i = 0; i < added.size(); ++i) {
        const LaneT mask = LaneAt<LaneT>(key_stream, first + i);
        ASSERT_EQ(added[i], static_cast<LaneT>(before[i] + mask)) << first << " " << i;
      }
      kernel().For<LaneT>().subtract(stream, first, absl::MakeSpan(added));
      ASSERT_EQ(added, before);
      kernel().For<LaneT>().subtract(stream, first, absl::MakeSpan(added));
      for (size_t i = 0; i < added.size(); ++i) {
        const LaneT mask = LaneAt<LaneT>(key_stream, first + i);
        ASSERT_EQ(added[i], static_cast<LaneT>(before[i] - mask)) << first << " " << i;
      }
    }
  }

  void ExpectFollowsTheDefinition(const StreamKey& stream) {
    ExpectFollowsTheDefinition<uint16_t>(stream);
    ExpectFollowsTheDefinition<uint32_t>(stream);
    ExpectFollowsTheDefinition<uint64_t>(stream);
  }
};

TEST_P(KernelTest, FollowsTheDefinition) {
  ExpectFollowsTheDefinition(KeyOf({1, 2, 3}, {9, 8, 7, 6, 5, 4, 3, 2, 1}));
}

TEST_P(KernelTest, CounterCarriesIntoEveryByte) {
  std::array<uint8_t, 16> ones;
  ones.fill(0xff);
  ExpectFollowsTheDefinition(KeyOf({1}, ones));  // wraps after one block
  std::array<uint8_t, 16> low_word = {};
  std::fill(low_word.begin() + 12, low_word.end(), 0xff);
  ExpectFollowsTheDefinition(KeyOf({2}, low_word));  // leaves the low 32 bits
  std::array<uint8_t, 16> low_half = {};
  std::fill(low_half.begin() + 8, low_half.end(), 0xff);
  low_half[15] = 0xf0;
  ExpectFollowsTheDefinition(KeyOf({3}, low_half));  // leaves the low 64 bits inside a tile
}

TEST_P(KernelTest, SeeksFar) {
  // 2^40 elements of 4 bytes are 2^38 blocks: the counter advances in its sixth byte from the end.
  StreamKey near = KeyOf({4}, {});
  near.counter[16 - 5] = 0x40;
  const StreamKey far = KeyOf({4}, {});
  std::vector<uint32_t> expected(100), actual(100);
  kernel().For<uint32_t>().add(near, 0, absl::MakeSpan(expected));
  kernel().For<uint32_t>().add(far, uint64_t{1} << 40, absl::MakeSpan(actual));
  EXPECT_EQ(actual, expected);
}

// Streams whose counter soon leaves its low 32, 56, 64 or 128 bits, far and near, and lanes
// anywhere in memory, with others beside them.
template <typename LaneT>
void ExpectEqualsPortable(const MaskKernel& kernel) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 300; ++round) {
    StreamKey stream{};
    for (uint8_t& byte : stream.key) byte = static_cast<uint8_t>(random());
    for (uint8_t& byte : stream.counter) byte = static_cast<uint8_t>(random());
    ScheduleKey(stream);
    const uint64_t first = random() >> (4 + random() % 60);
    // A counter that reaches the wrap within the first blocks asked for, or somewhere before them.
    const size_t ones = std::array<size_t, 5>{0, 4, 7, 8, 16}[round % 5];
    std::fill(stream.counter.end() - ones, stream.counter.end(), 0xff);
    uint64_t back = first * sizeof(LaneT) / 16 + random() % 64;
    for (size_t i = 16; i-- > 16 - ones; back >>= 8) stream.counter[i] ^= back & 0xff;

    std::vector<LaneT> before(random() % (round % 3 == 0 ? 4000 : 150));
    for (LaneT& lane : before) lane = static_cast<LaneT>(random());
    const size_t begin = random() % (before.size() + 1);
    const size_t size = random() % (before.size() - begin + 1);
    for (const auto function : {&LaneKernel<LaneT>::add, &LaneKernel<LaneT>::subtract}) {
      std::vector<LaneT> expected = before, actual = before;
      const auto part = [&](std::vector<LaneT>& all) {
        return absl::MakeSpan(all).subspan(begin, size);
      };
      (Kernels()[0].For<LaneT>().*function)(stream, first, part(expected));
      (kernel.For<LaneT>().*function)(stream, first, part(actual));
      ASSERT_EQ(actual, expected) << round << " " << first << " " << begin << " " << size;
    }
  }
}

TEST_P(KernelTest, EqualsThePortableOne) {
  ExpectEqualsPortable<uint16_t>(kernel());
  ExpectEqualsPortable<uint32_t>(kernel());
  ExpectEqualsPortable<uint64_t>(kernel());
}

TEST_P(KernelTest, NothingToDo) { kernel().For<uint32_t>().add(KeyOf({5}, {}), 17, {}); }

INSTANTIATE_TEST_SUITE_P(All, KernelTest, ::testing::Range(size_t{0}, Kernels().size()),
                         [](const auto& info) {
                           return absl::StrReplaceAll(Kernels()[info.param].name, {{"-", "_"}});
                         });

#if defined(__x86_64__)
// Appendix A.1 of FIPS 197.
TEST(ScheduleKeyTest, ExpandsAsInTheStandard) {
  if (Kernels().size() == 1) GTEST_SKIP() << "this processor has no AES instructions";
  const StreamKey stream = KeyOf({0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15,
                                  0x88, 0x09, 0xcf, 0x4f, 0x3c},
                                 {});
  const auto round_key = [&](size_t round) {
    return absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(stream.round_keys[round].data()), 16));
  };
  EXPECT_EQ(round_key(0), "2b7e151628aed2a6abf7158809cf4f3c");
  EXPECT_EQ(round_key(1), "a0fafe1788542cb123a339392a6c7605");
  EXPECT_EQ(round_key(2), "f2c295f27a96b9435935807a7359f67f");
  EXPECT_EQ(round_key(9), "ac7766f319fadc2128d12941575c006e");
  EXPECT_EQ(round_key(10), "d014f9a8c9ee2589e13f0cc8b6630ca6");
}

// The kernel that is expected to be the fastest, from what the operating system says of the
// processor: not from what the table goes by.
TEST(KernelTableTest, TakesTheFastestKernelThatTheProcessorHas) {
  const CpuFlags flags;
  const bool has_aes = flags.Has({"aes", "pclmulqdq", "sse4_1", "sse4_2"});
  const bool has_vaes = has_aes && flags.Has({"vaes", "vpclmulqdq", "gfni", "avx512bw", "avx512vl",
                                              "avx512dq", "avx512vbmi", "avx512_vbmi2",
                                              "avx512_vnni", "avx512_bitalg", "avx512_vpopcntdq"});
  EXPECT_EQ(ActiveKernel().name, has_vaes ? "vaes-avx512" : has_aes ? "aes-ni" : "portable");
  EXPECT_EQ(Kernels().size(), 1u + has_aes + has_vaes);
}
#endif

TEST(KernelTableTest, PortableComesFirstAndCanBeForced) {
  EXPECT_EQ(Kernels()[0].name, "portable");
  const absl::string_view before = ActiveKernel().name;
  EXPECT_TRUE(SelectKernel("portable").ok());
  EXPECT_EQ(ActiveKernel().name, "portable");
  EXPECT_EQ(SelectKernel("abacus").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ActiveKernel().name, "portable");
  EXPECT_TRUE(SelectKernel(before).ok());
}

TEST(MaskStreamTest, KeyAndCounterComeFromTheSeed) {
  const MaskSeed seed = SeedOf(1);
  std::array<uint8_t, 32> expanded;
  Hkdf(ExposeSecret(seed), {}, KdfInfo(kLabelMaskStream).bytes(), absl::MakeSpan(expanded));
  std::array<uint8_t, 16> key, counter;
  std::copy_n(expanded.begin(), 16, key.begin());
  std::copy_n(expanded.begin() + 16, 16, counter.begin());
  const std::vector<uint8_t> key_stream = KeyStream(KeyOf(key, counter), 1000);
  std::vector<uint64_t> lanes(125);
  MaskStream(seed).AddTo(absl::MakeSpan(lanes), 0);
  for (size_t i = 0; i < lanes.size(); ++i) {
    ASSERT_EQ(lanes[i], LaneAt<uint64_t>(key_stream, i)) << i;
  }
}

TEST(MaskStreamTest, MovingKeepsTheStream) {
  MaskStream one(SeedOf(1));
  std::vector<uint32_t> expected(10), actual(10);
  one.AddTo(absl::MakeSpan(expected), 3);
  MaskStream two(std::move(one));
  MaskStream three(SeedOf(2));
  three = std::move(two);
  three.AddTo(absl::MakeSpan(actual), 3);
  EXPECT_EQ(actual, expected);
}

template <typename LaneT>
class ApplyMasksTest : public ::testing::Test {};
using LaneTypes = ::testing::Types<uint16_t, uint32_t, uint64_t>;
TYPED_TEST_SUITE(ApplyMasksTest, LaneTypes);

TYPED_TEST(ApplyMasksTest, EqualsOneMaskAfterTheOther) {
  std::vector<MaskStream> streams;
  for (uint8_t i = 0; i < 5; ++i) streams.emplace_back(SeedOf(i));
  std::vector<SignedMask> masks;
  for (size_t i = 0; i < 5; ++i) {
    masks.push_back({&streams[i], i % 2 == 0 ? MaskSign::kAdd : MaskSign::kSubtract});
  }
  std::vector<TypeParam> vector(30'001);
  std::iota(vector.begin(), vector.end(), TypeParam{0});
  std::vector<TypeParam> expected = vector;
  for (size_t i = 0; i < 5; ++i) {
    if (i % 2 == 0) {
      streams[i].AddTo(absl::MakeSpan(expected), 0);
    } else {
      streams[i].SubtractFrom(absl::MakeSpan(expected), 0);
    }
  }

  std::vector<TypeParam> whole = vector;
  ApplyMasks(absl::MakeSpan(whole), 0, masks);
  EXPECT_EQ(whole, expected);

  // In parts of any size, from the back.
  std::vector<TypeParam> parts = vector;
  for (size_t end = parts.size(); end > 0;) {
    const size_t size = std::min<size_t>(end, 7777);
    end -= size;
    ApplyMasks(absl::MakeSpan(parts).subspan(end, size), end, masks);
  }
  EXPECT_EQ(parts, expected);

  // And back.
  for (SignedMask& mask : masks) {
    mask.sign = mask.sign == MaskSign::kAdd ? MaskSign::kSubtract : MaskSign::kAdd;
  }
  ApplyMasks(absl::MakeSpan(whole), 0, masks);
  EXPECT_EQ(whole, vector);
}

}  // namespace
}  // namespace veilsum::crypto
