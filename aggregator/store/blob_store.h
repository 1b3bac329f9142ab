// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Large things of a session, each written once as a whole: checkpoints of the accumulator and the
// result. On disk: files of their own, beside the database.
#ifndef VEILSUM_AGGREGATOR_STORE_BLOB_STORE_H_
#define VEILSUM_AGGREGATOR_STORE_BLOB_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace veilsum::aggregator {

enum class BlobKind { kCheckpoint, kResult };

struct BlobName {
  std::string session_id;  // 16 bytes
  BlobKind kind;
  uint64_t generation = 0;  // Of a checkpoint; 0 for a result.
};

// Thread-safe. With OK the blob is durable: written beside, fsynced, renamed, its directory
// fsynced. Every blob carries a checksum of itself and its name; what does not fit is DATA_LOSS.
class BlobStore {
 public:
  using Done = std::function<void(absl::Status)>;

  virtual ~BlobStore() = default;

  // Asynchronous; `done` on a thread of the store. Replaces what is there. RESOURCE_EXHAUSTED: the
  // disk is full, or read-only, or too many files are open; nothing is there, and it may be tried
  // again. After any other error `fatal` of the implementation's options is called. All with
  // REASON_STORAGE_FAILED.
  virtual void Write(BlobName name, std::shared_ptr<const std::string> bytes, Done done) = 0;

  // Block; for the start of the process, and for results. NOT_FOUND; DATA_LOSS; any other error: it
  // could not be read, and may be whole.
  virtual absl::StatusOr<std::string> Read(const BlobName& name) = 0;
  // That of the greatest generation; nullopt: none. If it is damaged, DATA_LOSS, though there may
  // be an earlier one: receipts were given for what this one holds.
  struct Checkpoint {
    uint64_t generation;
    std::string bytes;
  };
  virtual absl::StatusOr<std::optional<Checkpoint>> LatestCheckpoint(
      const std::string& session_id) = 0;

  // Asynchronous, best effort: what stays after a crash is removed by RemoveOthers.
  virtual void RemoveCheckpointsBefore(const std::string& session_id, uint64_t generation) = 0;
  virtual void RemoveSession(const std::string& session_id) = 0;
  // At the start: all that belongs to no session of these.
  virtual void RemoveOthers(const std::vector<std::string>& session_ids) = 0;

  virtual absl::Status healthy() const = 0;
  // Of the disk; nullopt where there is none.
  virtual std::optional<uint64_t> free_bytes() const = 0;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_BLOB_STORE_H_
