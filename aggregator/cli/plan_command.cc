// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// `veilsum plan`: degree and threshold for what an operator knows, and what they give.

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "aggregator/cli/command.h"
#include "crypto/graph/parameters.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

using crypto::GraphRule;
using crypto::Tier;

struct PlanFlags {
  uint32_t clients = 0;
  double corrupt = 0;
  double dropout = 0;
  std::string tier = "semi_honest";
  std::string graph;  // Empty: the tier's own.
  uint32_t min_survivors = 0;
  std::string format = "human";
};

struct Plan {
  crypto::GraphRequest request;
  crypto::GraphParameters parameters;
  uint32_t min_survivors = 0;
  crypto::PlanReport report;
};

crypto::GraphRequest RequestOf(const PlanFlags& flags) {
  const std::map<std::string, Tier> tiers = {{"semi_honest", Tier::kSemiHonest},
                                             {"semi_malicious", Tier::kSemiMalicious},
                                             {"malicious", Tier::kMalicious}};
  crypto::GraphRequest request;
  request.tier = tiers.at(flags.tier);
  // The malicious tier allows no other; to the others the sparse graph is what planning is for.
  const bool complete =
      flags.graph.empty() ? request.tier == Tier::kMalicious : flags.graph == "complete";
  request.rule = complete ? GraphRule::kComplete : GraphRule::kHarary;
  request.clients = flags.clients;
  request.corrupt = flags.corrupt;
  request.dropout = flags.dropout;
  return request;
}

absl::StatusOr<Plan> MakePlan(const PlanFlags& flags) {
  Plan plan;
  plan.request = RequestOf(flags);
  const absl::StatusOr<crypto::GraphParameters> parameters = crypto::PlanGraph(plan.request);
  if (!parameters.ok()) {
    const bool infeasible = parameters.status().code() == absl::StatusCode::kFailedPrecondition;
    return WithReason(parameters.status(),
                      infeasible ? v1::REASON_INFEASIBLE_PARAMETERS : v1::REASON_INVALID_ARGUMENT);
  }
  plan.parameters = *parameters;
  const uint32_t survivors = flags.clients - crypto::FloorOfRate(flags.dropout, flags.clients);
  plan.min_survivors = flags.min_survivors == 0 ? survivors : flags.min_survivors;
  if (plan.min_survivors > survivors) {
    return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_INFEASIBLE_PARAMETERS,
                     absl::StrCat("--min-survivors ", plan.min_survivors, ": only ", survivors,
                                  " of ", flags.clients, " clients are left after the dropouts"));
  }
  plan.report = crypto::DescribePlan(plan.request, plan.parameters, plan.min_survivors);
  return plan;
}

// "at most 2^-43.1", "never".
std::string Probability(double log2) {
  return std::isinf(log2) ? "never" : absl::StrFormat("at most 2^%.1f", log2);
}

void PrintForPeople(const PlanFlags& flags, const Plan& plan, std::ostream& out) {
  const auto row = [&](absl::string_view name, const std::string& value, absl::string_view note) {
    out << absl::StrFormat("  %-26s%-18s%s\n", name, value, note);
  };
  const bool complete = plan.request.rule == GraphRule::kComplete;
  out << absl::StrFormat(
      "%u clients, of which %u may be corrupted and %u may drop out\n"
      "tier %s, %s graph\n\n",
      flags.clients, crypto::FloorOfRate(flags.corrupt, flags.clients),
      crypto::FloorOfRate(flags.dropout, flags.clients), flags.tier,
      complete ? "complete" : "harary");
  row("degree k", absl::StrCat(plan.parameters.degree), "neighbours of each client");
  row("threshold t", absl::StrCat(plan.parameters.threshold), "shares that open a secret");
  row("min survivors", absl::StrCat(plan.min_survivors), "least inputs in a published sum");
  out << "\n";
  row("least honest inputs", absl::StrCat(plan.report.least_honest_inputs), "in a published sum");
  row("dropouts tolerated", absl::StrCat(plan.report.dropouts_tolerated),
      "in any round, all rounds together");
  out << "\n";
  row("privacy fails", Probability(plan.report.log2_privacy_failure),
      "the corrupted hold enough shares of one client");
  row("graph falls apart", Probability(plan.report.log2_connectivity_failure),
      "and more than one partial sum would show");
  row("session fails", Probability(plan.report.log2_correctness_failure),
      "too few shares are left for one client");
  if (plan.report.least_honest_inputs < 2) {
    out << "\nWarning: a published sum may hold fewer than two honest inputs. The corrupted can\n"
           "then take their own away and see the one that is left. Raise --min-survivors, or use\n"
           "more clients.\n";
  }
  if (plan.request.tier == Tier::kMalicious) {
    out << "\nNote: this release plans the malicious tier but refuses tasks that ask for it.\n";
  } else if (plan.request.tier == Tier::kSemiMalicious) {
    out << "\nNote: semi_malicious is here to compare with the literature; no task can ask for "
           "it.\n";
  }
}

void PrintJson(const PlanFlags& flags, const Plan& plan, std::ostream& out) {
  const auto probability = [](double log2) {
    return std::isinf(log2) ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(log2);
  };
  const nlohmann::ordered_json json = {
      {"clients", flags.clients},
      {"corrupt", flags.corrupt},
      {"dropout", flags.dropout},
      {"tier", flags.tier},
      {"graph", plan.request.rule == GraphRule::kComplete ? "complete" : "harary"},
      {"k", plan.parameters.degree},
      {"t", plan.parameters.threshold},
      {"min_survivors", plan.min_survivors},
      {"least_honest_inputs", plan.report.least_honest_inputs},
      {"dropouts_tolerated", plan.report.dropouts_tolerated},
      {"log2_privacy_failure", probability(plan.report.log2_privacy_failure)},
      {"log2_connectivity_failure", probability(plan.report.log2_connectivity_failure)},
      {"log2_correctness_failure", probability(plan.report.log2_correctness_failure)}};
  out << json.dump() << "\n";
}

absl::Status RunPlan(const PlanFlags& flags, Console& console) {
  const absl::StatusOr<Plan> plan = MakePlan(flags);
  if (!plan.ok()) return plan.status();
  if (flags.format == "csv") {
    console.out << plan->parameters.degree << "," << plan->parameters.threshold << "\n";
  } else if (flags.format == "json") {
    PrintJson(flags, *plan, console.out);
  } else {
    PrintForPeople(flags, *plan, console.out);
  }
  return absl::OkStatus();
}

}  // namespace

void AddPlanCommand(CLI::App& app, Chosen& chosen) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* plan = app.add_subcommand(
      "plan", "Degree k and threshold t for a number of clients, and what they guarantee");
  plan->add_option("--clients", flags->clients, "Clients of a session")->required();
  plan->add_option("--corrupt", flags->corrupt,
                   "Fraction of the clients that the aggregator may control")
      ->capture_default_str();
  plan->add_option("--dropout", flags->dropout, "Fraction of the clients that may vanish")
      ->capture_default_str();
  plan->add_option("--tier", flags->tier, "How far the aggregator is trusted")
      ->check(CLI::IsMember({"semi_honest", "semi_malicious", "malicious"}))
      ->capture_default_str();
  plan->add_option("--graph", flags->graph,
                   "Who masks with whom (default: complete for malicious, else harary)")
      ->check(CLI::IsMember({"complete", "harary"}));
  plan->add_option("--min-survivors", flags->min_survivors,
                   "Least inputs in a published sum (default: all that do not drop out)")
      ->check(CLI::Range(limits::kMinSurvivors, ~uint32_t{0}));
  plan->add_option("--format", flags->format, "csv prints just k,t")
      ->check(CLI::IsMember({"human", "csv", "json"}))
      ->capture_default_str();
  plan->callback([flags, &chosen] {
    chosen.json = flags->format == "json";
    chosen.run = [flags](Console& console) { return RunPlan(*flags, console); };
  });
}

}  // namespace veilsum::aggregator::cli
