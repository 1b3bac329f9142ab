// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Our errors as gRPC statuses and back, with the reason (proto/reason_status.h) and the retry
// delay (retry_after.h): google.rpc.ErrorInfo and google.rpc.RetryInfo in the status details.
// Pure and thread-safe.
#ifndef VEILSUM_PROTO_RPC_ERROR_RPC_ERROR_H_
#define VEILSUM_PROTO_RPC_ERROR_RPC_ERROR_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace veilsum {

// Of ErrorInfo: who defines the reasons.
inline constexpr absl::string_view kErrorDomain = "veilsum";

// The message is cut to limits::kMaxDetailBytes, so that the trailers stay small.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Never fails on what a peer sent: a code that gRPC does not know becomes UNKNOWN; details that
// do not parse, or are of another domain, are left out.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace veilsum

#endif  // VEILSUM_PROTO_RPC_ERROR_RPC_ERROR_H_
