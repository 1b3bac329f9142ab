// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One session's part of the stores: its claim, its operations, its checkpoints, its result.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_SESSION_STORAGE_H_
#define VEILSUM_AGGREGATOR_RUNTIME_SESSION_STORAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/protocol/operations.h"
#include "aggregator/runtime/executors.h"
#include "aggregator/store/storage.h"

namespace veilsum::aggregator {

// Keeps Executors::Join waiting until `done` was called, or never will be.
SessionStore::Done HeldOpen(Executors& executors, SessionStore::Done done);

// Bytes that may wait for the disk before new messages are refused.
inline constexpr uint64_t kMostQueuedBytes = uint64_t{64} << 20;

// OK, or OVERLOADED with a delay after which to try again: the store does not keep up.
absl::Status CheckKeepsUp(const SessionStore& store);

// Not thread-safe: on the session's strand. Callbacks are called on threads of the stores.
class SessionStorage {
 public:
  using Done = SessionStore::Done;

  SessionStorage(Storage storage, Claim claim, Executors& executors)
      : storage_(std::move(storage)), claim_(std::move(claim)), executors_(executors) {}

  void Commit(std::vector<Operation> operations, Done done);
  void PutReport(std::string report);
  void WriteCheckpoint(uint64_t generation, std::shared_ptr<const std::string> bytes, Done done);
  void WriteResult(std::shared_ptr<const std::string> bytes, Done done);
  void RemoveCheckpointsBefore(uint64_t generation);
  void RemoveCheckpoints();
  void RemoveBlobs();
  // All but the report.
  void Forget();

  // For another thread; blocks.
  std::function<absl::StatusOr<std::string>()> ResultReader() const;

  absl::Status CheckKeepsUp() const;

  // Lets go of the stores; what is asked for later is not done. What was asked for before goes on.
  void Stop() { storage_ = {}; }
  bool stopped() const { return storage_.sessions == nullptr; }

 private:
  Storage storage_;
  const Claim claim_;
  Executors& executors_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_SESSION_STORAGE_H_
