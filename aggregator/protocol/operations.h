// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a session must not forget: the only things that change it, in order. A store keeps them
// (aggregator/store); SessionProtocol::Restore plays them again, all but KeepCheckpoint, which is
// DurableSession's own, and stands where it stood.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_OPERATIONS_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_OPERATIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "aggregator/protocol/phase.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "proto/reason.pb.h"

namespace veilsum::aggregator {

// A message that was accepted: one for each client and phase, for good. Never an upload, whose
// bytes are in the accumulator and whose name is in the checkpoint.
struct PutMessage {
  Phase phase;
  crypto::IdentityPublicKey from;
  crypto::Digest digest;  // What tells a resend from a conflict: see Member::accepted.
  // The serialised message: v1::AdvertiseKeys, v1::SignedMessage or v1::ConsistencyCheck. Empty
  // where it was erased at the session's end (ShareKeys and Unmasking).
  std::string bytes;

  friend bool operator==(const PutMessage&, const PutMessage&) = default;
};

// A client lost its seat by its own doing or by its own will. Those who were silent are not in it:
// the closing of the phase says who they are.
struct DropClient {
  crypto::IdentityPublicKey who;
  Phase phase;
  v1::Reason reason;
  std::string detail;
  // Its own words, if it left by itself: ClientRefused.
  v1::Reason refusal_reason = v1::REASON_UNSPECIFIED;
  std::string refusal_detail = {};

  friend bool operator==(const DropClient&, const DropClient&) = default;
};

// A phase closed with what was stored before. Which one follows, and who was silent, follows from
// that. MaskedInputCollection closes by FreezeSurvivors instead.
struct ClosePhase {
  Phase phase;
  // How many had answered: what is missing in the store is noticed by it.
  uint32_t answered = 0;

  friend bool operator==(const ClosePhase&, const ClosePhase&) = default;
};

// A checkpoint of the sum is durable, and receipts are given for the inputs in it: from now on one
// of this generation or a later one must be there. Its file alone would not tell that it is gone.
struct KeepCheckpoint {
  uint64_t generation;

  friend bool operator==(const KeepCheckpoint&, const KeepCheckpoint&) = default;
};

// MaskedInputCollection closed with these inputs in the sum: U3, once and for all. Stored once for
// each session, after the checkpoint that holds exactly these inputs.
struct FreezeSurvivors {
  // The closing aborts the session if they are too few; then there is no root.
  std::string survivors;                        // The bitmap of docs/protocol.md.
  std::optional<crypto::Digest> survivor_root;  // Bound to T1.
  uint64_t checkpoint = 0;                      // Its generation; 0: nothing is in the sum.

  friend bool operator==(const FreezeSurvivors&, const FreezeSurvivors&) = default;
};

// The end. The result, if there is one, was stored before.
struct FinishSession {
  v1::Reason reason = v1::REASON_UNSPECIFIED;  // Unspecified: the session completed.
  std::string detail = {};
  std::optional<crypto::IdentityPublicKey> blamed = std::nullopt;
  // Of a session that completed.
  crypto::Digest result_digest = {};
  uint64_t result_bytes = 0;

  friend bool operator==(const FinishSession&, const FinishSession&) = default;
};

using Operation = std::variant<PutMessage, DropClient, ClosePhase, KeepCheckpoint, FreezeSurvivors,
                               FinishSession>;

// An input that is in the sum, as a checkpoint names it.
struct CountedUpload {
  crypto::IdentityPublicKey from;
  crypto::Digest digest;  // SHA-256 of its packed bytes.

  friend bool operator==(const CountedUpload&, const CountedUpload&) = default;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_OPERATIONS_H_
