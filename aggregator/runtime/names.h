// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The names that one thing has in the protocol core, on the wire, in metrics and in logs.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_NAMES_H_
#define VEILSUM_AGGREGATOR_RUNTIME_NAMES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "aggregator/protocol/events.h"
#include "metrics/recorder.h"
#include "proto/operator.pb.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {

v1::SessionState StateOf(Phase phase);
const v1::PhasePolicy& PolicyOf(const v1::Task& task, Phase phase);
// What clients send in the phase, for logs: "masked inputs".
absl::string_view AnswersOf(Phase phase);
metrics::MessageResult MetricOf(MessageResult result);

// The refusal as a status of the code that docs/protocol.md and the reason ask for. OK for accepted
// and duplicate messages.
absl::Status StatusOf(const Reply& reply);
absl::Status StatusFor(v1::Reason reason, absl::string_view detail);

// The refusal as a message, with the status's reason, text and retry delay.
v1::ServerMessage RefusedMessage(v1::Refused::Scope scope, const absl::Status& status);

// The first bytes of a session id in hexadecimal: enough to tell sessions of a log apart.
std::string ShortId(absl::string_view session_id);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_NAMES_H_
