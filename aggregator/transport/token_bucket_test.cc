// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/token_bucket.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace veilsum::aggregator {
namespace {

constexpr Rate kRate = {2, 3};
constexpr TokenBucket::Time kStart{};
constexpr std::chrono::milliseconds kHalfASecond{500};

TEST(TokenBucketTest, TakesABurstAndThenTheRate) {
  TokenBucket bucket(kRate, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(kStart));
  EXPECT_FALSE(bucket.Take(kStart));
  EXPECT_TRUE(bucket.Take(kStart + kHalfASecond));
  EXPECT_FALSE(bucket.Take(kStart + kHalfASecond));
  // A long silence saves up no more than the burst.
  const TokenBucket::Time later = kStart + std::chrono::hours(1);
  EXPECT_TRUE(bucket.IsFull(later));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(later));
  EXPECT_FALSE(bucket.Take(later));
  EXPECT_FALSE(bucket.IsFull(later));
}

TEST(TokenBucketsTest, EachKeyHasItsOwn) {
  TokenBuckets buckets(kRate);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(buckets.Take("one", kStart));
  EXPECT_FALSE(buckets.Take("one", kStart));
  EXPECT_TRUE(buckets.Take("other", kStart));
}

TEST(TokenBucketsTest, ForgetsThoseThatAreQuiet) {
  TokenBuckets buckets(kRate);
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(buckets.Take(std::to_string(i), kStart));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(buckets.Take("1", kStart));
  EXPECT_EQ(buckets.size(), 2000u);
  // At the next time that there are many.
  const TokenBucket::Time later = kStart + kHalfASecond;
  for (int i = 2000; i < 4000; ++i) EXPECT_TRUE(buckets.Take(std::to_string(i), later));
  EXPECT_LT(buckets.size(), 2100u);
  // Who is not quiet is not forgotten: one more after half a second, no burst.
  EXPECT_TRUE(buckets.Take("1", later));
  EXPECT_FALSE(buckets.Take("1", later));
}

}  // namespace
}  // namespace veilsum::aggregator
