// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/load/dropouts.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace veilsum::load {
namespace {

uint32_t Count(const std::vector<v1::Round>& rounds, v1::Round round) {
  return static_cast<uint32_t>(std::count(rounds.begin(), rounds.end(), round));
}

TEST(DropoutsTest, SoManyOfAllLeaveInEachRound) {
  const auto dropouts = Dropouts::Parse("ShareKeys:0.05,Unmasking:0.1");
  ASSERT_TRUE(dropouts.ok());
  const std::vector<v1::Round> rounds = dropouts->Of(200);
  EXPECT_EQ(rounds.size(), 200u);
  EXPECT_EQ(Count(rounds, v1::ROUND_SHARE_KEYS), 10u);
  EXPECT_EQ(Count(rounds, v1::ROUND_UNMASKING), 20u);
  EXPECT_EQ(Count(rounds, v1::ROUND_UNSPECIFIED), 170u);
}

TEST(DropoutsTest, WithoutAnyEverybodyStays) {
  const auto dropouts = Dropouts::Parse("");
  ASSERT_TRUE(dropouts.ok());
  EXPECT_EQ(Count(dropouts->Of(7), v1::ROUND_UNSPECIFIED), 7u);
}

TEST(DropoutsTest, OneIsAlwaysLeft) {
  const auto dropouts = Dropouts::Parse("ShareKeys:0.99");
  ASSERT_TRUE(dropouts.ok());
  EXPECT_EQ(Count(dropouts->Of(3), v1::ROUND_UNSPECIFIED), 1u);
}

TEST(DropoutsTest, SaysWhatIsWrong) {
  for (const char* text : {"ShareKeys", "ShareKeys:", "ShareKeys:x", "Sharing:0.1", "ShareKeys:-1",
                           "ShareKeys:nan", "ShareKeys:0.5,Unmasking:0.5"}) {
    EXPECT_FALSE(Dropouts::Parse(text).ok()) << text;
  }
}

TEST(DropoutsTest, InputsCountFromTheirReceiptOn) {
  EXPECT_TRUE(IsIncluded(v1::ROUND_UNSPECIFIED));
  EXPECT_FALSE(IsIncluded(v1::ROUND_ADVERTISE_KEYS));
  EXPECT_FALSE(IsIncluded(v1::ROUND_SHARE_KEYS));
  EXPECT_FALSE(IsIncluded(v1::ROUND_MASKED_INPUT_COLLECTION));
  EXPECT_TRUE(IsIncluded(v1::ROUND_CONSISTENCY_CHECK));
  EXPECT_TRUE(IsIncluded(v1::ROUND_UNMASKING));
}

}  // namespace
}  // namespace veilsum::load
