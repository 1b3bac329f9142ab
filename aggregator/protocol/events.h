// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What can happen to a session, and what it wants done: the whole surface between the sans-IO
// session protocol and the runtime around it.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_EVENTS_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_EVENTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/protocol/operations.h"
#include "aggregator/protocol/phase.h"
#include "aggregator/protocol/unmask_plan.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "proto/participant.pb.h"
#include "proto/reason.pb.h"
#include "proto/rounds.pb.h"

namespace veilsum::aggregator {

using crypto::Digest;
using crypto::IdentityPublicKey;

// ---- Events ----

// `from` is authenticated by the transport (signed Hello), so an impostor's bytes cannot cost
// somebody else a seat. Every message event is answered by exactly one Reply effect.
struct AdvertiseKeysReceived {
  IdentityPublicKey from;
  v1::AdvertiseKeys message;
};
struct ShareKeysReceived {
  IdentityPublicKey from;
  v1::SignedMessage message;
};
// May this client upload? Checks membership, phase, length, signature.
struct UploadOpened {
  IdentityPublicKey from;
  v1::UploadOpen message;
};
// All bytes arrived. `digest` was computed over them by the runtime, which holds them until it is
// told to Fold or to DiscardUpload.
struct UploadCompleted {
  IdentityPublicKey from;
  Digest digest;
  v1::UploadClose message;
};
// The runtime has added the upload to the accumulator, and that is durable. Only now the Reply (the
// receipt) follows. If `status` is not OK (Accumulator::CheckPacked), nothing was added and the
// client is dropped.
struct FoldFinished {
  IdentityPublicKey from;
  absl::Status status = absl::OkStatus();
};
struct ConsistencyCheckReceived {
  IdentityPublicKey from;
  v1::ConsistencyCheck message;
};
struct UnmaskingReceived {
  IdentityPublicKey from;
  v1::SignedMessage message;
};
struct ClientWithdrew {
  IdentityPublicKey from;
  v1::Withdraw message;
};
// A seat's client is back on a new connection and has everything up to `last_outcome`: later
// outcomes are sent again.
struct ClientResumed {
  IdentityPublicKey from;
  v1::Outcome last_outcome = v1::OUTCOME_NONE;
};
// Timers of the present phase, started by PhaseStarted. A timer of another phase is ignored.
struct LeastTimePassed {
  Phase phase;
};
struct DeadlinePassed {
  Phase phase;
};
struct UnmaskFinished {
  absl::StatusOr<UnmaskOutcome> outcome;
};
struct AbortRequested {
  v1::Reason reason;
  std::string detail = {};
};

using Event =
    std::variant<AdvertiseKeysReceived, ShareKeysReceived, UploadOpened, UploadCompleted,
                 FoldFinished, ConsistencyCheckReceived, UnmaskingReceived, ClientWithdrew,
                 ClientResumed, LeastTimePassed, DeadlinePassed, UnmaskFinished, AbortRequested>;

// ---- Effects, to be carried out in order ----

// How one message ended. `result` says it for metrics (the label of secagg_messages_total);
// `reason` and `detail` for the client.
enum class MessageResult {
  kAccepted,
  kDuplicate,  // The same bytes as before: fine, no effect.
  kConflict,   // Other bytes than before; the first stay.
  kLate,
  kWrongSession,  // Made for another session, or for a round that has not begun.
  kNotMember,     // Has no seat, or was dropped from it: `reason` says why.
  kMalformed,
  kOversized,
  kBadSignature,
};
// For a Duplicate or Accepted message reason is REASON_UNSPECIFIED. `dropped`: the message cost
// its client the seat or the offer (a ClientDropped or a ClientRefused without a seat follows, and
// a Send of Refused{SCOPE_CLIENT} on its stream). `answers`: what it is the answer to, so that what
// belongs to an upload goes to the upload's RPC and not to the stream. (Not every message of
// MaskedInputCollection is one: a Withdraw.) `upload_digest`: the client's input is in the sum, for
// the receipt; an UploadOpened that is answered so (kDuplicate) needs no upload any more.
enum class Answers {
  kMessage,
  kUploadOpened,
  kUploadCompleted,  // And FoldFinished.
};
struct Reply {
  IdentityPublicKey to;
  Phase phase;
  MessageResult result;
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  std::string detail = {};
  bool dropped = false;
  Answers answers = Answers::kMessage;
  std::optional<Digest> upload_digest = std::nullopt;
};
// The same pointer goes to many clients where the message is the same, so that the transport
// encodes it once. Large messages that differ from client to client are described instead, to be
// made when they are about to be written: all of them at once would be n · k entries or shares.
struct Send {
  IdentityPublicKey to;
  // Null where `make` is set.
  std::shared_ptr<const v1::ServerMessage> message;
  // A function of data that never changes: the same message whenever and on whichever thread it is
  // called. It owns that data, so let go of it when the message is written or never will be.
  std::function<v1::ServerMessage()> make = {};

  std::shared_ptr<const v1::ServerMessage> Message() const {
    return message != nullptr ? message : std::make_shared<const v1::ServerMessage>(make());
  }
};
// Start the least-time and deadline timers of this phase (the runtime knows the durations).
struct PhaseStarted {
  Phase phase;
  uint32_t expected = 0;
};
struct PhaseClosed {
  Phase phase;
  uint32_t answered = 0;
};
struct Progress {
  Phase phase;
  uint32_t answered = 0;
  uint32_t expected = 0;
};
// The client is told by a Send of its own. One exception: `keeps_seat`, with NO_ANSWER in
// kConsistencyCheck and kUnmasking, where only the answer is missing. Such a client's input is in
// the sum, it may still answer and it gets the result; so it may yet be dropped, once, for another
// reason.
struct ClientDropped {
  IdentityPublicKey who;
  Phase phase;
  v1::Reason reason;
  std::string detail = {};
  bool keeps_seat = false;
};
// A client left by its own decision, with the reason and the words that it gave (at most
// limits::kMaxDetailBytes, written by the client: show them as its claim). Comes after the
// ClientDropped; or alone, with `had_seat` false, where a client was offered the session and took
// no seat. Such a one may be anybody, as often as it likes: nothing of it is stored, and its
// connection is to be closed.
struct ClientRefused {
  IdentityPublicKey who;
  Phase phase;
  v1::Reason reason;
  std::string detail = {};
  bool had_seat = true;
};
// Add the completed upload of this client to the accumulator, then step FoldFinished.
struct Fold {
  IdentityPublicKey from;
};
// Forget the bytes that were last reported by UploadCompleted, not those told to Fold before.
struct DiscardUpload {
  IdentityPublicKey from;
};
// Store these before any later effect, of this step or of later ones, is carried out
// (durable_session.h sees to it).
struct Persist {
  std::vector<Operation> operations;
};
// Reconstruct and remove all masks from the accumulator (unmask.h) on all cores, then step
// UnmaskFinished.
struct Unmask {
  std::shared_ptr<const UnmaskPlan> plan;
};
// The end. `reason` is REASON_UNSPECIFIED when the session completed; then `included` lists whose
// inputs are in the sum, ascending. What clients say later is still answered (Reply, Send), and
// nothing else happens any more.
// `detail` goes to every client and to the log, and names clients by position alone. `blamed` is
// the one whose doing the end was, if that is known: for the operator, and not for the log.
struct Finished {
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  std::string detail = {};
  std::vector<IdentityPublicKey> included;
  std::optional<IdentityPublicKey> blamed = std::nullopt;
};

using Effect = std::variant<Reply, Send, PhaseStarted, PhaseClosed, Progress, ClientDropped,
                            ClientRefused, Fold, DiscardUpload, Persist, Unmask, Finished>;
using Effects = std::vector<Effect>;

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_EVENTS_H_
