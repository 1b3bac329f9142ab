// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "proto/reason_status.h"

#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace veilsum {
namespace {

TEST(ReasonStatusTest, CarriesCodeReasonAndText) {
  const absl::Status status =
      MakeError(absl::StatusCode::kAborted, v1::REASON_TOO_FEW_CLIENTS, "two of three came");
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), v1::REASON_TOO_FEW_CLIENTS);
  EXPECT_EQ(status.message(), "two of three came");
}

TEST(ReasonStatusTest, SurvivesCopiesAndStatusOr) {
  const absl::StatusOr<int> result =
      MakeError(absl::StatusCode::kAborted, v1::REASON_SHUTDOWN, "going down");
  const absl::Status copy = result.status();
  EXPECT_EQ(ReasonOf(copy), v1::REASON_SHUTDOWN);
}

TEST(ReasonStatusTest, WithReasonReplacesTheReasonAndLeavesOkAlone) {
  const absl::Status status = MakeError(absl::StatusCode::kAborted, v1::REASON_SHUTDOWN, "text");
  EXPECT_EQ(ReasonOf(WithReason(status, v1::REASON_INTERNAL)), v1::REASON_INTERNAL);
  EXPECT_EQ(WithReason(absl::OkStatus(), v1::REASON_INTERNAL), absl::OkStatus());
}

TEST(ReasonStatusTest, StatusWithoutReasonHasNone) {
  EXPECT_EQ(ReasonOf(absl::OkStatus()), v1::REASON_UNSPECIFIED);
  EXPECT_EQ(ReasonOf(absl::InternalError("boom")), v1::REASON_UNSPECIFIED);
}

TEST(ReasonStatusTest, NamesRoundTrip) {
  EXPECT_EQ(ReasonName(v1::REASON_TOO_FEW_CLIENTS), "TOO_FEW_CLIENTS");
  EXPECT_EQ(ReasonFromName("TOO_FEW_CLIENTS"), v1::REASON_TOO_FEW_CLIENTS);
  EXPECT_EQ(ReasonName(v1::REASON_UNSPECIFIED), "");
  EXPECT_EQ(ReasonName(static_cast<v1::Reason>(9999)), "");
  EXPECT_EQ(ReasonFromName("NO_SUCH"), v1::REASON_UNSPECIFIED);
}

}  // namespace
}  // namespace veilsum
