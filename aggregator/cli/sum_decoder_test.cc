// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/sum_decoder.h"

#include <string>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Four clients of weight at most 2, two elements of 4 bits: 4 · 2 · 15 < 2^7.
v1::Session MakeSession(const std::string& packed) {
  v1::Session session;
  v1::VectorSpec& spec = *session.mutable_header()->mutable_vector();
  spec.set_dimension(2);
  spec.set_clip(1);
  spec.set_quantisation_bits(4);
  spec.set_max_weight(2);
  spec.set_modulus_bits(7);
  session.mutable_header()->set_max_clients(4);
  session.set_included(3);
  session.set_result_bytes(packed.size());
  session.set_result_digest(crypto::ToString(crypto::Sha256(crypto::AsBytes(packed))));
  return session;
}

// Three elements of 7 bits, least significant first.
std::string Pack(uint32_t first, uint32_t second, uint32_t weights) {
  const uint32_t bits = first | second << 7 | weights << 14;
  std::string packed;
  for (int shift = 0; shift < 24; shift += 8) packed += static_cast<char>(bits >> shift);
  return packed;
}

TEST(SumDecoderTest, GivesTheWeightedMean) {
  const std::string packed = Pack(75, 20, 5);  // All at the top level; 4 of 15.
  const v1::Session session = MakeSession(packed);
  const auto sum = DecodeSum(packed, session);
  ASSERT_TRUE(sum.ok()) << sum.status();
  EXPECT_EQ(sum->weight_sum, 5u);
  EXPECT_THAT(sum->mean, ElementsAre(1.0f, static_cast<float>(20 * (2.0 / 75) - 1)));
}

TEST(SumDecoderTest, RefusesWhatCannotBe) {
  const auto refuses = [](const std::string& packed, const v1::Session& session,
                          const std::string& why) {
    const auto sum = DecodeSum(packed, session);
    ASSERT_FALSE(sum.ok()) << why;
    EXPECT_EQ(ReasonOf(sum.status()), v1::REASON_RESULT_REFUSED);
    EXPECT_THAT(std::string(sum.status().message()), HasSubstr(why));
  };
  const std::string good = Pack(75, 20, 5);
  refuses(good, MakeSession(Pack(75, 21, 5)), "digest");
  refuses(good + "x", MakeSession(good + "x"), "bytes");
  refuses(Pack(1, 1, 2), MakeSession(Pack(1, 1, 2)), "weight sum is 2");
  refuses(Pack(1, 1, 7), MakeSession(Pack(1, 1, 7)), "weight sum is 7");
  refuses(Pack(76, 1, 5), MakeSession(Pack(76, 1, 5)), "larger");
  v1::Session bad = MakeSession(good);
  bad.mutable_header()->mutable_vector()->set_quantisation_bits(0);
  refuses(good, bad, "header");
  bad = MakeSession(good);
  bad.clear_header();
  refuses(good, bad, "header");
}

TEST(SumDecoderTest, WritesNumPysFormat) {
  const std::string npy = ToNpy({1.0f, -2.0f, 0.5f});
  EXPECT_EQ(npy.size(), 128u + 3 * 4);
  EXPECT_EQ(npy.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_EQ(npy[8] + 256 * npy[9], 118);
  EXPECT_THAT(npy, HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"));
  EXPECT_EQ(npy[127], '\n');
  EXPECT_EQ(npy.substr(128), std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f", 12));
}

TEST(SumDecoderTest, WritesEveryDigit) { EXPECT_EQ(ToCsv({0.1f, -1.0f}), "0.100000001\n-1\n"); }

}  // namespace
}  // namespace veilsum::aggregator::cli
