// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/random.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "absl/types/span.h"
#include "crypto/primitives/boringssl.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/labels.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

static_assert(!std::is_copy_constructible_v<DeterministicRandom>);

Bytes Take(DeterministicRandom& random, size_t size) {
  Bytes out(size, 0xaa);
  random.Fill(absl::MakeSpan(out));
  return out;
}

DeterministicRandom Seeded() { return DeterministicRandom(AsBytes("seed"), "label"); }

// The definition, block by block.
Bytes ExpectedStream(size_t blocks) {
  std::array<uint8_t, 32> derived;
  Hkdf(AsBytes("seed"), {}, KdfInfo(kLabelDeterministicRandom).Add(AsBytes("label")).bytes(),
       absl::MakeSpan(derived));
  AES_KEY key;
  AES_set_encrypt_key(derived.data(), 128, &key);
  uint8_t* counter = derived.data() + 16;
  Bytes stream(blocks * 16);
  for (size_t block = 0; block < blocks; ++block) {
    AES_encrypt(counter, stream.data() + block * 16, &key);
    for (int i = 15; i >= 0 && ++counter[i] == 0; --i) {
    }
  }
  return stream;
}

TEST(DeterministicRandomTest, IsTheDocumentedKeyStream) {
  DeterministicRandom random = Seeded();
  EXPECT_EQ(Take(random, 1600), ExpectedStream(100));
}

TEST(DeterministicRandomTest, HowItIsCutDoesNotMatter) {
  const Bytes whole = ExpectedStream(400);
  DeterministicRandom cuts(AsBytes("cuts"), "sizes");
  DeterministicRandom random = Seeded();
  Bytes joined;
  while (joined.size() < whole.size()) {
    const size_t size = std::min<size_t>(cuts.NextU64() % 1200, whole.size() - joined.size());
    const Bytes part = Take(random, size);
    joined.insert(joined.end(), part.begin(), part.end());
  }
  EXPECT_EQ(joined, whole);
}

TEST(DeterministicRandomTest, IntegersAreTheNextBytesLittleEndian) {
  DeterministicRandom random = Seeded();
  Take(random, 3);
  const Bytes stream = ExpectedStream(1);
  uint64_t expected = 0;
  for (int i = 7; i >= 0; --i) expected = expected << 8 | stream[3 + i];
  EXPECT_EQ(random.NextU64(), expected);
}

TEST(DeterministicRandomTest, SeedAndLabelBothMatter) {
  DeterministicRandom random = Seeded();
  DeterministicRandom other_label(AsBytes("seed"), "Label");
  DeterministicRandom other_seed(AsBytes("Seed"), "label");
  const uint64_t value = random.NextU64();
  EXPECT_NE(value, other_label.NextU64());
  EXPECT_NE(value, other_seed.NextU64());
}

TEST(DeterministicRandomTest, AMoveContinuesTheStream) {
  DeterministicRandom random = Seeded();
  Bytes joined = Take(random, 100);
  DeterministicRandom moved = std::move(random);
  const Bytes rest = Take(moved, 60);
  joined.insert(joined.end(), rest.begin(), rest.end());
  EXPECT_EQ(joined, ExpectedStream(10));
}

TEST(RandomBytesTest, FillsTheWholeSpanDifferentlyEachTime) {
  Bytes first(64, 0);
  Bytes second(64, 0);
  RandomBytes(absl::MakeSpan(first));
  RandomBytes(absl::MakeSpan(second));
  EXPECT_NE(first, second);
  EXPECT_NE(Bytes(first.begin() + 32, first.end()), Bytes(32, 0));
}

}  // namespace
}  // namespace veilsum::crypto
