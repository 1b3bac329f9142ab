// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/retry.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::client {
namespace {

TEST(IsTransientTest, BrokenConnectionsAreAndRefusalsAreNot) {
  EXPECT_TRUE(IsTransient(absl::UnavailableError("")));
  EXPECT_TRUE(IsTransient(absl::CancelledError("")));
  EXPECT_TRUE(IsTransient(absl::OkStatus()));  // The stream ended without a word.
  EXPECT_FALSE(IsTransient(absl::InvalidArgumentError("")));
  EXPECT_FALSE(IsTransient(absl::PermissionDeniedError("")));
  EXPECT_FALSE(IsTransient(absl::UnauthenticatedError("")));
  EXPECT_FALSE(IsTransient(absl::UnimplementedError("")));
}

TEST(IsTransientTest, ReasonDecidesWhereThereIsOne) {
  const auto with = [](absl::StatusCode code, v1::Reason reason) {
    return IsTransient(MakeError(code, reason, ""));
  };
  EXPECT_FALSE(with(absl::StatusCode::kAborted, v1::REASON_LATE));
  EXPECT_FALSE(with(absl::StatusCode::kInternal, v1::REASON_INTERNAL));
  EXPECT_TRUE(with(absl::StatusCode::kFailedPrecondition, v1::REASON_DRAINING));
  EXPECT_TRUE(with(absl::StatusCode::kResourceExhausted, v1::REASON_OVERLOADED));
}

TEST(IsTransientTest, RetryDelayMeansYes) {
  EXPECT_TRUE(IsTransient(WithRetryAfter(
      MakeError(absl::StatusCode::kNotFound, v1::REASON_UNKNOWN_TASK, ""), absl::Seconds(1))));
}

TEST(BackoffTest, DoublesUpToTheGreatestWithJitterInTheUpperHalf) {
  Backoff backoff(7);
  absl::Duration most = kLeastBackoff;
  for (int failure = 0; failure < 40; ++failure) {
    const absl::Duration delay = backoff.Next(absl::UnavailableError(""));
    EXPECT_GE(delay, most / 2) << failure;
    EXPECT_LE(delay, most) << failure;
    most = std::min(most * 2, kGreatestBackoff);
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(absl::UnavailableError("")), kLeastBackoff);
}

TEST(BackoffTest, NeverAboveTheGreatestThatIsAllowed) {
  Backoff backoff(7);
  for (int failure = 0; failure < 20; ++failure) {
    EXPECT_LE(backoff.Next(absl::UnavailableError(""), kGreatestBackoffInSession),
              kGreatestBackoffInSession);
  }
}

TEST(BackoffTest, SameSeedSameDelaysOtherSeedOthers) {
  Backoff one(1), same(1), other(2);
  const absl::Duration first = one.Next(absl::OkStatus());
  EXPECT_EQ(first, same.Next(absl::OkStatus()));
  EXPECT_NE(first, other.Next(absl::OkStatus()));
}

TEST(BackoffTest, WaitsAtLeastAsLongAsAsked) {
  Backoff backoff(1);
  const absl::Status asked = WithRetryAfter(absl::UnavailableError(""), absl::Minutes(2));
  const absl::Duration delay = backoff.Next(asked, absl::Seconds(1));
  EXPECT_GE(delay, absl::Minutes(2));
  EXPECT_LE(delay, absl::Seconds(150));
  // All were asked the same.
  EXPECT_NE(Backoff(2).Next(asked, absl::Seconds(1)), delay);
}

}  // namespace
}  // namespace veilsum::client
