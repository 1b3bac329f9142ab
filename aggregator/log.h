// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How the aggregator logs: lines for people on a terminal, one JSON object a line otherwise.
#ifndef VEILSUM_AGGREGATOR_LOG_H_
#define VEILSUM_AGGREGATOR_LOG_H_

#include <string>

#include "absl/strings/string_view.h"

namespace veilsum::aggregator {

// The text as the inside of a JSON string.
std::string EscapeJson(absl::string_view text);

// For the whole process, to standard error. `level`: debug, info, warning, error; `format`: text,
// json, or auto for what standard error is.
void StartLog(const std::string& level, const std::string& format);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_LOG_H_
