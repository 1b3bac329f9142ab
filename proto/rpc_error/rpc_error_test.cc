// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "proto/rpc_error/rpc_error.h"

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum {
namespace {

TEST(RpcError, CodeMessageReasonAndDelayComeBack) {
  const absl::Status sent = WithRetryAfter(
      MakeError(absl::StatusCode::kResourceExhausted, v1::REASON_OVERLOADED, "come back later"),
      absl::Milliseconds(1500));
  const absl::Status received = FromGrpcStatus(ToGrpcStatus(sent));
  EXPECT_EQ(received.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(received.message(), "come back later");
  EXPECT_EQ(ReasonOf(received), v1::REASON_OVERLOADED);
  EXPECT_EQ(RetryAfterOf(received), absl::Milliseconds(1500));
}

TEST(RpcError, OkStaysOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
  EXPECT_TRUE(WithRetryAfter(absl::OkStatus(), absl::Seconds(1)).ok());
}

// The bytes that a reader of google.rpc.Status expects, made by hand from the public definitions:
// {code: 3, message: "m", details: [Any{ErrorInfo{reason: "LATE", domain: "veilsum"}}]}.
TEST(RpcError, DetailsAreGoogleRpcStatus) {
  const grpc::Status status =
      ToGrpcStatus(MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_LATE, "m"));
  const std::string info = "\x0a\x04LATE\x12\x07veilsum";
  const std::string any =
      std::string("\x0a\x28type.googleapis.com/google.rpc.ErrorInfo\x12\x0f") + info;
  EXPECT_EQ(status.error_details(), std::string("\x08\x03\x12\x01m\x1a\x3b") + any);
}

TEST(RpcError, PlainStatusHasNoDetails) {
  const grpc::Status status = ToGrpcStatus(absl::UnavailableError("gone"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_details(), "");
}

TEST(RpcError, LongMessageIsCut) {
  const grpc::Status status = ToGrpcStatus(absl::InternalError(std::string(100'000, 'x')));
  EXPECT_EQ(status.error_message().size(), limits::kMaxDetailBytes);
}

TEST(RpcError, ACutCharacterDoesNotCostTheReason) {
  std::string text(limits::kMaxDetailBytes - 1, 'x');
  text += "\xe2\x82\xac";  // €
  const absl::Status status =
      FromGrpcStatus(ToGrpcStatus(MakeError(absl::StatusCode::kAborted, v1::REASON_LATE, text)));
  EXPECT_EQ(ReasonOf(status), v1::REASON_LATE);
  EXPECT_EQ(status.message(), std::string(limits::kMaxDetailBytes - 1, 'x'));
}

TEST(RpcError, GarbageFromPeerIsIgnored) {
  const absl::Status status =
      FromGrpcStatus(grpc::Status(grpc::StatusCode::ABORTED, "text", "\xff\xff no protobuf"));
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), v1::REASON_UNSPECIFIED);
  EXPECT_EQ(FromGrpcStatus(grpc::Status(static_cast<grpc::StatusCode>(99), "")).code(),
            absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace veilsum
