// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Operations as stores keep them.
#ifndef VEILSUM_AGGREGATOR_STORE_OPERATION_RECORD_H_
#define VEILSUM_AGGREGATOR_STORE_OPERATION_RECORD_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aggregator/protocol/operations.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::aggregator {

struct OperationRecord {
  // The place in a session that only one operation can have, 2 to 66 bytes: its kind, its phase
  // (0xff: none), and whom it is about. Of DropClient also what it says: the same again is no
  // second one, anything else is.
  std::string slot;
  // Equal for two operations in one slot: they are the same.
  crypto::Digest digest;
  std::string bytes;
};

OperationRecord ToRecord(const Operation& operation);

// The inverse. DATA_LOSS for what ToRecord never makes; a message's bytes may have been erased.
absl::StatusOr<Operation> FromRecord(const OperationRecord& record);

// What every slot of a message of this phase begins with.
std::string MessageSlots(Phase phase);
// Phases whose messages hold shares: their bytes go with the session's end.
inline constexpr Phase kErasedPhases[] = {Phase::kShareKeys, Phase::kUnmasking};
// True for a slot of a message of such a phase.
bool IsErasedAtTheEnd(absl::string_view slot);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_OPERATION_RECORD_H_
