// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/exit_code.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kDone;
    case absl::StatusCode::kInvalidArgument:
      return kWrongUse;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kUnreachable;
    case absl::StatusCode::kAborted:
      return kSessionAborted;
    default:
      return kRefused;
  }
}

std::string ErrorText(const absl::Status& status, bool json) {
  const std::string code = absl::StatusCodeToString(status.code());
  const std::string reason(ReasonName(ReasonOf(status)));
  if (json) {
    const nlohmann::ordered_json error = {
        {"code", code}, {"reason", reason}, {"message", std::string(status.message())}};
    return error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
  return absl::StrCat("veilsum: ", reason.empty() ? code : reason, ": ",
                      Printable(status.message()), "\n");
}

std::string Printable(absl::string_view text) {
  std::string printable(text);
  for (char& c : printable) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\n') c = '?';
  }
  return printable;
}

}  // namespace veilsum::aggregator::cli
