// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a client must not forget between two starts: docs/protocol.md, "What a client remembers".
#ifndef VEILSUM_CLIENT_SDK_STATE_SESSION_STORE_H_
#define VEILSUM_CLIENT_SDK_STATE_SESSION_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/secret.h"

namespace veilsum::client {

// A session that has begun and not ended: all that is needed to go on with it.
struct SavedSession {
  std::string task_id;
  std::string session_id;  // 16 bytes.
  std::string identity;    // Whose it is; an Ed25519 public key.
  crypto::SessionSecret secret;
  std::vector<std::string> journal;  // Serialised v1::JournalEntry, in order; the offer first.
};

// What a client remembers of all its sessions. When a call has returned OK, what it wrote is there
// for good, as far as the implementation can promise it; when it has failed, nothing of it is, but
// for a failure that says otherwise. Every error carries REASON_STATE_REFUSED:
//
//   FAILED_PRECONDITION  The state is in another's use, older than it was, of a newer version, or
//                        does not allow what was asked.
//   DATA_LOSS            It is damaged.
//   RESOURCE_EXHAUSTED   The disk is full.
//   INTERNAL             Anything else that the operating system said.
//
// Thread-safe. Calls may block for as long as the disk takes.
class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // The task's unfinished session, if there is one.
  virtual absl::StatusOr<std::optional<SavedSession>> Unfinished(absl::string_view task_id) = 0;

  // A new session with its first journal entry; it counts as started at `now`.
  // FAILED_PRECONDITION if the task has an unfinished session, and if a session with this id was
  // begun before: nobody takes part in one session twice with two secrets.
  virtual absl::Status Begin(const SavedSession& session, absl::Time now) = 0;

  // One more entry of the task's unfinished session. `answered`: from now on, and for good, the
  // pair (task, model hash) is answered. FAILED_PRECONDITION if there is no such session.
  virtual absl::Status Remember(absl::string_view task_id, absl::string_view entry,
                                const std::optional<crypto::Digest>& answered) = 0;

  // The task's session is over: its secret and its journal are erased. What stays is that it was
  // there, when, and what it answered. OK if there is none.
  virtual absl::Status End(absl::string_view task_id) = 0;

  virtual absl::StatusOr<bool> IsAnswered(absl::string_view task_id,
                                          const crypto::Digest& model_hash) = 0;

  // How many sessions, of all tasks, were started after `time`.
  virtual absl::StatusOr<uint64_t> StartedAfter(absl::Time time) = 0;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_STATE_SESSION_STORE_H_
