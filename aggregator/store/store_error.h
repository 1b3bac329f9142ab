// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The errors of stores; for this folder only.
#ifndef VEILSUM_AGGREGATOR_STORE_STORE_ERROR_H_
#define VEILSUM_AGGREGATOR_STORE_STORE_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {

inline absl::Status StoreError(absl::StatusCode code, absl::string_view text) {
  return MakeError(code, v1::REASON_STORAGE_FAILED, text);
}

// "session 0123…: what".
inline absl::Status SessionError(absl::StatusCode code, absl::string_view session_id,
                                 absl::string_view what) {
  return StoreError(code, absl::StrCat("session ", absl::BytesToHexString(session_id), ": ", what));
}

inline absl::Status NoSessionError(absl::string_view session_id) {
  return SessionError(absl::StatusCode::kNotFound, session_id, "is not in the store");
}
inline absl::Status FencedError(absl::string_view session_id) {
  return SessionError(absl::StatusCode::kAborted, session_id, "belongs to another owner by now");
}
inline absl::Status EndedError(absl::string_view session_id) {
  return SessionError(absl::StatusCode::kFailedPrecondition, session_id, "has ended");
}
inline absl::Status NotEndedError(absl::string_view session_id) {
  return SessionError(absl::StatusCode::kFailedPrecondition, session_id,
                      "has not ended, so it stays in the store");
}
inline absl::Status OtherSessionError(absl::string_view session_id) {
  return SessionError(absl::StatusCode::kAlreadyExists, session_id,
                      "is in the store already, and is another one");
}
inline absl::Status ConflictError(absl::string_view session_id) {
  return SessionError(absl::StatusCode::kAlreadyExists, session_id,
                      "something else is stored in this place; what came first stays");
}
inline absl::Status DamagedError(absl::string_view session_id, absl::string_view what) {
  return SessionError(absl::StatusCode::kDataLoss, session_id,
                      absl::StrCat("what is stored of it is damaged: ", what));
}
inline absl::Status ClosedError() {
  return StoreError(absl::StatusCode::kUnavailable, "the store was closed before it could write");
}

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_STORE_ERROR_H_
