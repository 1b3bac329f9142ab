// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/protocol/journal.h"

#include <algorithm>
#include <variant>

#include "absl/status/status.h"
#include "client_sdk/protocol/erase.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/limits.h"

namespace veilsum::client {
Remember RememberOutcome(const v1::ServerMessage& outcome, const v1::ClientMessage* answer) {
  v1::JournalEntry entry;
  entry.set_outcome(outcome.SerializeAsString());
  Remember remember;
  if (answer != nullptr) {
    std::string sent = answer->SerializeAsString();
    entry.set_sent_digest(crypto::ToString(crypto::Sha256(crypto::AsBytes(sent))));
    Erase(sent);  // It may hold shares.
    remember.answers = answer->has_unmasking();
  }
  remember.entry = entry.SerializeAsString();
  return remember;
}

Remember RememberInput(const crypto::Digest& input_digest) {
  v1::JournalEntry entry;
  entry.set_input_digest(crypto::ToString(input_digest));
  return Remember{entry.SerializeAsString(), false};
}

absl::StatusOr<Event> ParseJournalEntry(absl::string_view bytes) {
  v1::JournalEntry entry;
  if (bytes.size() > limits::kMaxJournalEntryBytes ||
      !entry.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("it does not parse");
  }
  if (entry.has_input_digest()) {
    InputEncoded event;
    if (entry.input_digest().size() != event.input_digest.size()) {
      return absl::InvalidArgumentError("its input digest is not 32 bytes");
    }
    std::copy(entry.input_digest().begin(), entry.input_digest().end(), event.input_digest.begin());
    return event;
  }
  MessageReceived event;
  if (!entry.has_outcome() || !event.message.ParseFromString(entry.outcome())) {
    return absl::InvalidArgumentError("it holds no message of the aggregator");
  }
  return event;
}

absl::Status CheckReplayed(absl::string_view bytes, const Effects& effects) {
  if (!effects.empty()) {
    if (const auto* finished = std::get_if<Finished>(&effects.back())) return finished->status;
  }
  const Remember* remembered = effects.empty() ? nullptr : std::get_if<Remember>(&effects.front());
  if (remembered == nullptr) {
    return absl::InvalidArgumentError("it closes no round, is out of order, or there twice");
  }
  v1::JournalEntry before, now;
  if (!before.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      !now.ParseFromString(remembered->entry)) {
    return absl::InvalidArgumentError("it does not parse");
  }
  if (before.sent_digest() != now.sent_digest()) {
    return absl::InvalidArgumentError("what follows from it now is not what was sent before");
  }
  return absl::OkStatus();
}

}  // namespace veilsum::client
