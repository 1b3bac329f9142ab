// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a tier gives for a number of clients and the rates that an operator knows. Pure.
#ifndef VEILSUM_AGGREGATOR_CLI_PLAN_H_
#define VEILSUM_AGGREGATOR_CLI_PLAN_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/graph/parameters.h"

namespace veilsum::aggregator::cli {

struct Plan {
  crypto::GraphRequest request;
  crypto::GraphParameters parameters;
  uint32_t min_survivors = 0;  // n_min
  crypto::PlanReport report;
  // Corrupted identities that may be enrolled in all, in the malicious tier: its aggregator could
  // seat every one of them in a session of n_min clients.
  uint32_t corrupted_enrolled = 0;
};

// `min_survivors` 0: that of a task that says nothing (task_rules.h), or all that do not drop out
// where they are fewer. FAILED_PRECONDITION (REASON_INFEASIBLE_PARAMETERS) with what to change;
// INVALID_ARGUMENT (REASON_INVALID_ARGUMENT).
absl::StatusOr<Plan> MakePlan(const crypto::GraphRequest& request, uint32_t min_survivors);

// "malicious", "complete".
std::string TierName(crypto::Tier tier);
std::string GraphName(crypto::GraphRule rule);

// Side by side, at least one; all for the same number of clients and rates.
std::string PlanText(const std::vector<Plan>& plans);
nlohmann::ordered_json PlanJson(const Plan& plan);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_PLAN_H_
