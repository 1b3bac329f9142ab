// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Is a message well-formed by itself: lengths, ranges, order, syntax. Whether it fits the session
// (who may say it, when, about whom) is for the protocol to judge.
//
// Pure functions. OK, or INVALID_ARGUMENT naming the field by its path and what is wrong with it:
// "header.vector.clip: must be finite and greater than 0, is nan". The text is fit for the peer
// that sent the message: bytes are described by their length, never repeated.
#ifndef VEILSUM_PROTO_VALIDATE_H_
#define VEILSUM_PROTO_VALIDATE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/operator.pb.h"
#include "proto/participant.pb.h"
#include "proto/rounds.pb.h"
#include "proto/session.pb.h"

namespace veilsum::v1 {

// ---- Sessions and tasks ----

// [a-z0-9][a-z0-9_-]*, at most limits::kMaxTaskIdBytes.
absl::Status ValidateTaskId(absl::string_view task_id);

// `max_clients` decides the modulus: modulus_bits must be what docs/protocol.md, "Vectors", says.
absl::Status ValidateVectorSpec(const VectorSpec& spec, uint32_t max_clients);
// The same for who does not know max_clients: modulus_bits must have room for one input.
absl::Status ValidateVectorSpec(const VectorSpec& spec);

// Knows every tier of the protocol, also those that this build refuses to run.
absl::Status ValidateHeader(const SessionHeader& header);

// A task as an operator creates it. vector.modulus_bits may be 0. The policy of the consistency
// check may be absent in the semi-honest tier, where that round does not take place.
absl::Status ValidateTask(const Task& task);

// ---- The control stream ----

absl::Status ValidateHello(const Hello& hello);
absl::Status ValidateWithdraw(const Withdraw& withdraw);

// ---- Rounds ----

absl::Status ValidateAdvertiseKeys(const AdvertiseKeys& message);
absl::Status ValidateAdvertiseKeysEntry(const AdvertiseKeysEntry& entry);
// Sizes alone: order, membership and n are the client's to check.
absl::Status ValidateRoster(const Roster& roster);
absl::Status ValidateNeighbourEntries(const NeighbourEntries& entries);
absl::Status ValidateSignedMessage(const SignedMessage& message);
// At most one place has no ciphertext (the dealer's own, on the complete graph).
absl::Status ValidateShareKeys(const ShareKeys& body);
// `clients` is n: the bitmap must have its length, with no bit set above it.
absl::Status ValidateDeliveredShares(const DeliveredShares& message, uint32_t clients);
absl::Status ValidateSurvivorSet(const SurvivorSet& message, uint32_t clients);
absl::Status ValidateConsistencyCheck(const ConsistencyCheck& message);
// Sizes and order; who the signers are is the client's to check.
absl::Status ValidateConsistencySignatures(const ConsistencySignatures& message, uint32_t clients);
absl::Status ValidateUnmasking(const Unmasking& body);
absl::Status ValidateSessionResult(const SessionResult& message);

// ---- Upload and download ----

absl::Status ValidateUploadOpen(const UploadOpen& open);
absl::Status ValidateUploadClose(const UploadClose& close);
absl::Status ValidateDownloadResultRequest(const DownloadResultRequest& request);

}  // namespace veilsum::v1

#endif  // VEILSUM_PROTO_VALIDATE_H_
