// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A status that also says when trying again may help. Free of gRPC, so that whoever finds the
// fault can say it. Survives copies and absl::StatusOr.
#ifndef VEILSUM_PROTO_RPC_ERROR_RETRY_AFTER_H_
#define VEILSUM_PROTO_RPC_ERROR_RETRY_AFTER_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace veilsum {

// `status` with this delay, in whole milliseconds; an OK status, and one with a delay of no
// millisecond, stay as they are.
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);

// Zero when the status names no delay: trying the same again does not help.
absl::Duration RetryAfterOf(const absl::Status& status);

}  // namespace veilsum

#endif  // VEILSUM_PROTO_RPC_ERROR_RETRY_AFTER_H_
