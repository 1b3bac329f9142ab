// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The session protocol together with the rule that nothing leaves before it is durable: an effect
// waits until every operation before it is stored, and a receipt until a checkpoint holds its
// input and KeepCheckpoint is stored: a checkpoint that is lost later would not be missed
// otherwise. Sans-IO like the protocol itself, so that the simulation (tests/simulation) and the
// runtime run the same code.
//
//   event ──► SessionProtocol ──► effects ──► queue ──► actions for the shell
//                                              ▲            │ Commit, WriteCheckpoint
//                                              └ Committed, CheckpointWritten
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_DURABLE_SESSION_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_DURABLE_SESSION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aggregator/protocol/events.h"
#include "aggregator/protocol/operations.h"
#include "aggregator/protocol/session_protocol.h"

namespace veilsum::aggregator {

// ---- Actions: what the shell does, in order ----

// Store the operations, all or none, after those of every earlier Commit; then step
// Committed{batch}. Batches count from 1, without gaps.
struct Commit {
  uint64_t batch;
  std::vector<Operation> operations;
};
// Copy the accumulator as it is now, with at least every Fold that was reported by Folded, and
// write it durably together with `generation` (greater each time) and the names of exactly those in
// it: `included`, and any that were folded since; then step CheckpointWritten. One at a time.
struct WriteCheckpoint {
  uint64_t generation;
  std::vector<CountedUpload> included;
};
// There are inputs that no checkpoint holds: step CheckpointDue when it is time for one. One at a
// time; how long, is the shell's business (docs/design.md, decision 9).
struct StartCheckpointTimer {};

using Action = std::variant<Effect, Commit, WriteCheckpoint, StartCheckpointTimer>;
using Actions = std::vector<Action>;

// ---- What the shell reports, besides the events of the protocol ----

struct Committed {
  uint64_t batch;
};
// The Fold of this client was carried out, or not: in the place of FoldFinished, which is this
// class's to step once the input is durable.
struct Folded {
  IdentityPublicKey from;
  absl::Status status = absl::OkStatus();
};
struct CheckpointDue {};
// Not OK: nothing of it is there. The inputs wait for the next one; if the phase is closing, the
// session is aborted (REASON_STORAGE_FAILED), since nothing that is not durable may be frozen.
struct CheckpointWritten {
  uint64_t generation;
  absl::Status status = absl::OkStatus();
};

enum class Durability {
  kInMemory,    // Nothing is stored: no Commit, no WriteCheckpoint; receipts come at once.
  kCheckpoint,  // v1::DURABILITY_CHECKPOINT
};

// What a store has of a session.
struct StoredLog {
  std::vector<Operation> operations;  // In the order in which they were committed.
  // The newest checkpoint; 0: none. One that is damaged, or older than KeepCheckpoint says, ends
  // the session: it lacks inputs that were promised.
  uint64_t checkpoint = 0;
  std::vector<CountedUpload> included;
};

// Of what is stored of a session: DATA_LOSS with REASON_STORAGE_FAILED.
absl::Status DamagedSession(absl::string_view text);

// Not thread-safe: one serial executor per session.
class DurableSession {
 public:
  // A new session; its creation (header, task) is durable before Start. Errors as
  // SessionProtocol::Create.
  static absl::StatusOr<DurableSession> Create(SessionOptions options, Durability durability);

  // A session that was stored, with durability kCheckpoint. DATA_LOSS (REASON_STORAGE_FAILED) when
  // the log does not fit together: it was damaged, or is of another header; the session is lost
  // then, and never continued.
  static absl::StatusOr<DurableSession> Restore(SessionOptions options, StoredLog log);

  // Once. Of a restored session: what must go on, after `history`: the present phase's PhaseStarted
  // once more, for its timers, with a Progress after it; an Unmask that was under way; and what
  // follows from inputs that a checkpoint holds, though nobody was told. Nothing if it has ended.
  Actions Start();

  // Of a restored session: its effects so far without Reply, Send, Fold, DiscardUpload, Persist and
  // Unmask, for those who show how far a session is. All of it is durable.
  const Effects& history() const { return history_; }

  // Not with FoldFinished.
  Actions Step(Event event);
  Actions Step(Committed committed);
  Actions Step(Folded folded);
  Actions Step(CheckpointDue due);
  Actions Step(CheckpointWritten written);

  // Ahead of what is durable.
  const SessionProtocol& protocol() const { return protocol_; }

 private:
  // What waits, in order: an effect, or all after it until a batch is committed.
  struct Gate {
    uint64_t batch;
  };
  using Waiting = std::variant<Effect, Gate>;

  DurableSession(SessionProtocol protocol, Durability durability);

  void StepProtocol(Event event, Actions& actions);
  void Enqueue(Effects effects, Actions& actions);
  void Release(Actions& actions);
  void ForgetWaitingSends(const IdentityPublicKey& to);
  // Steps FoldFinished for these.
  void FinishFolds(std::vector<CountedUpload> uploads, Actions& actions);
  // Stores that the newest checkpoint must be there from now on; what is queued next waits for it.
  void KeepNewestCheckpoint(Actions& actions);
  // Is it time for a checkpoint, or for its timer?
  void CheckpointIfUrgent(Actions& actions);
  void WriteNextCheckpoint(Actions& actions);
  // Of a session that has ended meanwhile: whoever waits for a receipt gets an answer.
  void AnswerWaitingUploads(Actions& actions);

  SessionProtocol protocol_;
  Durability durability_;
  Effects history_;
  Effects pending_;  // For Start.

  std::deque<Waiting> waiting_;
  uint64_t batches_ = 0;
  uint64_t committed_ = 0;

  std::vector<CountedUpload> folding_;      // Handed out, not reported by Folded.
  std::vector<CountedUpload> folded_;       // In the sum, and in no checkpoint.
  std::vector<CountedUpload> being_saved_;  // In the checkpoint that is being written.
  std::vector<CountedUpload> saved_;        // In the last one that is durable.
  uint64_t generation_ = 0;                 // Of the last one that was begun.
  uint64_t saved_generation_ = 0;
  uint64_t kept_generation_ = 0;  // That KeepCheckpoint names.
  bool saving_ = false;
  bool timer_runs_ = false;
  bool failed_ = false;  // The last one; the next waits for its timer, unless the phase is closing.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_DURABLE_SESSION_H_
