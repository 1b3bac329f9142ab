// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/store.h"

#include <algorithm>
#include <utility>

#include "proto/reason_status.h"

namespace veilsum::simulation {

void Store::At(uint64_t time, std::function<void()> work) {
  clock_.At(time, [this, process = process_, work = std::move(work)] {
    if (process == process_) work();
  });
}

uint64_t Store::WriteEnd() {
  return std::max(clock_.now(), stalled_until_) + random_.Between(200, 8 * kMillisecond);
}

// ---- Operations ----

void Store::Commit(std::vector<aggregator::Operation> operations, std::function<void()> done) {
  if (sabotage_ == Sabotage::kEarlyAcknowledgement) {
    At(clock_.now(), std::exchange(done, nullptr));
  }
  queue_.push_back({std::move(operations), std::move(done)});
  Flush();
}

// All that wait at the moment become durable together; then their acknowledgements leave.
void Store::Flush() {
  if (flushing_ || queue_.empty()) return;
  flushing_ = true;
  if (full()) {
    return At(full_until_ + 100 * kMillisecond, [this] {
      flushing_ = false;
      Flush();
    });
  }
  At(WriteEnd(), [this, batches = queue_.size()] {
    std::vector<std::function<void()>> acknowledgements;
    for (size_t i = 0; i < batches; ++i) {
      MakeDurable(queue_.front().operations);
      acknowledgements.push_back(std::move(queue_.front().done));
      queue_.pop_front();
    }
    ++acknowledging_;
    At(clock_.now() + random_.Between(0, kMillisecond),
       [this, process = process_, acknowledgements = std::move(acknowledgements)] {
         --acknowledging_;
         for (const std::function<void()>& done : acknowledgements) {
           if (done != nullptr && process == process_) done();
         }
       });
    flushing_ = false;
    Flush();
  });
}

bool Store::IsNew(const aggregator::Operation& operation) {
  const auto* put = std::get_if<aggregator::PutMessage>(&operation);
  for (const StoredOperation& one : operations_) {
    if (std::holds_alternative<aggregator::FinishSession>(one.operation)) {
      violations.push_back("an operation after FinishSession");
      return false;
    }
    const auto* stored = std::get_if<aggregator::PutMessage>(&one.operation);
    if (put != nullptr && stored != nullptr && stored->from == put->from &&
        stored->phase == put->phase) {
      if (stored->digest != put->digest) violations.push_back("a second message of one phase");
      return false;
    }
    if (std::holds_alternative<aggregator::FreezeSurvivors>(operation) &&
        std::holds_alternative<aggregator::FreezeSurvivors>(one.operation)) {
      violations.push_back("I4: the survivors are frozen twice");
      return false;
    }
  }
  return true;
}

void Store::MakeDurable(const std::vector<aggregator::Operation>& operations) {
  for (const aggregator::Operation& operation : operations) {
    if (!IsNew(operation)) continue;
    operations_.push_back({operation, clock_.now()});
    if (on_durable != nullptr) on_durable(operation);
    if (!std::holds_alternative<aggregator::FinishSession>(operation)) continue;
    // The accumulator is not needed any more, nor what shares came in.
    checkpoints_.clear();
    EraseSecrets();
  }
}

void Store::EraseSecrets() {
  for (StoredOperation& one : operations_) {
    auto* put = std::get_if<aggregator::PutMessage>(&one.operation);
    if (put == nullptr) continue;
    if (put->phase == aggregator::Phase::kShareKeys ||
        put->phase == aggregator::Phase::kUnmasking) {
      put->bytes.clear();
    }
  }
}

// ---- Files ----

void Store::WriteCheckpoint(uint64_t generation, std::vector<aggregator::CountedUpload> included,
                            std::function<std::string()> bytes,
                            std::function<void(absl::Status)> done) {
  if (full()) {
    return At(clock_.now() + kMillisecond, [done = std::move(done)] {
      done(MakeError(absl::StatusCode::kResourceExhausted, v1::REASON_STORAGE_FAILED,
                     "the disk is full"));
    });
  }
  if (sabotage_ == Sabotage::kForgottenIncluded && !included.empty()) included.pop_back();
  const bool late = sabotage_ == Sabotage::kLateCheckpoint;
  writing_checkpoint_ = {generation, {std::move(included), late ? "" : bytes()}};
  At(WriteEnd(), [this, generation, bytes = std::move(bytes), done = std::move(done), late] {
    if (late) writing_checkpoint_->checkpoint.bytes = bytes();
    FinishCheckpoint(generation, done);
  });
}

void Store::FinishCheckpoint(uint64_t generation, std::function<void(absl::Status)> done) {
  checkpoints_[generation] = std::move(writing_checkpoint_->checkpoint);
  At(clock_.now() + random_.Between(0, 2 * kMillisecond),
     [this, generation, done = std::move(done)] {
       writing_checkpoint_.reset();
       checkpoints_.erase(checkpoints_.begin(), checkpoints_.lower_bound(generation));
       done(absl::OkStatus());
     });
}

void Store::WriteResult(std::string bytes, std::function<void(absl::Status)> done) {
  if (full()) {
    return At(clock_.now() + kMillisecond, [done = std::move(done)] {
      done(MakeError(absl::StatusCode::kResourceExhausted, v1::REASON_STORAGE_FAILED,
                     "the disk is full"));
    });
  }
  writing_result_ = std::move(bytes);
  At(WriteEnd(), [this, done = std::move(done)] {
    result_ = *writing_result_;
    At(clock_.now() + random_.Between(0, 2 * kMillisecond), [this, done] {
      writing_result_.reset();
      done(absl::OkStatus());
    });
  });
}

// ---- The end of a process ----

void Store::Crash(uint64_t choice) {
  ++process_;
  const size_t batches = (choice & 3) == 3 ? queue_.size() : std::min(queue_.size(), choice & 3);
  for (size_t i = 0; i < batches; ++i) {
    MakeDurable(queue_.front().operations);
    queue_.pop_front();
  }
  if (sabotage_ == Sabotage::kSplitBatch && !queue_.empty()) {
    const std::vector<aggregator::Operation>& all = queue_.front().operations;
    MakeDurable({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2)});
  }
  queue_.clear();
  acknowledging_ = 0;
  flushing_ = false;
  if (writing_checkpoint_.has_value() && (choice >> 2 & 3) >= 2 &&
      checkpoints_.count(writing_checkpoint_->generation) == 0) {
    Checkpoint& written = checkpoints_[writing_checkpoint_->generation];
    written = std::move(writing_checkpoint_->checkpoint);
    written.torn = (choice >> 2 & 3) == 2;
  }
  writing_checkpoint_.reset();
  if (writing_result_.has_value() && (choice >> 4 & 3) == 3) result_ = *writing_result_;
  writing_result_.reset();
}

// ---- What is durable ----

uint64_t Store::newest_checkpoint() const {
  for (auto one = checkpoints_.rbegin(); one != checkpoints_.rend(); ++one) {
    if (!one->second.torn) return one->first;
  }
  return 0;
}

const Store::Checkpoint* Store::checkpoint(uint64_t generation) const {
  const auto found = checkpoints_.find(generation);
  return found == checkpoints_.end() || found->second.torn ? nullptr : &found->second;
}

aggregator::StoredLog Store::Load() const {
  aggregator::StoredLog log;
  for (const StoredOperation& one : operations_) log.operations.push_back(one.operation);
  log.checkpoint = newest_checkpoint();
  if (log.checkpoint != 0) log.included = checkpoint(log.checkpoint)->included;
  return log;
}

}  // namespace veilsum::simulation
