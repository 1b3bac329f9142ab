// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Can this build run that task? Pure and thread-safe.
#ifndef VEILSUM_AGGREGATOR_CONFIG_TASK_RULES_H_
#define VEILSUM_AGGREGATOR_CONFIG_TASK_RULES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/operator.pb.h"

namespace veilsum::aggregator {

// Phase policies that suit clients on ordinary links: nobody who answers is left out before the
// deadline; only unmasking, where a missing answer costs nothing, may close early.
void SetDefaultPolicies(v1::Task& task);

// What a task has that says nothing else: one client in ten may be the aggregator's, and one in ten
// may vanish.
inline constexpr double kDefaultCorruptionRate = 0.1;
inline constexpr double kDefaultDropoutRate = 0.1;

// The threshold of a full session on the complete graph, floor((n + A)/2) + 1: fewer survivors than
// that could not be unmasked there. In [0, 1) the rate, at most limits::kMaxClients the clients.
uint32_t DefaultMinSurvivors(uint32_t max_clients, double corruption_rate);

// The task as it is going to run: checked, with its modulus computed.
//
// INVALID_ARGUMENT (REASON_INVALID_ARGUMENT): a field is wrong; the message names it. In every tier
// two inputs at least must be left of a sum when those of the corrupted clients are taken away.
// FAILED_PRECONDITION (REASON_INFEASIBLE_PARAMETERS): no degree and threshold exist for a full
// session, or its expected dropouts would end it; the message says what to change.
absl::StatusOr<v1::Task> CheckTask(v1::Task task);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CONFIG_TASK_RULES_H_
