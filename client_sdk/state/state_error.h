// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The errors of session stores; for this folder only.
#ifndef VEILSUM_CLIENT_SDK_STATE_STATE_ERROR_H_
#define VEILSUM_CLIENT_SDK_STATE_STATE_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/reason_status.h"

namespace veilsum::client {

inline absl::Status StateError(absl::StatusCode code, absl::string_view text) {
  return MakeError(code, v1::REASON_STATE_REFUSED, text);
}

inline absl::Status UnfinishedSessionError(absl::string_view task_id) {
  return StateError(absl::StatusCode::kFailedPrecondition,
                    absl::StrCat("task \"", task_id, "\" has an unfinished session in this state"));
}

inline absl::Status RepeatedSessionError() {
  return StateError(absl::StatusCode::kFailedPrecondition,
                    "this client took part in the session before and is out of it; it takes part "
                    "in no session twice");
}

inline absl::Status NoSessionError(absl::string_view task_id) {
  return StateError(absl::StatusCode::kFailedPrecondition,
                    absl::StrCat("task \"", task_id, "\" has no unfinished session in this state"));
}

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_STATE_STATE_ERROR_H_
