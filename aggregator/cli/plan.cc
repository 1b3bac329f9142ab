// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/plan.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "aggregator/config/task_rules.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

using crypto::GraphRule;
using crypto::Tier;

// "2^-43.1", "never".
std::string Probability(double log2) {
  return std::isinf(log2) ? "never" : absl::StrFormat("2^%.1f", log2);
}

// One row: its name, the value of each plan, what it means.
struct Row {
  const char* name;
  std::function<std::string(const Plan&)> value;
  const char* note;
};

const Row kRows[] = {
    {"tier", [](const Plan& plan) { return TierName(plan.request.tier); }, ""},
    {"graph", [](const Plan& plan) { return GraphName(plan.request.rule); }, ""},
    {"degree k", [](const Plan& plan) { return absl::StrCat(plan.parameters.degree); },
     "neighbours of each client"},
    {"threshold t", [](const Plan& plan) { return absl::StrCat(plan.parameters.threshold); },
     "shares that open a secret"},
    {"min survivors", [](const Plan& plan) { return absl::StrCat(plan.min_survivors); },
     "n_min, least inputs in a published sum"},
    {"least honest inputs",
     [](const Plan& plan) { return absl::StrCat(plan.report.least_honest_inputs); },
     "in any sum that is revealed"},
    {"dropouts tolerated",
     [](const Plan& plan) { return absl::StrCat(plan.report.dropouts_tolerated); },
     "of a full session, all rounds together"},
    {"privacy fails",
     [](const Plan& plan) { return Probability(plan.report.log2_privacy_failure); },
     "at most: the corrupted hold a client's shares"},
    {"graph falls apart",
     [](const Plan& plan) { return Probability(plan.report.log2_connectivity_failure); },
     "at most: more than one partial sum would show"},
    {"session fails",
     [](const Plan& plan) { return Probability(plan.report.log2_correctness_failure); },
     "at most: too few shares are left for a client"},
};

std::string Warnings(const Plan& plan) {
  const std::string where =
      absl::StrCat(TierName(plan.request.tier), " on the ", GraphName(plan.request.rule), " graph");
  std::string text;
  if (plan.report.least_honest_inputs < limits::kMinSurvivors) {
    absl::StrAppend(&text, "\nWarning: ", where,
                    ": a published sum may hold fewer than two honest ",
                    "inputs.\nThe corrupted can then take their own away and see the one that is ",
                    "left, so such a\ntask is refused. Raise --n-min, or use more clients.\n");
  }
  if (plan.request.tier == Tier::kSemiMalicious) {
    absl::StrAppend(&text, "\nNote: semi_malicious is here to compare with the literature; no ",
                    "task can ask for it.\n");
  }
  return text;
}

// What γ means where the aggregator chooses who takes part.
std::string EnrolmentNote(const Plan& plan) {
  if (plan.request.tier != Tier::kMalicious) return "";
  return absl::StrCat(
      "\nIn the malicious tier the aggregator chooses who takes part, so --corrupt is about all\n",
      "identities that are enrolled: at most ", plan.corrupted_enrolled,
      " of them, in all, may be corrupted, since it could\nseat them all in a session of ",
      plan.min_survivors,
      ". The roster or the enrolment authority must be out of its\nhands; an aggregator that makes "
      "up identities wins in every tier.\n");
}

absl::Status Infeasible(absl::string_view text) {
  return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_INFEASIBLE_PARAMETERS, text);
}

}  // namespace

absl::StatusOr<Plan> MakePlan(const crypto::GraphRequest& request, uint32_t min_survivors) {
  const absl::StatusOr<crypto::GraphParameters> parameters = crypto::PlanGraph(request);
  if (!parameters.ok()) {
    const bool infeasible = parameters.status().code() == absl::StatusCode::kFailedPrecondition;
    return WithReason(parameters.status(),
                      infeasible ? v1::REASON_INFEASIBLE_PARAMETERS : v1::REASON_INVALID_ARGUMENT);
  }
  const uint32_t n = request.clients;
  const uint32_t left = n - crypto::FloorOfRate(request.dropout, n);
  Plan plan = {request, *parameters, min_survivors, {}, 0};
  if (min_survivors == 0)
    plan.min_survivors = std::min(left, DefaultMinSurvivors(n, request.corrupt));
  if (plan.min_survivors > left) {
    return Infeasible(absl::StrCat("--n-min ", plan.min_survivors, ": only ", left, " of ", n,
                                   " clients are left after the dropouts"));
  }
  plan.report = crypto::DescribePlan(request, *parameters, plan.min_survivors);
  if (request.corrupt > 0) {
    plan.corrupted_enrolled =
        std::max<uint32_t>(1, crypto::FloorOfRate(request.corrupt, plan.min_survivors));
  }
  return plan;
}

std::string TierName(Tier tier) {
  switch (tier) {
    case Tier::kSemiHonest:
      return "semi_honest";
    case Tier::kSemiMalicious:
      return "semi_malicious";
    case Tier::kMalicious:
      return "malicious";
  }
  return "";
}

std::string GraphName(GraphRule rule) {
  return rule == GraphRule::kComplete ? "complete" : "harary";
}

std::string PlanText(const std::vector<Plan>& plans) {
  const crypto::GraphRequest& request = plans.front().request;
  std::string text =
      absl::StrFormat("%u clients, of which %u may be corrupted and %u may drop out\n\n",
                      request.clients, crypto::FloorOfRate(request.corrupt, request.clients),
                      crypto::FloorOfRate(request.dropout, request.clients));
  for (const Row& row : kRows) {
    std::string line = absl::StrFormat("  %-21s", row.name);
    for (const Plan& plan : plans) absl::StrAppendFormat(&line, "%-13s", row.value(plan));
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(absl::StrCat(line, row.note)), "\n");
  }
  for (const Plan& plan : plans) absl::StrAppend(&text, EnrolmentNote(plan));
  for (const Plan& plan : plans) absl::StrAppend(&text, Warnings(plan));
  if (request.clients > limits::kMaxCompleteClients) {
    absl::StrAppend(&text, "\nNote: on the complete graph a session takes at most ",
                    limits::kMaxCompleteClients, " clients; run more in several\nsessions.\n");
  }
  return text;
}

nlohmann::ordered_json PlanJson(const Plan& plan) {
  const auto probability = [](double log2) {
    return std::isinf(log2) ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(log2);
  };
  nlohmann::ordered_json json = {
      {"clients", plan.request.clients},
      {"corrupt", plan.request.corrupt},
      {"dropout", plan.request.dropout},
      {"tier", TierName(plan.request.tier)},
      {"graph", GraphName(plan.request.rule)},
      {"k", plan.parameters.degree},
      {"t", plan.parameters.threshold},
      {"min_survivors", plan.min_survivors},
      {"least_honest_inputs", plan.report.least_honest_inputs},
      {"dropouts_tolerated", plan.report.dropouts_tolerated},
      {"log2_privacy_failure", probability(plan.report.log2_privacy_failure)},
      {"log2_connectivity_failure", probability(plan.report.log2_connectivity_failure)},
      {"log2_correctness_failure", probability(plan.report.log2_correctness_failure)}};
  if (plan.request.tier == Tier::kMalicious) json["corrupted_enrolled"] = plan.corrupted_enrolled;
  return json;
}

}  // namespace veilsum::aggregator::cli
