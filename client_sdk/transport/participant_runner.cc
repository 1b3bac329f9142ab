// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/participant_runner.h"

#include <memory>
#include <utility>

#include "client_sdk/protocol/participant_protocol.h"
#include "client_sdk/state/memory_session_store.h"
#include "client_sdk/transport/session_driver.h"
#include "client_sdk/transport/session_record.h"
#include "proto/reason_status.h"

namespace veilsum::client {

absl::StatusOr<std::shared_ptr<ParticipantRunner>> ParticipantRunner::Create(
    RunnerOptions options) {
  if (options.identity == nullptr) return absl::InvalidArgumentError("identity: must be there");
  if (options.store == nullptr) options.store = std::make_shared<MemorySessionStore>();
  absl::StatusOr<SessionRecord> opened = SessionRecord::Open(
      {std::move(options.store), options.task_id, options.identity->public_key(),
       options.model_hash, options.sessions_per_day, options.now},
      std::move(options.session_secret));
  if (!opened.ok()) return opened.status();
  const auto record = std::make_shared<SessionRecord>(*std::move(opened));
  ParticipantOptions wanted{options.identity.get(), record->TakeSecret()};
  wanted.policy = options.policy;
  wanted.task_id = options.task_id;
  wanted.model_hash = options.model_hash;
  wanted.enrolment_signature = options.enrolment_signature;
  wanted.journal = record->TakeJournal();
  wanted.answered = [record](const crypto::Digest& model_hash) {
    return record->IsAnswered(model_hash);
  };
  absl::StatusOr<ParticipantProtocol> protocol = ParticipantProtocol::Create(std::move(wanted));
  if (protocol.ok()) {
    return std::make_shared<SessionDriver>(std::move(options), *std::move(protocol), record);
  }
  // The caller may do better with other options; a journal that cannot be played never will.
  if (ReasonOf(protocol.status()) == v1::REASON_STATE_REFUSED) {
    absl::Status ended = record->End();
    if (!ended.ok()) return ended;
  }
  return protocol.status();
}

}  // namespace veilsum::client
