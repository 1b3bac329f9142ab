// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "proto/reason_status.h"

#include <cstdint>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"

namespace veilsum {
namespace {

constexpr absl::string_view kPayloadUrl = "type.veilsum/v1.Reason";
constexpr absl::string_view kReasonPrefix = "REASON_";

}  // namespace

absl::Status MakeError(absl::StatusCode code, v1::Reason reason, absl::string_view text) {
  return WithReason(absl::Status(code, text), reason);
}

absl::Status WithReason(absl::Status status, v1::Reason reason) {
  // SetPayload leaves an OK status alone.
  status.SetPayload(kPayloadUrl, absl::Cord(absl::StrCat(static_cast<int32_t>(reason))));
  return status;
}

v1::Reason ReasonOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  int32_t number = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &number) ||
      !v1::Reason_IsValid(number)) {
    return v1::REASON_UNSPECIFIED;
  }
  return static_cast<v1::Reason>(number);
}

absl::string_view ReasonName(v1::Reason reason) {
  if (reason == v1::REASON_UNSPECIFIED) return "";
  return absl::StripPrefix(v1::Reason_Name(reason), kReasonPrefix);
}

v1::Reason ReasonFromName(absl::string_view name) {
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  if (!v1::Reason_Parse(absl::StrCat(kReasonPrefix, name), &reason)) return v1::REASON_UNSPECIFIED;
  return reason;
}

}  // namespace veilsum
