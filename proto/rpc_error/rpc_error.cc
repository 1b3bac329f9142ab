// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "proto/rpc_error/rpc_error.h"

#include <string>

#include "absl/time/time.h"
#include "proto/cut_text.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/error_details.pb.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";

std::string Details(int code, const std::string& message, absl::string_view reason,
                    absl::Duration retry_after) {
  rpc_error::Status details;
  details.set_code(code);
  details.set_message(message);
  if (!reason.empty()) {
    rpc_error::ErrorInfo info;
    info.set_reason(std::string(reason));
    info.set_domain(std::string(kErrorDomain));
    google::protobuf::Any* any = details.add_details();
    any->set_type_url(kErrorInfoUrl);
    info.SerializeToString(any->mutable_value());
  }
  if (retry_after > absl::ZeroDuration()) {
    rpc_error::RetryInfo info;
    absl::Duration rest;
    info.mutable_retry_delay()->set_seconds(
        absl::IDivDuration(retry_after, absl::Seconds(1), &rest));
    info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
    google::protobuf::Any* any = details.add_details();
    any->set_type_url(kRetryInfoUrl);
    info.SerializeToString(any->mutable_value());
  }
  return details.SerializeAsString();
}

absl::Status WithDetail(absl::Status status, const google::protobuf::Any& any) {
  if (any.type_url() == kErrorInfoUrl) {
    rpc_error::ErrorInfo info;
    if (info.ParseFromString(any.value()) && info.domain() == kErrorDomain) {
      return WithReason(status, ReasonFromName(info.reason()));
    }
  }
  if (any.type_url() == kRetryInfoUrl) {
    rpc_error::RetryInfo info;
    if (info.ParseFromString(any.value())) {
      return WithRetryAfter(status, absl::Seconds(info.retry_delay().seconds()) +
                                        absl::Nanoseconds(info.retry_delay().nanos()));
    }
  }
  return status;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const int code = static_cast<int>(status.code());
  const std::string message(CutText(status.message(), limits::kMaxDetailBytes));
  const absl::string_view reason = ReasonName(ReasonOf(status));
  const absl::Duration retry_after = RetryAfterOf(status);
  if (reason.empty() && retry_after <= absl::ZeroDuration()) {
    return grpc::Status(static_cast<grpc::StatusCode>(code), message);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(code), message,
                      Details(code, message, reason, retry_after));
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const int code = static_cast<int>(status.error_code());
  const bool known = code > 0 && code <= static_cast<int>(grpc::StatusCode::UNAUTHENTICATED);
  absl::Status result(known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown,
                      status.error_message());
  rpc_error::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : details.details()) result = WithDetail(result, any);
  }
  return result;
}

}  // namespace veilsum
