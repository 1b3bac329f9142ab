// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Can this build run that task? Pure and thread-safe.
#ifndef VEILSUM_AGGREGATOR_CONFIG_TASK_RULES_H_
#define VEILSUM_AGGREGATOR_CONFIG_TASK_RULES_H_

#include "absl/status/statusor.h"
#include "proto/operator.pb.h"

namespace veilsum::aggregator {

// Phase policies that suit clients on ordinary links: nobody who answers is left out before the
// deadline; only unmasking, where a missing answer costs nothing, may close early.
void SetDefaultPolicies(v1::Task& task);

// The task as it is going to run: checked, with its modulus computed.
//
// INVALID_ARGUMENT (REASON_INVALID_ARGUMENT): a field is wrong; the message names it.
// FAILED_PRECONDITION (REASON_INFEASIBLE_PARAMETERS): no degree and threshold exist for a full
// session, or its expected dropouts would end it; the message says what to change.
// UNIMPLEMENTED (REASON_UNSUPPORTED): the malicious tier.
absl::StatusOr<v1::Task> CheckTask(v1::Task task);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CONFIG_TASK_RULES_H_
