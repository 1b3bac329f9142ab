// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/retry.h"

#include <algorithm>

#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::client {

bool IsTransient(const absl::Status& status) {
  if (RetryAfterOf(status) > absl::ZeroDuration()) return true;
  switch (ReasonOf(status)) {
    case v1::REASON_UNSPECIFIED:
      break;
    case v1::REASON_OVERLOADED:
    case v1::REASON_DRAINING:
    case v1::REASON_NOT_READY:
    case v1::REASON_SHUTDOWN:
      return true;
    default:
      return false;
  }
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

absl::Duration Backoff::Next(const absl::Status& status, absl::Duration greatest) {
  constexpr int kDoublingsToGreatest = 6;
  const absl::Duration most =
      std::min(greatest, kLeastBackoff * (1 << std::min(failures_, kDoublingsToGreatest)));
  ++failures_;
  const double fraction = std::uniform_real_distribution<double>(0.5, 1.0)(random_);
  return std::max(most * fraction, RetryAfterOf(status) * (1 + (fraction - 0.5) / 2));
}

}  // namespace veilsum::client
