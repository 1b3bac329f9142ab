// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The client's side of one session as a sans-IO state machine: event in, effects out; the same
// events and the same session secret give the same bytes. It knows no socket, clock, thread, file
// or hidden randomness. docs/protocol.md is the specification.
//
// Two duties of whoever carries the effects out: in their order, and durably where they say so
// (Remember). What was remembered, with the session secret, brings the machine back after a crash.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_PARTICIPANT_PROTOCOL_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_PARTICIPANT_PROTOCOL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client_sdk/protocol/masked_input.h"
#include "client_sdk/protocol/session_policy.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/secret.h"
#include "proto/participant.pb.h"
#include "proto/session.pb.h"

namespace veilsum::client {

// ---- Events ----

// Any message of the control stream after Challenge and Hello, which are the transport's.
struct MessageReceived {
  v1::ServerMessage message;
};
// The input is encoded (EncodeInput). After a restart it must be the same one, or the client
// declines with REASON_CONFLICT: a second input under the same masks would show the difference.
struct InputEncoded {
  crypto::Digest input_digest;  // InputDigest (masked_input.h) of the encoded lanes.
};
// The upload ended well.
struct UploadAcknowledged {
  v1::UploadReceipt receipt;
};
// The upload was refused for good (not: the connection broke; then the transport tries again).
struct UploadRefused {
  v1::Reason reason;
  std::string detail;
};
// A new connection resumed the session, or the time of a Refused with retry_after_ms (which is the
// transport's to wait for) has passed: what the aggregator has not acknowledged goes out again,
// byte for byte. Nothing to do for uploads and downloads, which the transport resumes itself.
struct Reconnected {};
// The packed sum was downloaded.
struct ResultDownloaded {
  std::string packed;
};
// The download was refused for good.
struct DownloadRefused {
  v1::Reason reason;
  std::string detail;
};
// The caller gives up: it changed its mind, a deadline passed, its store or its budget failed. This
// ends the session in every phase; the operator is told the reason and the text.
struct CancelRequested {
  v1::Reason reason = v1::REASON_CANCELLED;
  std::string detail = "cancelled by the caller";
};

using Event = std::variant<MessageReceived, InputEncoded, UploadAcknowledged, UploadRefused,
                           Reconnected, ResultDownloaded, DownloadRefused, CancelRequested>;

// ---- Effects, in order ----

// Append `entry` to the session's journal. It must be durable before any later effect, of this step
// or a later one, is carried out; if that fails, step CancelRequested (REASON_STATE_REFUSED) and
// carry out nothing more. Holds nothing secret but what the aggregator sent: sealed shares.
struct Remember {
  std::string entry;  // A serialised v1::JournalEntry, at most limits::kMaxJournalEntryBytes.
  // From here on (task, header().model_hash()) is answered, whatever becomes of the session: make
  // that durable with the entry. See ParticipantOptions::answered.
  bool answers = false;
};
struct Send {
  v1::ClientMessage message;
};
// Header and roster are accepted: encode the caller's vector now (encoding/encoder.h), with
// rounding_seed(), which depends on the roster. Comes right after the Send of ShareKeys, so that
// encoding overlaps the round. Then step InputEncoded; StartUpload waits for it. header() is valid
// from the first Send on.
struct EncodeInput {
  v1::VectorSpec spec;
};
// Mask, pack and upload the encoded vector: chunks of ElementsPerChunk elements (masked_input.h),
// then CloseUpload over the SHA-256 of all bytes. The plan's seeds live until the upload is
// acknowledged: drop the pointer then. Masks are never materialised as a whole.
struct StartUpload {
  std::shared_ptr<const MaskingPlan> plan;
  v1::UploadOpen open;
};
// Fetch `total_bytes` of the packed sum, then step ResultDownloaded.
struct DownloadResult {
  v1::DownloadResultRequest request;
  uint64_t total_bytes = 0;
};
struct Progress {
  v1::PhaseProgress progress;
};
// The end; no effect follows, and later events have none. OK: the sum of `included` inputs;
// `packed_sum` is empty when the audience does not include participants. Otherwise the status
// carries `reason` too (proto/reason_status.h), and its code says who ended it:
//   FAILED_PRECONDITION  this client declined (a Send of Withdraw went before);
//   ABORTED              the aggregator refused a message, dropped this client or aborted;
//   CANCELLED            the caller gave up (a Send of Withdraw went before).
// The journal and the session secret may be erased now.
struct Finished {
  absl::Status status;
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  uint32_t included = 0;
  std::string packed_sum;
};

using Effect =
    std::variant<Remember, Send, EncodeInput, StartUpload, DownloadResult, Progress, Finished>;
using Effects = std::vector<Effect>;

// Whose message it is; ROUND_UNSPECIFIED for Hello and Withdraw.
v1::Round RoundOf(const v1::ClientMessage& message);

struct ParticipantOptions {
  const crypto::IdentityKeyPair* identity = nullptr;  // Not owned; outlives the protocol.
  crypto::SessionSecret session_secret;               // Fresh for each session.
  SessionPolicy policy{};                             // What the client insists on.
  std::string task_id{};                              // The header must name it.
  std::optional<crypto::Digest> model_hash{};         // Of what the caller really trained.
  // The enrolment authority's over this identity, 64 bytes, to put in the entry; empty: none.
  std::string enrolment_signature{};
  // The entries of all Remember effects of this session so far, in order; empty: a new session.
  std::vector<std::string> journal{};
  // Did this client ever help unmask a sum of the task for this model (Remember::answers), in any
  // session? Then it takes part in no other one. Asked in Step, at the offer and before it answers;
  // not about what is in the journal. Null: it never did.
  std::function<bool(const crypto::Digest& model_hash)> answered{};
};

// Not thread-safe.
class ParticipantProtocol {
 public:
  // Plays the journal: phase, last_outcome() and session_id() are then as they were.
  //
  // INVALID_ARGUMENT for what no session could meet: no identity, a bad task id, a policy that
  // contradicts itself, or (REASON_NOT_ENROLLED) an own identity that the policy's root does not
  // vouch for. FAILED_PRECONDITION with REASON_STATE_REFUSED when the journal cannot be played: an
  // entry does not parse, is out of order, would now be refused, or what follows from it is not
  // what was sent before. Then nothing of this session may be sent any more.
  static absl::StatusOr<ParticipantProtocol> Create(ParticipantOptions options);

  ParticipantProtocol(ParticipantProtocol&&) noexcept;
  ParticipantProtocol& operator=(ParticipantProtocol&&) noexcept;
  ~ParticipantProtocol();

  Effects Step(Event event);

  // What the restart interrupted and must be carried out again; empty for a new session. Once,
  // before the first Step. What was sent is left to Reconnected, an upload follows InputEncoded.
  Effects TakeReplayed();

  // For the transport's Hello: which session to resume (empty before the offer) and the last
  // outcome that was taken in.
  std::string session_id() const;
  v1::Outcome last_outcome() const;
  // Signed by the identity, after the upload's last byte. FAILED_PRECONDITION before StartUpload,
  // after the end, and for a second digest: one masked input per session, or its masks are worth
  // nothing. The same digest may be closed again.
  absl::StatusOr<v1::UploadClose> CloseUpload(const crypto::Digest& digest);
  // Seed of the stochastic rounding; only between EncodeInput and Finished.
  const crypto::RandomSeed& rounding_seed() const;
  const v1::SessionHeader& header() const;
  bool finished() const;

 private:
  struct State;
  explicit ParticipantProtocol(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_PARTICIPANT_PROTOCOL_H_
