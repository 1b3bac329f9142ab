// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_AGGREGATOR_RUNTIME_SESSION_OPTIONS_H_
#define VEILSUM_AGGREGATOR_RUNTIME_SESSION_OPTIONS_H_

#include <functional>
#include <string>
#include <utility>

#include "aggregator/protocol/session_protocol.h"
#include "aggregator/runtime/names.h"
#include "proto/operator.pb.h"

namespace veilsum::aggregator {

using Admits = std::function<bool(const IdentityPublicKey&)>;
using Enrolment = std::function<absl::Status(const IdentityPublicKey&, absl::Span<const uint8_t>)>;

// The protocol's options for a session of the task.
inline SessionOptions OptionsFor(const v1::Task& task, std::string header_bytes, Admits admits,
                                 Enrolment enrolment) {
  SessionOptions options;
  options.header_bytes = std::move(header_bytes);
  options.admits = std::move(admits);
  options.enrolment = std::move(enrolment);
  for (Phase phase : {Phase::kAdvertiseKeys, Phase::kShareKeys, Phase::kMaskedInputCollection,
                      Phase::kConsistencyCheck, Phase::kUnmasking}) {
    const double fraction = PolicyOf(task, phase).target_fraction();
    // Absent in a task whose tier has no such phase.
    if (fraction > 0) options.closing[static_cast<int>(phase)].target_fraction = fraction;
  }
  return options;
}

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_SESSION_OPTIONS_H_
