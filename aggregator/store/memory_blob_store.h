// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A BlobStore that is gone with the process: for tests.
#ifndef VEILSUM_AGGREGATOR_STORE_MEMORY_BLOB_STORE_H_
#define VEILSUM_AGGREGATOR_STORE_MEMORY_BLOB_STORE_H_

#include <asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "aggregator/store/blob_store.h"

namespace veilsum::aggregator {

class MemoryBlobStore final : public BlobStore {
 public:
  ~MemoryBlobStore() override { thread_.join(); }

  void Write(BlobName name, std::shared_ptr<const std::string> bytes, Done done) override;
  absl::StatusOr<std::string> Read(const BlobName& name) override;
  absl::StatusOr<std::optional<Checkpoint>> LatestCheckpoint(
      const std::string& session_id) override;
  void RemoveCheckpointsBefore(const std::string& session_id, uint64_t generation) override;
  void RemoveSession(const std::string& session_id) override;
  void RemoveOthers(const std::vector<std::string>& session_ids) override;
  absl::Status healthy() const override { return absl::OkStatus(); }
  std::optional<uint64_t> free_bytes() const override { return std::nullopt; }

 private:
  using Key = std::tuple<std::string, BlobKind, uint64_t>;

  template <class Goes>
  void RemoveIf(Goes&& goes);

  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const std::string>> blobs_;
  asio::thread_pool thread_{1};
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_MEMORY_BLOB_STORE_H_
