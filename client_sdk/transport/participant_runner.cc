// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/participant_runner.h"

#include <memory>
#include <utility>

#include "client_sdk/protocol/participant_protocol.h"
#include "client_sdk/transport/session_driver.h"

namespace veilsum::client {

absl::StatusOr<std::shared_ptr<ParticipantRunner>> ParticipantRunner::Create(
    RunnerOptions options) {
  ParticipantOptions wanted{options.identity.get(), std::move(options.session_secret),
                            options.policy,         options.task_id,
                            options.model_hash,     options.enrolment_signature};
  absl::StatusOr<ParticipantProtocol> protocol = ParticipantProtocol::Create(std::move(wanted));
  if (!protocol.ok()) return protocol.status();
  return std::make_shared<SessionDriver>(std::move(options), *std::move(protocol));
}

}  // namespace veilsum::client
