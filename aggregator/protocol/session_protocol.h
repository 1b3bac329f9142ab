// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator's side of one session as a sans-IO state machine: event in, effects out; the
// same events give the same effects. It knows no socket, clock, thread, file or randomness.
// docs/protocol.md is the specification; each round's function names the step it implements.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_SESSION_PROTOCOL_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_SESSION_PROTOCOL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "aggregator/protocol/events.h"
#include "proto/session.pb.h"

namespace veilsum::aggregator {

// When a phase closes before its deadline: everyone answered, or this fraction did and the least
// time has passed (LeastTimePassed).
struct ClosingRule {
  double target_fraction = 1.0;  // Of the clients expected in the phase; in (0, 1].
};

struct SessionOptions {
  std::string header_bytes;  // A serialised v1::SessionHeader; it is parsed and validated.
  ClosingRule closing[5];    // By Phase.
  // May this identity take a seat? Asked once for each; must be a pure function.
  std::function<bool(const IdentityPublicKey&)> admits;
  // Does the enrolment authority vouch for this identity, by the signature in its entry (64 bytes,
  // or empty where there is none)? The status's message is for the client. Null: not asked. Must be
  // a pure function.
  std::function<absl::Status(const IdentityPublicKey&, absl::Span<const uint8_t> signature)>
      enrolment;
  // Persist effects are wanted. Without them nothing of it is copied.
  bool persists = true;
};

struct SessionState;

// Not thread-safe: one serial executor per session.
class SessionProtocol {
 public:
  // INVALID_ARGUMENT naming the field when the header is not valid.
  static absl::StatusOr<SessionProtocol> Create(SessionOptions options);

  // The session after `operations`, and, if its survivors are not frozen yet, with `counted` in the
  // sum. The same as one that took the events in which they were persisted; identities that stood
  // in it are not asked for by `admits` and `enrolment` again. DATA_LOSS (REASON_STORAGE_FAILED)
  // when they do not fit together.
  struct Restored;
  static absl::StatusOr<Restored> Restore(SessionOptions options,
                                          absl::Span<const Operation> operations,
                                          absl::Span<const CountedUpload> counted);

  SessionProtocol(SessionProtocol&&) noexcept;
  SessionProtocol& operator=(SessionProtocol&&) noexcept;
  ~SessionProtocol();

  // The first effects: PhaseStarted{kAdvertiseKeys}. Call once, before the first Step.
  Effects Start();

  Effects Step(Event event);

  // A new client asks to join: the offer, or why it may not (REASON_NOT_A_MEMBER, SEAT_TAKEN,
  // SESSION_FULL, LATE).
  absl::StatusOr<std::shared_ptr<const v1::ServerMessage>> OfferFor(
      const IdentityPublicKey& identity) const;
  bool HasSeat(const IdentityPublicKey& identity) const;
  // T1; only once the roster is closed.
  const Digest* transcript() const;
  const v1::SessionHeader& header() const;
  bool finished() const;

  // Uploads are waited for and nothing else: the phase closes with their FoldFinished, or no other
  // upload can come before it. A checkpoint should not be delayed.
  bool waits_for_folds() const;
  // No new uploads: with the last FoldFinished the survivors are frozen.
  bool closing_uploads() const;

  struct Shape {
    uint32_t clients = 0;    // n, 0 until the roster is closed
    uint32_t degree = 0;     // k
    uint32_t threshold = 0;  // t
  };
  Shape shape() const;

 private:
  explicit SessionProtocol(std::unique_ptr<SessionState> state);
  std::unique_ptr<SessionState> state_;
};

struct SessionProtocol::Restored {
  SessionProtocol protocol;
  Effects history;  // As DurableSession::history.
  Effects pending;  // PhaseStarted of the present phase; an Unmask that was under way.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_SESSION_PROTOCOL_H_
