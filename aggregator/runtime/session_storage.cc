// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/session_storage.h"

#include <asio/execution/outstanding_work.hpp>
#include <asio/prefer.hpp>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "aggregator/runtime/names.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::aggregator {

SessionStore::Done HeldOpen(Executors& executors, SessionStore::Done done) {
  return [done = std::move(done),
          work = asio::prefer(executors.control(), asio::execution::outstanding_work.tracked)](
             absl::Status status) { done(std::move(status)); };
}

absl::Status CheckKeepsUp(const SessionStore& store) {
  const uint64_t queued = store.queued_bytes();
  if (queued <= kMostQueuedBytes) return absl::OkStatus();
  return WithRetryAfter(StatusFor(v1::REASON_OVERLOADED,
                                  absl::StrCat("the aggregator's disk does not keep up: ", queued,
                                               " bytes wait; try again shortly")),
                        absl::Seconds(2));
}

void SessionStorage::Commit(std::vector<Operation> operations, Done done) {
  if (stopped()) return;
  storage_.sessions->Commit(claim_, std::move(operations), absl::Now(),
                            HeldOpen(executors_, std::move(done)));
}

void SessionStorage::PutReport(std::string report) {
  if (stopped()) return;
  // One that did not get there is made again from the operations, at the next start.
  storage_.sessions->PutReport(claim_, std::move(report),
                               HeldOpen(executors_, [](const absl::Status&) {}));
}

void SessionStorage::WriteCheckpoint(uint64_t generation, std::shared_ptr<const std::string> bytes,
                                     Done done) {
  if (stopped()) return;
  storage_.blobs->Write({claim_.session_id, BlobKind::kCheckpoint, generation}, std::move(bytes),
                        HeldOpen(executors_, std::move(done)));
}

void SessionStorage::WriteResult(std::shared_ptr<const std::string> bytes, Done done) {
  if (stopped()) return;
  storage_.blobs->Write({claim_.session_id, BlobKind::kResult}, std::move(bytes),
                        HeldOpen(executors_, std::move(done)));
}

void SessionStorage::RemoveCheckpointsBefore(uint64_t generation) {
  if (stopped()) return;
  storage_.blobs->RemoveCheckpointsBefore(claim_.session_id, generation);
}

void SessionStorage::RemoveCheckpoints() {
  RemoveCheckpointsBefore(std::numeric_limits<uint64_t>::max());
}

void SessionStorage::RemoveBlobs() {
  if (!stopped()) storage_.blobs->RemoveSession(claim_.session_id);
}

void SessionStorage::Forget() {
  if (stopped()) return;
  const std::weak_ptr<BlobStore> weak = storage_.blobs;
  storage_.sessions->ForgetSession(
      claim_,
      HeldOpen(executors_, [weak, session_id = claim_.session_id](const absl::Status& forgotten) {
        const auto blobs = weak.lock();
        // One that the store still holds needs what it says is there.
        if (forgotten.ok() && blobs != nullptr) blobs->RemoveSession(session_id);
      }));
}

std::function<absl::StatusOr<std::string>()> SessionStorage::ResultReader() const {
  return [blobs = storage_.blobs,
          name = BlobName{claim_.session_id, BlobKind::kResult}]() -> absl::StatusOr<std::string> {
    if (blobs == nullptr) {
      return StatusFor(v1::REASON_SHUTDOWN, "the aggregator is shutting down; try again shortly");
    }
    return blobs->Read(name);
  };
}

absl::Status SessionStorage::CheckKeepsUp() const {
  return stopped() ? absl::OkStatus() : aggregator::CheckKeepsUp(*storage_.sessions);
}

}  // namespace veilsum::aggregator
