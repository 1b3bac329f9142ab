// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The entries of a client's journal: docs/protocol.md, "What a client remembers". Internal to
// protocol/. Pure; thread-safe.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_JOURNAL_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_JOURNAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "client_sdk/protocol/participant_protocol.h"
#include "crypto/primitives/bytes.h"
#include "proto/journal.pb.h"
#include "proto/participant.pb.h"

namespace veilsum::client {

// `outcome` was taken in, and `answer` follows from it (null: no message does).
Remember RememberOutcome(const v1::ServerMessage& outcome, const v1::ClientMessage* answer);
Remember RememberInput(const crypto::Digest& input_digest);

// What to step to take the same step again: MessageReceived or InputEncoded. INVALID_ARGUMENT for
// bytes that are no entry.
absl::StatusOr<Event> ParseJournalEntry(absl::string_view bytes);

// OK if `effects`, of stepping the entry's event, remember the same once more: the step was taken
// again, and what was sent follows from it.
absl::Status CheckReplayed(absl::string_view bytes, const Effects& effects);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_JOURNAL_H_
