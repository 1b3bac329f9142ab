// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/names.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::aggregator {
namespace {

absl::StatusCode CodeFor(v1::Reason reason) {
  switch (reason) {
    case v1::REASON_MALFORMED:
    case v1::REASON_OVERSIZED:
    case v1::REASON_INVALID_ARGUMENT:
    case v1::REASON_BAD_UPLOAD:
    case v1::REASON_BAD_KEY:
    case v1::REASON_BAD_SHARE_LIST:
    case v1::REASON_WRONG_SHARE:
    case v1::REASON_WRONG_SHARE_KIND:
      return absl::StatusCode::kInvalidArgument;
    case v1::REASON_BAD_SIGNATURE:
      return absl::StatusCode::kUnauthenticated;
    case v1::REASON_NOT_A_MEMBER:
    case v1::REASON_NOT_FOR_YOU:
      return absl::StatusCode::kPermissionDenied;
    case v1::REASON_UNKNOWN_TASK:
    case v1::REASON_UNKNOWN_SESSION:
      return absl::StatusCode::kNotFound;
    case v1::REASON_CONFLICT:
    case v1::REASON_ALREADY_EXISTS:
      return absl::StatusCode::kAlreadyExists;
    case v1::REASON_OVERLOADED:
      return absl::StatusCode::kResourceExhausted;
    case v1::REASON_DRAINING:
    case v1::REASON_SHUTDOWN:
    case v1::REASON_STORAGE_FAILED:
      return absl::StatusCode::kUnavailable;
    case v1::REASON_UNSUPPORTED:
      return absl::StatusCode::kUnimplemented;
    case v1::REASON_INTERNAL:
      return absl::StatusCode::kInternal;
    case v1::REASON_LATE:
    case v1::REASON_EARLY:
    case v1::REASON_WRONG_SESSION:
    case v1::REASON_SESSION_FULL:
    case v1::REASON_SEAT_TAKEN:
    case v1::REASON_NOT_READY:
    case v1::REASON_INFEASIBLE_PARAMETERS:
      return absl::StatusCode::kFailedPrecondition;
    default:  // Why a client was dropped or a session ended.
      return absl::StatusCode::kAborted;
  }
}

}  // namespace

v1::SessionState StateOf(Phase phase) {
  switch (phase) {
    case Phase::kAdvertiseKeys:
      return v1::SESSION_STATE_ADVERTISE_KEYS;
    case Phase::kShareKeys:
      return v1::SESSION_STATE_SHARE_KEYS;
    case Phase::kMaskedInputCollection:
      return v1::SESSION_STATE_MASKED_INPUT_COLLECTION;
    case Phase::kConsistencyCheck:
      return v1::SESSION_STATE_CONSISTENCY_CHECK;
    case Phase::kUnmasking:
      return v1::SESSION_STATE_UNMASKING;
  }
  return v1::SESSION_STATE_UNSPECIFIED;
}

const v1::PhasePolicy& PolicyOf(const v1::Task& task, Phase phase) {
  switch (phase) {
    case Phase::kAdvertiseKeys:
      return task.advertise_keys();
    case Phase::kShareKeys:
      return task.share_keys();
    case Phase::kMaskedInputCollection:
      return task.masked_input();
    case Phase::kConsistencyCheck:
      return task.consistency_check();
    case Phase::kUnmasking:
      break;
  }
  return task.unmasking();
}

absl::string_view AnswersOf(Phase phase) {
  switch (phase) {
    case Phase::kAdvertiseKeys:
      return "key advertisements";
    case Phase::kShareKeys:
      return "key shares";
    case Phase::kMaskedInputCollection:
      return "masked inputs";
    case Phase::kConsistencyCheck:
      return "consistency checks";
    case Phase::kUnmasking:
      break;
  }
  return "unmasking answers";
}

metrics::MessageResult MetricOf(MessageResult result) {
  switch (result) {
    case MessageResult::kAccepted:
      return metrics::MessageResult::kAccepted;
    case MessageResult::kDuplicate:
      return metrics::MessageResult::kDuplicate;
    case MessageResult::kConflict:
      return metrics::MessageResult::kConflict;
    case MessageResult::kLate:
      return metrics::MessageResult::kLate;
    case MessageResult::kWrongSession:
      return metrics::MessageResult::kWrongSession;
    case MessageResult::kNotMember:
      return metrics::MessageResult::kNotMember;
    case MessageResult::kMalformed:
      return metrics::MessageResult::kMalformed;
    case MessageResult::kOversized:
      return metrics::MessageResult::kOversized;
    case MessageResult::kBadSignature:
      break;
  }
  return metrics::MessageResult::kBadSignature;
}

absl::Status StatusOf(const Reply& reply) {
  if (reply.result == MessageResult::kAccepted || reply.result == MessageResult::kDuplicate) {
    return absl::OkStatus();
  }
  return StatusFor(reply.reason, reply.detail);
}

absl::Status StatusFor(v1::Reason reason, absl::string_view detail) {
  return MakeError(CodeFor(reason), reason, detail);
}

v1::ServerMessage RefusedMessage(v1::Refused::Scope scope, const absl::Status& status) {
  v1::ServerMessage message;
  v1::Refused& refused = *message.mutable_refused();
  refused.set_scope(scope);
  refused.set_reason(ReasonOf(status));
  refused.set_detail(std::string(status.message()));
  refused.set_retry_after_ms(
      static_cast<uint64_t>(absl::ToInt64Milliseconds(RetryAfterOf(status))));
  return message;
}

std::string ShortId(absl::string_view session_id) {
  return absl::BytesToHexString(session_id.substr(0, 4));
}

}  // namespace veilsum::aggregator
