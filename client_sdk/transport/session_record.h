// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What one aggregation does with the store: takes up the unfinished session of its task or records
// a new one, keeps to the budget, and erases it in the end. Blocks as long as the disk takes. One
// call at a time, but for IsAnswered, from any thread.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_SESSION_RECORD_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_SESSION_RECORD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client_sdk/state/session_store.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/secret.h"

namespace veilsum::client {

class SessionRecord {
 public:
  struct Options {
    std::shared_ptr<SessionStore> store;
    std::string task_id;
    crypto::IdentityPublicKey identity;
    std::optional<crypto::Digest> model_hash;  // Of what the caller trained.
    uint32_t sessions_per_day = 0;             // Most that may start within 24 hours; 0: any.
    std::function<absl::Time()> now;
  };

  // Looks for an unfinished session. One that this aggregation cannot go on with, of another
  // identity or another model, is erased: this client is out of it. Errors as the store's.
  static absl::StatusOr<SessionRecord> Open(Options options, crypto::SessionSecret fresh_secret);

  // Once each: the session's own, or, of a new one, the fresh secret and nothing.
  crypto::SessionSecret TakeSecret();
  std::vector<std::string> TakeJournal() { return std::move(session_.journal); }

  // Durable when it returns. The first entry of a new session begins it. FAILED_PRECONDITION with
  // REASON_BUDGET_SPENT when no session may be started now. `answered`: see SessionStore.
  absl::Status Remember(absl::string_view session_id, std::string entry,
                        const std::optional<crypto::Digest>& answered);

  // Was a sum of the task unmasked for this model before? Also while another call is running. True
  // where the store cannot say; read_error() says why then.
  bool IsAnswered(const crypto::Digest& model_hash);
  const absl::Status& read_error() const { return read_error_; }

  // Erases the session, if it was begun.
  absl::Status End();

  // Lets go of the store. Nothing else may be called after.
  void Close() { options_.store = nullptr; }

 private:
  SessionRecord(Options options, SavedSession session, bool begun)
      : options_(std::move(options)), session_(std::move(session)), begun_(begun) {}

  absl::Status Begin(absl::string_view session_id, std::string entry);
  absl::Status CheckBudget(absl::Time now);

  Options options_;
  SavedSession session_;
  bool begun_;  // In the store, or perhaps so.
  absl::Status read_error_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_SESSION_RECORD_H_
