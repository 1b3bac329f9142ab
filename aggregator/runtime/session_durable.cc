// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What one session stores, and what happens when it is stored, or is not.

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/names.h"
#include "aggregator/runtime/session_runtime.h"
#include "aggregator/store/failpoint.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

// Between checkpoints: this, or so many times what the last one cost, so that they take no more
// than a tenth of the time.
constexpr std::chrono::milliseconds kLeastCheckpointInterval{250};
constexpr int kCheckpointCosts = 10;

// While the disk is full.
constexpr std::chrono::seconds kResultRetry{1};

}  // namespace

void SessionRuntime::CarryOut(Commit& commit) {
  last_batch_ = commit.batch;
  storage_->Commit(std::move(commit.operations),
                   [self = shared_from_this(), batch = commit.batch](absl::Status status) {
                     self->Post([self, batch, status] { self->BatchStored(batch, status); });
                   });
}

void SessionRuntime::BatchStored(uint64_t batch, const absl::Status& status) {
  if (lost_) return;
  if (!status.ok()) return Lose(status);
  stored_batch_ = batch;
  Step(Committed{batch});
  // Work may add to the queue.
  while (!once_stored_.empty() && once_stored_.front().first <= stored_batch_) {
    const std::function<void()> work = std::move(once_stored_.front().second);
    once_stored_.pop_front();
    work();
  }
}

// Work that must not overtake what waits for the store.
void SessionRuntime::OnceStored(std::function<void()> work) {
  if (lost_ || stored_batch_ >= last_batch_) return work();
  once_stored_.emplace_back(last_batch_, std::move(work));
}

// ---- Checkpoints ----

void SessionRuntime::CarryOut(StartCheckpointTimer&) {
  StartTimer(checkpoint_timer_, std::max(Clock::duration::zero(), next_checkpoint_ - Clock::now()),
             CheckpointDue{});
}

void SessionRuntime::CarryOut(WriteCheckpoint& write) {
  const auto stored = [self = shared_from_this(), generation = write.generation,
                       began = Clock::now()](absl::Status status) {
    self->Post(
        [self, generation, began, status] { self->CheckpointStored(generation, began, status); });
  };
  using Encoded = absl::StatusOr<std::shared_ptr<const std::string>>;
  sum_->Checkpoint(
      session_id_, write.generation,
      [self = shared_from_this(), generation = write.generation, stored](const Encoded& encoded) {
        if (!encoded.ok()) return stored(encoded.status());
        self->Post([self, generation, bytes = *encoded, stored] {
          // Of an ended session it would be written behind the removal of its blobs, and stay.
          if (self->lost_ || self->finished_) return;
          self->storage_->WriteCheckpoint(generation, bytes, stored);
        });
      });
}

void SessionRuntime::CheckpointStored(uint64_t generation, Clock::time_point began,
                                      const absl::Status& status) {
  if (lost_ || finished_) return;
  const Clock::time_point now = Clock::now();
  const Clock::duration cost = now - began;
  services_.recorder.StageFinished(metrics::Stage::kCheckpoint,
                                   std::chrono::duration<double>(cost).count());
  next_checkpoint_ =
      now + std::max<Clock::duration>(kLeastCheckpointInterval, kCheckpointCosts * cost);
  if (status.ok()) {
    storage_->RemoveCheckpointsBefore(generation);
  } else {
    spdlog::warn("{}: a checkpoint could not be written, its receipts wait: {}", Label(),
                 std::string(status.message()));
  }
  Step(CheckpointWritten{generation, status});
}

// ---- The end ----

// Durable before anybody is told that there is a sum.
void SessionRuntime::StoreResult(UnmaskOutcome outcome, PackedSum sum) {
  if (storage_ == nullptr) {
    result_.Keep(sum);
    return ResultStored(outcome, sum, absl::OkStatus());
  }
  Failpoint("session.unmasked");
  storage_->WriteResult(sum, [self = shared_from_this(), outcome, sum](absl::Status status) {
    self->Post([self, outcome, sum, status] { self->ResultStored(outcome, sum, status); });
  });
}

void SessionRuntime::ResultStored(const UnmaskOutcome& outcome, const PackedSum& sum,
                                  const absl::Status& status) {
  if (lost_) return;
  if (finished_) {  // Aborted meanwhile: nobody may have it.
    if (storage_ != nullptr) storage_->RemoveBlobs();
    return;
  }
  if (absl::IsResourceExhausted(status)) {
    spdlog::error("{}: the sum waits for the disk: {}", Label(), std::string(status.message()));
    result_timer_.expires_after(kResultRetry);
    result_timer_.async_wait([self = shared_from_this(), outcome, sum](std::error_code error) {
      if (!error && !self->lost_ && !self->finished_) self->StoreResult(outcome, sum);
    });
    return;
  }
  if (!status.ok()) return Lose(status);
  if (storage_ != nullptr) result_.ReadWith(storage_->ResultReader());
  view_.Apply(outcome);
  Step(UnmaskFinished{outcome});
}

// FinishSession is stored: what led to it is not needed any more.
void SessionRuntime::StoreEnd(bool completed) {
  if (storage_ == nullptr) return;
  storage_->PutReport(view_.present().SerializeAsString());
  if (lost_) return;  // To be looked into.
  completed ? storage_->RemoveCheckpoints() : storage_->RemoveBlobs();
}

}  // namespace veilsum::aggregator
