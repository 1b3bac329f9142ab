// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/protocol/dealer_blame.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

constexpr absl::string_view kPayloadUrl = "type.veilsum/dealer";

}  // namespace

absl::Status BlameDealer(uint32_t position, absl::string_view what) {
  absl::Status status = MakeError(
      absl::StatusCode::kFailedPrecondition, v1::REASON_DEALER_CHEATED,
      absl::StrCat("the client at position ", position, " dealt shares that do not give ", what));
  status.SetPayload(kPayloadUrl, absl::Cord(absl::StrCat(position)));
  return status;
}

std::optional<uint32_t> BlamedDealer(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  uint32_t position = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &position)) {
    return std::nullopt;
  }
  return position;
}

}  // namespace veilsum::aggregator
