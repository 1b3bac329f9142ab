// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// `veilsum plan`: degree and threshold for what an operator knows, and what they give.

#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aggregator/cli/command.h"
#include "aggregator/cli/plan.h"
#include "aggregator/config/task_rules.h"
#include "crypto/graph/parameters.h"
#include "proto/limits.h"

namespace veilsum::aggregator::cli {
namespace {

using crypto::GraphRequest;
using crypto::GraphRule;
using crypto::Tier;

struct PlanFlags {
  uint32_t clients = 0;
  double corrupt = kDefaultCorruptionRate;
  double dropout = kDefaultDropoutRate;
  std::string tier;   // Empty: those that a task can ask for.
  std::string graph;  // Empty: the tier's own.
  uint32_t min_survivors = 0;
  std::string format = "human";
};

// What is planned, the default of a task first.
std::vector<GraphRequest> RequestsOf(const PlanFlags& flags) {
  const std::map<std::string, Tier> tiers = {{"semi_honest", Tier::kSemiHonest},
                                             {"semi_malicious", Tier::kSemiMalicious},
                                             {"malicious", Tier::kMalicious}};
  const auto request = [&](Tier tier, GraphRule rule) {
    return GraphRequest{tier, rule, flags.clients, flags.corrupt, flags.dropout};
  };
  const GraphRule asked = flags.graph == "harary" ? GraphRule::kHarary : GraphRule::kComplete;
  if (!flags.tier.empty()) {
    // The malicious tier allows no other; to the others the sparse graph is what planning is for.
    const Tier tier = tiers.at(flags.tier);
    const GraphRule own = tier == Tier::kMalicious ? GraphRule::kComplete : GraphRule::kHarary;
    return {request(tier, flags.graph.empty() ? own : asked)};
  }
  std::vector<GraphRequest> requests;
  for (const GraphRequest& offered : {request(Tier::kMalicious, GraphRule::kComplete),
                                      request(Tier::kSemiHonest, GraphRule::kComplete),
                                      request(Tier::kSemiHonest, GraphRule::kHarary)}) {
    if (flags.graph.empty() || offered.rule == asked) requests.push_back(offered);
  }
  return requests;
}

absl::Status RunPlan(const PlanFlags& flags, Console& console) {
  std::vector<Plan> plans;
  std::vector<absl::Status> refused;
  for (const GraphRequest& request : RequestsOf(flags)) {
    absl::StatusOr<Plan> plan = MakePlan(request, flags.min_survivors);
    if (plan.ok()) {
      plans.push_back(*std::move(plan));
    } else if (plan.status().code() == absl::StatusCode::kInvalidArgument) {
      return plan.status();
    } else {
      refused.push_back(plan.status());
    }
    if (flags.format == "csv") break;
  }
  if (plans.empty()) return refused.front();
  if (flags.format == "csv") {
    const crypto::GraphParameters& first = plans.front().parameters;
    console.out << first.degree << "," << first.threshold << "\n";
  } else if (flags.format == "json") {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Plan& plan : plans) list.push_back(PlanJson(plan));
    console.out << (flags.tier.empty() ? list : list[0]).dump() << "\n";
  } else {
    console.out << PlanText(plans);
    for (const absl::Status& status : refused) {
      console.out << "\nNot possible: " << std::string(status.message()) << "\n";
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddPlanCommand(CLI::App& app, Chosen& chosen) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* plan = app.add_subcommand(
      "plan", "Degree k and threshold t for a number of clients, and what each tier gives");
  plan->add_option("--clients", flags->clients, "Clients of a session")->required();
  plan->add_option("--corrupt", flags->corrupt,
                   "Fraction of the clients that the aggregator may control")
      ->capture_default_str();
  plan->add_option("--dropout", flags->dropout, "Fraction of the clients that may vanish")
      ->capture_default_str();
  plan->add_option("--tier", flags->tier,
                   "How far the aggregator is trusted (default: what a task can ask for, side by "
                   "side; csv: malicious)")
      ->check(CLI::IsMember({"semi_honest", "semi_malicious", "malicious"}));
  plan->add_option("--graph", flags->graph,
                   "Who masks with whom (default: complete for malicious, else harary)")
      ->check(CLI::IsMember({"complete", "harary"}));
  plan->add_option("--n-min,--min-survivors", flags->min_survivors,
                   "Least inputs in a published sum (default: that of a task, a little more than "
                   "half)")
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
