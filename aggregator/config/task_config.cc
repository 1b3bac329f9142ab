// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/config/task_config.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/config/table_reader.h"
#include "aggregator/config/task_rules.h"
#include "proto/limits.h"

namespace veilsum::aggregator {
namespace {

constexpr std::pair<absl::string_view, int> kTiers[] = {{"semi_honest", v1::TIER_SEMI_HONEST},
                                                        {"malicious", v1::TIER_MALICIOUS}};
constexpr std::pair<absl::string_view, int> kGraphs[] = {{"complete", v1::GRAPH_RULE_COMPLETE},
                                                         {"harary", v1::GRAPH_RULE_HARARY}};
constexpr std::pair<absl::string_view, int> kAudiences[] = {
    {"operator", v1::AUDIENCE_OPERATOR},
    {"participants", v1::AUDIENCE_PARTICIPANTS},
    {"both", v1::AUDIENCE_BOTH}};

constexpr uint64_t kDefaultQuantisationBits = 16;
constexpr uint64_t kDefaultMaxWeight = 1;
// Of a sum of two inputs each of the two clients can read the other's.
constexpr uint64_t kLeastSurvivors = 3;

void Require(TableReader& table, absl::string_view key, absl::string_view what) {
  if (!table.Has(key)) table.Fail("", absl::StrCat("needs the key ", key, ": ", what));
}

void ReadVector(TableReader& table, v1::VectorSpec& spec) {
  uint64_t dimension = 0;
  double clip = 0;
  double norm_clip = 0;
  uint64_t quantisation_bits = kDefaultQuantisationBits;
  uint64_t max_weight = kDefaultMaxWeight;
  table.Unsigned("dimension", dimension, 1, limits::kMaxDimension);
  table.Number("clip", clip);
  table.Number("norm_clip", norm_clip);
  table.Unsigned("quantisation_bits", quantisation_bits, 1, limits::kMaxQuantisationBits);
  table.Unsigned("max_weight", max_weight, 1, limits::kMaxWeight);
  Require(table, "dimension", "the number of elements of a client's vector");
  Require(table, "clip", "the greatest magnitude of an element; greater ones are clipped to it");
  spec.set_dimension(dimension);
  spec.set_clip(static_cast<float>(clip));
  spec.set_norm_clip(static_cast<float>(norm_clip));
  spec.set_quantisation_bits(static_cast<uint32_t>(quantisation_bits));
  spec.set_max_weight(max_weight);
}

void ReadRates(TableReader& table, v1::Task& task) {
  double corruption_rate = kDefaultCorruptionRate;
  double dropout_rate = kDefaultDropoutRate;
  table.Number("corruption_rate", corruption_rate);
  table.Number("dropout_rate", dropout_rate);
  task.set_corruption_rate(corruption_rate);
  task.set_dropout_rate(dropout_rate);
}

void ReadSizes(TableReader& table, v1::Task& task) {
  uint64_t min_survivors = 0;
  uint64_t max_clients = 0;
  table.Unsigned("max_clients", max_clients, limits::kMinSurvivors, limits::kMaxClients);
  Require(table, "max_clients", "the most clients that one session takes");
  table.Unsigned("min_survivors", min_survivors, 0, limits::kMaxClients);
  if (!table.Has("min_survivors")) {
    min_survivors = DefaultMinSurvivors(static_cast<uint32_t>(max_clients), task.corruption_rate());
  } else if (min_survivors < kLeastSurvivors) {
    table.Fail("min_survivors",
               absl::StrCat("must be at least ", kLeastSurvivors, ", is ", min_survivors,
                            ": of a sum of two inputs each of the two clients "
                            "can read the other's"));
  }
  task.set_min_survivors(static_cast<uint32_t>(min_survivors));
  task.set_max_clients(static_cast<uint32_t>(max_clients));
}

void ReadPrivacy(TableReader& table, v1::Task& task) {
  int tier = v1::TIER_MALICIOUS;
  int graph = v1::GRAPH_RULE_COMPLETE;
  int audience = v1::AUDIENCE_PARTICIPANTS;
  table.Choice("tier", kTiers, tier);
  table.Choice("graph", kGraphs, graph);
  table.Choice("audience", kAudiences, audience);
  task.set_tier(static_cast<v1::Tier>(tier));
  task.set_graph(static_cast<v1::GraphRule>(graph));
  task.set_audience(static_cast<v1::Audience>(audience));
  ReadRates(table, task);
  ReadSizes(table, task);
}

void ReadPolicy(TableReader& task, absl::string_view phase, v1::PhasePolicy& policy) {
  TableReader table = task.Table(phase);
  uint64_t least_ms = policy.least_ms();
  uint64_t deadline_ms = policy.deadline_ms();
  double target_fraction = policy.target_fraction();
  table.Unsigned("least_ms", least_ms, 0, limits::kMaxDeadlineMs);
  table.Unsigned("deadline_ms", deadline_ms, 1, limits::kMaxDeadlineMs);
  table.Number("target_fraction", target_fraction);
  table.Finish();
  // A short deadline alone does not have to name the least time too.
  if (!table.Has("least_ms") && least_ms > deadline_ms) least_ms = deadline_ms;
  policy.set_least_ms(least_ms);
  policy.set_deadline_ms(deadline_ms);
  policy.set_target_fraction(target_fraction);
}

v1::Task ReadFields(TableReader& table) {
  v1::Task task;
  SetDefaultPolicies(task);
  bool on_demand = true;
  table.String("id", *task.mutable_task_id());
  Require(table, "id", "the name that clients ask for");
  ReadVector(table, *task.mutable_vector());
  ReadPrivacy(table, task);
  table.Bool("sessions_on_demand", on_demand);
  task.set_sessions_on_demand(on_demand);
  ReadPolicy(table, "advertise_keys", *task.mutable_advertise_keys());
  ReadPolicy(table, "share_keys", *task.mutable_share_keys());
  ReadPolicy(table, "masked_input", *task.mutable_masked_input());
  ReadPolicy(table, "consistency_check", *task.mutable_consistency_check());
  ReadPolicy(table, "unmasking", *task.mutable_unmasking());
  table.Finish();
  return task;
}

}  // namespace

v1::Task ReadTask(TableReader& table) {
  v1::Task fields = ReadFields(table);
  if (!table.ok()) return fields;
  absl::StatusOr<v1::Task> checked = CheckTask(std::move(fields));
  if (checked.ok()) return *std::move(checked);
  table.Fail(checked.status());
  return {};
}

absl::StatusOr<v1::Task> ParseTaskToml(absl::string_view text, absl::string_view file) {
  absl::StatusOr<Document> document = ParseDocument(text, file);
  if (!document.ok()) return document.status();
  TableReader table(*document, &document->root, "");
  v1::Task task = ReadTask(table);
  if (!document->status.ok()) return document->status;
  return task;
}

}  // namespace veilsum::aggregator
