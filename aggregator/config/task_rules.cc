// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/config/task_rules.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/graph/parameters.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/session_graph.h"
#include "proto/validate.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::aggregator {
namespace {

void SetPolicy(v1::PhasePolicy& policy, uint64_t least_ms, uint64_t deadline_ms,
               double target_fraction) {
  policy.set_least_ms(least_ms);
  policy.set_deadline_ms(deadline_ms);
  policy.set_target_fraction(target_fraction);
}

absl::Status Infeasible(absl::string_view text) {
  return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_INFEASIBLE_PARAMETERS, text);
}

// Whatever a sum is made of, it must not be one honest client's input.
absl::Status CheckHidden(const v1::Task& task, const crypto::GraphParameters& planned) {
  const uint32_t n = task.max_clients();
  const uint32_t honest =
      crypto::DescribePlan(GraphRequestOf(task, n), planned, task.min_survivors())
          .least_honest_inputs;
  if (honest >= limits::kMinSurvivors) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
      absl::StrCat("task.min_survivors: of a sum of ", task.min_survivors(), " inputs ", honest,
                   " would be left when the corrupted clients (corruption_rate ",
                   task.corruption_rate(), " of ", n, ") take theirs away, so it hides nothing; ",
                   "at least ", limits::kMinSurvivors,
                   " must be left: raise min_survivors, or lower corruption_rate"));
}

// A full session must have parameters, and survive the dropouts that the task expects (that enough
// shares are left then is the planner's to check).
absl::Status CheckFeasible(const v1::Task& task) {
  const uint32_t n = task.max_clients();
  const auto planned = crypto::PlanGraph(GraphRequestOf(task, n));
  if (!planned.ok()) {
    return Infeasible(absl::StrCat("task.graph: a session of max_clients = ", n,
                                   " is not possible: ", planned.status().message()));
  }
  const uint32_t dropped = crypto::FloorOfRate(task.dropout_rate(), n);
  const uint32_t left = n - dropped;
  if (left < task.min_survivors()) {
    return Infeasible(absl::StrCat("task.min_survivors: ", dropped, " of ", n,
                                   " clients may drop out, which leaves ", left,
                                   ", fewer than min_survivors = ", task.min_survivors()));
  }
  return CheckHidden(task, *planned);
}

}  // namespace

uint32_t DefaultMinSurvivors(uint32_t max_clients, double corruption_rate) {
  uint32_t corrupted = 0;
  if (corruption_rate > 0 && corruption_rate < 1) {
    corrupted = std::max<uint32_t>(1, crypto::FloorOfRate(corruption_rate, max_clients));
  }
  return (max_clients + corrupted) / 2 + 1;
}

void SetDefaultPolicies(v1::Task& task) {
  SetPolicy(*task.mutable_advertise_keys(), 0, 60'000, 1.0);
  SetPolicy(*task.mutable_share_keys(), 0, 60'000, 1.0);
  SetPolicy(*task.mutable_masked_input(), 0, 600'000, 1.0);
  SetPolicy(*task.mutable_consistency_check(), 0, 60'000, 1.0);
  SetPolicy(*task.mutable_unmasking(), 1'000, 60'000, 0.9);
}

absl::StatusOr<v1::Task> CheckTask(v1::Task task) {
  if (absl::Status valid = v1::ValidateTask(task); !valid.ok()) {
    return WithReason(std::move(valid), v1::REASON_INVALID_ARGUMENT);
  }
  const absl::StatusOr<uint32_t> bits = ModulusBits(task.max_clients(), task.vector().max_weight(),
                                                    task.vector().quantisation_bits());
  if (!bits.ok()) return bits.status();
  task.mutable_vector()->set_modulus_bits(*bits);
  if (absl::Status feasible = CheckFeasible(task); !feasible.ok()) return feasible;
  task.clear_sessions_started();
  task.clear_sessions_completed();
  return task;
}

}  // namespace veilsum::aggregator
