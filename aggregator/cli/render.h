// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Tasks and sessions as text: for people, and as JSON for programs. Pure.
#ifndef VEILSUM_AGGREGATOR_CLI_RENDER_H_
#define VEILSUM_AGGREGATOR_CLI_RENDER_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "proto/operator.pb.h"

namespace veilsum::aggregator::cli {

// With the keys of a [[task]] table.
nlohmann::ordered_json TaskJson(const v1::Task& task);
// Byte strings in hexadecimal.
nlohmann::ordered_json SessionJson(const v1::Session& session);
// One line; what is no UTF-8 in it is replaced.
std::string Line(const nlohmann::ordered_json& json);

std::string TaskText(const v1::Task& task);
std::string TaskTable(const v1::ListTasksResponse& tasks);
std::string SessionTable(const v1::ListSessionsResponse& sessions);

// "97 of 100 masked inputs, 3 dropped, 1 refused, threshold 51"
std::string ProgressText(const v1::Session& session);
// "share keys: 98 of 100 answered in 2.1 s"
std::string PhaseText(const v1::PhaseReport& phase, uint32_t expected);
// "completed: 97 inputs in the sum, 3 dropped, 4.2 s"; "aborted (TOO_FEW_CLIENTS) after 60.0 s, …"
std::string EndText(const v1::Session& session);

// One line each of the newest `count` refusals: "client 01020304 refused in share keys
// (NOT_ENROLLED): "its own words"". What clients wrote is their claim, and is printed harmlessly.
std::string RefusalLines(const v1::Session& session, uint64_t count);

std::string SessionId(const v1::Session& session);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_RENDER_H_
