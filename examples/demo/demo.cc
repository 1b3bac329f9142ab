// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Federated training on real data, securely aggregated, with participants killed in every
// protocol round:
//
//   ./bazelw run //:demo                      ten hospitals, breast cancer, logistic regression
//   ./bazelw run //:demo -- --task=digits     forty participants, handwritten digits, a network
//
// The last line says whether every published sum was, bit for bit, the plain sum of the included
// participants' quantised inputs; anything but exact=yes is a failure.

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "examples/demo/audit.h"
#include "examples/demo/classifier.h"
#include "examples/demo/dataset.h"
#include "examples/demo/federation.h"
#include "examples/demo/files.h"
#include "examples/demo/kill_schedule.h"

namespace veilsum::demo {
namespace {

constexpr int kFlRounds = 30;
constexpr uint64_t kSeed = 1;

struct Options {
  std::string task = "breast-cancer";
  bool keep = false;
};

void SetPhase(v1::PhasePolicy& phase, double target_fraction) {
  phase.set_least_ms(200);
  phase.set_deadline_ms(20'000);
  phase.set_target_fraction(target_fraction);
}

v1::Task CommonSettings(const std::string& id, const Plan& plan) {
  v1::Task task;
  task.set_task_id(id);
  v1::VectorSpec& vector = *task.mutable_vector();
  vector.set_dimension(plan.shape.weights());
  vector.set_quantisation_bits(16);
  vector.set_max_weight(128);
  task.set_audience(v1::AUDIENCE_BOTH);
  task.set_max_clients(static_cast<uint32_t>(plan.participants));
  for (v1::PhasePolicy* phase :
       {task.mutable_advertise_keys(), task.mutable_share_keys(), task.mutable_masked_input(),
        task.mutable_consistency_check(), task.mutable_unmasking()}) {
    SetPhase(*phase, 0.5);
  }
  return task;
}

// Ten hospitals: a model linear in 30 measurements; everybody masks with everybody, and nobody
// trusts the aggregator.
Plan BreastCancerPlan() {
  Plan plan;
  plan.task = "breast-cancer";
  plan.participants = 10;
  plan.shape = {.inputs = 30, .hidden = 0, .classes = 2};
  plan.training = {.epochs = 2, .rate = 0.1f, .batch = 16, .seed = kSeed};
  plan.settings = CommonSettings(plan.task, plan);
  plan.settings.mutable_vector()->set_clip(0.25f);
  plan.settings.set_tier(v1::TIER_MALICIOUS);
  plan.settings.set_graph(v1::GRAPH_RULE_COMPLETE);
  plan.settings.set_corruption_rate(0.1);
  plan.settings.set_dropout_rate(0.3);
  plan.settings.set_min_survivors(5);
  return plan;
}

// Forty participants: one hidden layer over 64 pixels; each masks with a few neighbours, and the
// aggregator is trusted to follow the protocol.
Plan DigitsPlan() {
  Plan plan;
  plan.task = "digits";
  plan.participants = 40;
  plan.shape = {.inputs = 64, .hidden = 32, .classes = 10};
  plan.training = {.epochs = 4, .rate = 0.1f, .batch = 16, .seed = kSeed};
  plan.settings = CommonSettings(plan.task, plan);
  plan.settings.mutable_vector()->set_clip(0.5f);
  plan.settings.set_tier(v1::TIER_SEMI_HONEST);
  plan.settings.set_graph(v1::GRAPH_RULE_HARARY);
  plan.settings.set_corruption_rate(0.05);
  plan.settings.set_dropout_rate(0.15);
  plan.settings.set_min_survivors(25);
  return plan;
}

// Those in which somebody can be lost.
std::vector<std::string> ProtocolRounds(const Plan& plan) {
  std::vector<std::string> rounds = {"AdvertiseKeys", "ShareKeys", "MaskedInputCollection"};
  if (plan.settings.tier() == v1::TIER_MALICIOUS) rounds.push_back("ConsistencyCheck");
  rounds.push_back("Unmasking");
  return rounds;
}

absl::StatusOr<Dataset> LoadData(const std::string& task) {
  const bool digits = task == "digits";
  absl::StatusOr<std::string> csv =
      ReadFile(digits ? "examples/demo/digits.csv" : "external/sklearn_data/breast_cancer.csv");
  if (!csv.ok()) return csv.status();
  return digits ? ParseDigits(*csv) : ParseBreastCancer(*csv);
}

// How training went, beside what central training would have given.
struct Summary {
  bool exact = true;
  int sessions = 0;
  size_t dropouts = 0;
  std::vector<double> accuracy, pooled;
  // One participant's input in the first FL round, and the accuracy of a model made of it alone.
  Sample sample;
  double own_accuracy = 0;
  // Of models made of what the aggregator received of one participant, one in each FL round.
  std::vector<double> received_accuracy;
  double guessing = 0;  // Accuracy of always naming the commonest class.
  double seconds = 0;
};

double CommonestShare(const Dataset& data) {
  std::map<int, double> rows;
  for (const auto label : data.labels) rows[static_cast<int>(label)] += 1;
  double most = 0;
  for (const auto& [label, count] : rows) most = std::max(most, count);
  return most / static_cast<double>(data.rows());
}

std::string Kills(const std::map<std::string, std::string>& killed) {
  if (killed.empty()) return "";
  return absl::StrCat("   killed: ",
                      absl::StrJoin(killed, ", ", [](std::string* out, const auto& kill) {
                        absl::StrAppend(out, kill.first, " in ", kill.second);
                      }));
}

// What one participant's update is worth by itself, and what the aggregator could make of what it
// received: its numbers, scaled to the range of an update.
void TakeSample(const Plan& plan, const v1::VectorSpec& spec, const Sample& sample,
                const Split& split, Summary& summary) {
  std::vector<float> own = InitialWeights(plan.shape, kSeed), received = own;
  const std::vector<float> update = MeanOf(sample.input, spec.quantisation_bits(), spec.clip());
  for (size_t i = 0; i < own.size(); ++i) {
    own[i] += update[i];
    received[i] +=
        static_cast<float>(spec.clip() * (std::ldexp(static_cast<double>(sample.received[i]),
                                                     1 - static_cast<int>(spec.modulus_bits())) -
                                          1));
  }
  if (summary.received_accuracy.empty()) {
    summary.sample = sample;
    summary.own_accuracy = Accuracy(plan.shape, own, split.test);
  }
  summary.received_accuracy.push_back(Accuracy(plan.shape, received, split.test));
}

absl::Status TrainFederated(const Plan& plan, Federation& federation, const Split& split,
                            Summary& summary) {
  const Dataset pooled_data = Pool(split.parts);
  std::vector<float> model = InitialWeights(plan.shape, kSeed);
  std::vector<float> pooled = model;
  for (int round = 1; round <= kFlRounds; ++round) {
    absl::StatusOr<std::vector<size_t>> present = federation.Present(round);
    if (!present.ok()) return present.status();
    absl::StatusOr<FlRoundOutcome> outcome =
        federation.FlRound(round, model, KillsIn(round, *present, ProtocolRounds(plan), kSeed));
    if (!outcome.ok()) return outcome.status();

    summary.sessions += 1;
    summary.dropouts += outcome->killed.size();
    summary.exact = summary.exact && outcome->exact.ok();
    TakeSample(plan, federation.settings().vector(), outcome->sample, split, summary);
    for (size_t i = 0; i < model.size(); ++i) model[i] += outcome->mean[i];
    TrainingOptions training = plan.training;
    training.seed += static_cast<uint64_t>(round);
    Train(plan.shape, pooled_data, training, pooled);
    summary.accuracy.push_back(Accuracy(plan.shape, model, split.test));
    summary.pooled.push_back(Accuracy(plan.shape, pooled, split.test));
    std::cout << absl::StreamFormat(
                     "FL round %2d/%d  k=%d t=%d  %2d of %2d in the sum  %s  accuracy %.3f%s\n",
                     round, kFlRounds, outcome->degree, outcome->threshold, outcome->included,
                     outcome->took_part, outcome->exact.ok() ? "exact" : "NOT EXACT",
                     summary.accuracy.back(), Kills(outcome->killed))
              << std::flush;
    if (!outcome->exact.ok()) std::cout << "  " << outcome->exact.message() << "\n";
  }
  return absl::OkStatus();
}

void PrintRow(absl::string_view name, const std::vector<double>& accuracy) {
  std::cout << absl::StreamFormat("%-22s", name);
  for (const size_t round : {1, 5, 10, 20, 30}) {
    std::cout << absl::StreamFormat("%9.3f", accuracy[round - 1]);
  }
  std::cout << "\n";
}

std::string Beginning(const std::vector<uint64_t>& numbers) {
  return absl::StrJoin(absl::MakeSpan(numbers).first(5), " ",
                       [](std::string* out, uint64_t number) {
                         absl::StrAppend(out, absl::StrFormat("%11d", number));
                       });
}

void PrintSummary(const Summary& summary) {
  std::cout << "\nAccuracy after FL round       1        5       10       20       30\n";
  PrintRow("  trained together", summary.accuracy);
  PrintRow("  on pooled data", summary.pooled);
  const Sample& sample = summary.sample;
  const double received =
      std::accumulate(summary.received_accuracy.begin(), summary.received_accuracy.end(), 0.0) /
      static_cast<double>(summary.received_accuracy.size());
  std::cout << absl::StreamFormat(
      "\nWhat %s put into the first sum begins with\n  %s   a model made of it alone: accuracy "
      "%.3f\nand what the aggregator received of it, with\n  %s   accuracy %.3f on average over "
      "all FL rounds (always guessing the commonest class: %.3f): noise\nCorrelation of the two: "
      "%+.2f (random numbers, %d of them: within "
      "%.2f, 19 times of 20).\n\n",
      sample.participant, Beginning(sample.input), summary.own_accuracy, Beginning(sample.received),
      received, summary.guessing, Correlation(sample.input, sample.received), sample.input.size(),
      2 / std::sqrt(static_cast<double>(sample.input.size())));
}

absl::StatusOr<Summary> RunDemo(const Options& options, const std::string& directory) {
  const Plan plan = options.task == "digits" ? DigitsPlan() : BreastCancerPlan();
  absl::StatusOr<Dataset> data = LoadData(options.task);
  if (!data.ok()) return data.status();
  const Split split = SplitAmong(*data, plan.participants, /*skew=*/6, kSeed);
  const Binaries binaries = {std::filesystem::absolute("aggregator/aggregator"),
                             std::filesystem::absolute("aggregator/cli/veilsum"),
                             std::filesystem::absolute("examples/demo/participant")};

  std::cout << plan.participants << " participants with " << split.parts.front().rows() << " to "
            << split.parts.back().rows() << " rows each of their own; " << split.test.rows()
            << " rows to test on; a model of " << plan.shape.weights() << " weights.\n"
            << "Each is a process, connected to the aggregator over TLS. In each FL round some are "
               "killed;\nthey come back later.\n\n"
            << std::flush;
  const auto start = std::chrono::steady_clock::now();
  absl::StatusOr<std::unique_ptr<Federation>> federation =
      Federation::Start(plan, binaries, directory, split.parts);
  if (!federation.ok()) return federation.status();
  Summary summary;
  summary.guessing = CommonestShare(split.test);
  absl::Status status = TrainFederated(plan, **federation, split, summary);
  if (status.ok()) status = (*federation)->Stop();
  if (!status.ok()) return status;
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return summary;
}

int Main(const Options& options) {
  std::string directory = std::filesystem::temp_directory_path() / "veilsum-demo-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    std::cerr << "demo: cannot make a folder in " << std::filesystem::temp_directory_path() << "\n";
    return 1;
  }
  const absl::StatusOr<Summary> summary = RunDemo(options, directory);
  if (!summary.ok()) {
    std::cerr << "demo: " << summary.status() << "\nIts files are in " << directory << "\n";
    std::cout << "demo: exact=no error\n";
    return 1;
  }
  PrintSummary(*summary);
  if (options.keep || !summary->exact) {
    std::cout << "Logs, configuration and audit copies are in " << directory << "\n";
  } else {
    std::filesystem::remove_all(directory);
  }
  std::cout << absl::StreamFormat(
      "demo: exact=%s sessions=%d dropouts=%d accuracy=%.3f pooled_accuracy=%.3f seconds=%.1f\n",
      summary->exact ? "yes" : "no", summary->sessions, summary->dropouts, summary->accuracy.back(),
      summary->pooled.back(), summary->seconds);
  return summary->exact ? 0 : 1;
}

}  // namespace
}  // namespace veilsum::demo

int main(int argc, char** argv) {
  veilsum::demo::Options options;
  CLI::App app("Federated training on real data, securely aggregated.");
  app.add_option("--task", options.task)->check(CLI::IsMember({"breast-cancer", "digits"}));
  app.add_flag("--keep", options.keep, "Keep logs, configuration and audit copies");
  CLI11_PARSE(app, argc, argv);
  return veilsum::demo::Main(options);
}
