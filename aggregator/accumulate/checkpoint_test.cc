// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/accumulate/checkpoint.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

crypto::IdentityPublicKey IdentityOf(absl::string_view name) {
  crypto::DeterministicRandom random(crypto::AsBytes(name), "test");
  return crypto::IdentityKeyPair::Generate([&](absl::Span<uint8_t> out) { random.Fill(out); })
      .public_key();
}

Accumulator Filled(uint64_t elements, uint32_t modulus_bits) {
  Accumulator accumulator = Accumulator::Create(elements, modulus_bits).value();
  crypto::DeterministicRandom random(crypto::AsBytes("input"), "test");
  std::string packed(accumulator.packed_bytes(), '\0');
  random.Fill(absl::MakeSpan(reinterpret_cast<uint8_t*>(packed.data()), packed.size()));
  const size_t used_bits = elements % 8 * modulus_bits % 8;
  if (used_bits != 0) packed.back() &= static_cast<char>((1 << used_bits) - 1);
  // Twice, so that lanes hold more than the modulus.
  EXPECT_TRUE(accumulator.FoldPacked(crypto::AsBytes(packed)).ok());
  EXPECT_TRUE(accumulator.FoldPacked(crypto::AsBytes(packed)).ok());
  return accumulator;
}

CheckpointName Name() {
  return {"0123456789abcdef",
          7,
          {{IdentityOf("a"), crypto::Sha256(crypto::AsBytes("a's"))},
           {IdentityOf("b"), crypto::Sha256(crypto::AsBytes("b's"))}}};
}

TEST(CheckpointTest, GivesBackWhatWasWritten) {
  for (const uint32_t modulus_bits : {1u, 16u, 17u, 32u, 33u, 63u}) {
    for (const uint64_t elements : {1u, 5u, 8u, 1001u}) {
      SCOPED_TRACE(absl::StrCat(modulus_bits, " bits, ", elements, " elements"));
      const Accumulator accumulator = Filled(elements, modulus_bits);
      const auto read = DecodeCheckpoint(EncodeCheckpoint(Name(), accumulator));
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->name.session_id, Name().session_id);
      EXPECT_EQ(read->name.generation, 7u);
      EXPECT_EQ(read->name.included, Name().included);
      EXPECT_EQ(read->accumulator.modulus_bits(), modulus_bits);
      EXPECT_EQ(read->accumulator.lanes(), accumulator.lanes());
      EXPECT_EQ(read->accumulator.Pack(), accumulator.Pack());
    }
  }
}

TEST(CheckpointTest, NobodyNeedsToBeInIt) {
  const auto read = DecodeCheckpoint(EncodeCheckpoint({"0123456789abcdef", 1, {}}, Filled(3, 20)));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->name.included.empty());
}

TEST(CheckpointTest, EveryFlippedBitIsFound) {
  const std::string good = EncodeCheckpoint(Name(), Filled(5, 17));
  for (size_t i = 0; i < good.size() * 8; ++i) {
    std::string bad = good;
    bad[i / 8] ^= static_cast<char>(1 << i % 8);
    const auto read = DecodeCheckpoint(bad);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss) << "bit " << i;
    EXPECT_EQ(ReasonOf(read.status()), v1::REASON_STORAGE_FAILED);
  }
}

TEST(CheckpointTest, EveryOtherLengthIsFound) {
  const std::string good = EncodeCheckpoint(Name(), Filled(5, 17));
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(DecodeCheckpoint(good.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeCheckpoint(good + std::string(1, '\0')).ok());
}

// With a checksum that fits: whoever wrote it, no memory is taken for what is not there.
TEST(CheckpointTest, BelievesNoLength) {
  const std::string good = EncodeCheckpoint(Name(), Filled(5, 17));
  constexpr size_t kElementsAt = 40;
  constexpr size_t kInputsAt = 48;
  for (const size_t at : {kElementsAt, kInputsAt}) {
    std::string bad = good;
    bad.replace(at, 4, "\xff\xff\xff\xff");
    bad.resize(bad.size() - 32);
    bad += crypto::ToString(crypto::Sha256(crypto::AsBytes(bad)));
    EXPECT_EQ(DecodeCheckpoint(bad).status().code(), absl::StatusCode::kDataLoss) << at;
  }
}

}  // namespace
}  // namespace veilsum::aggregator
