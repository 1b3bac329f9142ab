// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The upload RPCs of one session that wait for the protocol's word. It comes when it is durable,
// so later than the step that caused it, and others of the same client may wait, too.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_UPLOAD_ANSWERS_H_
#define VEILSUM_AGGREGATOR_RUNTIME_UPLOAD_ANSWERS_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/protocol/events.h"
#include "aggregator/runtime/pending_uploads.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {

// Where one upload stands.
struct UploadGrant {
  std::unique_ptr<UploadWriter> writer;  // Null: the input is in the sum already; see `receipt`.
  v1::UploadReceipt receipt;
};

// Each UploadOpened and each UploadCompleted is answered by exactly one Reply, those of one client
// in the order of the events, with one exception: the Reply to the upload that is being folded
// comes after those to resends of it (DUPLICATE, CONFLICT) that arrived meanwhile. A duplicate gets
// a receipt, too, and what that says is not durable before the fold is: it waits for the Reply to
// that. Not thread-safe.
class UploadAnswers {
 public:
  using Opened = std::function<void(absl::StatusOr<UploadGrant>)>;
  using Completed = std::function<void(absl::StatusOr<v1::UploadReceipt>)>;

  // An RPC that waits: `answer` gets the Reply, whatever it says. `why` of RefuseAll goes to
  // `refuse`.
  struct Waiting {
    std::function<void(const Reply&)> answer;
    std::function<void(const absl::Status&)> refuse;
  };

  // Before the event is stepped.
  void AwaitOpened(const IdentityPublicKey& from, Waiting waiting);
  void AwaitCompleted(const IdentityPublicKey& from, const Digest& digest, Waiting waiting);

  // How many wait for the Reply to their UploadOpened.
  size_t opening() const { return opening_; }

  // With Fold: the digest of what is folded.
  Digest BeginFold(const IdentityPublicKey& from);

  // Of Answers::kUploadOpened or kUploadCompleted.
  void Answer(const Reply& reply);

  void RefuseAll(const absl::Status& why);

 private:
  struct Completion {
    Digest digest;
    Waiting waiting;
  };
  // The first is of the upload that is folded, the others of resends.
  using Folding = std::vector<Waiting>;

  std::map<IdentityPublicKey, std::deque<Waiting>> opened_;
  size_t opening_ = 0;
  std::map<IdentityPublicKey, std::deque<Completion>> completed_;
  std::map<IdentityPublicKey, Folding> folding_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_UPLOAD_ANSWERS_H_
