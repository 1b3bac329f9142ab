// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator's store of one session, on a disk that takes its time: batches of operations
// become durable in the order in which they came, together with those that came meanwhile (group
// commit), and files each as a whole. Between a write and its acknowledgement the process may die,
// and then it may be durable, or not, or be there in part.
#ifndef VEILSUM_TESTS_SIMULATION_STORE_H_
#define VEILSUM_TESTS_SIMULATION_STORE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "aggregator/protocol/durable_session.h"
#include "aggregator/protocol/operations.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/random.h"

namespace veilsum::simulation {

// Ways to be wrong, to see that the simulation finds them.
enum class Sabotage {
  kNone,
  kEarlyAcknowledgement,  // The store says that a batch is durable before it is.
  kReleasedEffects,       // The shell says so, without asking the store.
  kForgottenIncluded,     // The last name of a checkpoint's list is not written.
  kLateCheckpoint,        // The accumulator is copied when the disk has time, not when asked to.
  kSplitBatch,            // Of a batch that is interrupted, a part is durable.
};

class Store {
 public:
  Store(Clock& clock, Random& random, Sabotage sabotage)
      : clock_(clock), random_(random), sabotage_(sabotage) {}

  // ---- Of the process; `done` never comes after Crash ----

  void Commit(std::vector<aggregator::Operation> operations, std::function<void()> done);
  // `bytes` is called for what is to be written.
  void WriteCheckpoint(uint64_t generation, std::vector<aggregator::CountedUpload> included,
                       std::function<std::string()> bytes, std::function<void(absl::Status)> done);
  void WriteResult(std::string bytes, std::function<void(absl::Status)> done);

  // ---- Faults ----

  // The process dies. `choice`: bits 0, 1: how many batches that were not durable yet are, if there
  // are so many (3: all); bits 2, 3: a checkpoint that is being written is lost (0, 1), torn (2) or
  // durable (3); bits 4, 5: the result likewise.
  void Crash(uint64_t choice);
  void FillDisk(uint64_t until) { full_until_ = std::max(full_until_, until); }
  void Stall(uint64_t until) { stalled_until_ = std::max(stalled_until_, until); }

  // ---- What is durable ----

  struct StoredOperation {
    aggregator::Operation operation;
    uint64_t time;
  };
  const std::vector<StoredOperation>& operations() const { return operations_; }
  struct Checkpoint {
    std::vector<aggregator::CountedUpload> included;
    std::string bytes;
    bool torn = false;
  };
  // The newest that is whole.
  uint64_t newest_checkpoint() const;
  const Checkpoint* checkpoint(uint64_t generation) const;
  const std::optional<std::string>& result() const { return result_; }
  aggregator::StoredLog Load() const;

  // Each one, in order, before anything that follows from it.
  std::function<void(const aggregator::Operation&)> on_durable;
  // What no aggregator may ask for: another message in the place of one that is stored, anything
  // after the end.
  std::vector<std::string> violations;

  // Nothing is under way.
  bool idle() const {
    return queue_.empty() && acknowledging_ == 0 && !writing_checkpoint_ && !writing_result_;
  }

 private:
  struct Batch {
    std::vector<aggregator::Operation> operations;
    std::function<void()> done;
  };
  // When a write that begins now is done.
  uint64_t WriteEnd();
  bool full() const { return clock_.now() < full_until_; }
  void Flush();
  void MakeDurable(const std::vector<aggregator::Operation>& operations);
  // False: it is there already, and the same.
  bool IsNew(const aggregator::Operation& operation);
  void EraseSecrets();
  // `work` unless the process died meanwhile.
  void At(uint64_t time, std::function<void()> work);
  void FinishCheckpoint(uint64_t generation, std::function<void(absl::Status)> done);

  Clock& clock_;
  Random& random_;
  const Sabotage sabotage_;
  uint64_t process_ = 0;
  uint64_t full_until_ = 0;
  uint64_t stalled_until_ = 0;

  std::deque<Batch> queue_;
  bool flushing_ = false;
  uint32_t acknowledging_ = 0;
  struct WritingCheckpoint {
    uint64_t generation;
    Checkpoint checkpoint;
  };
  std::optional<WritingCheckpoint> writing_checkpoint_;
  std::optional<std::string> writing_result_;

  std::vector<StoredOperation> operations_;
  std::map<uint64_t, Checkpoint> checkpoints_;
  std::optional<std::string> result_;
};

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_STORE_H_
