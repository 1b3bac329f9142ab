// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A BlobStore of files: blobs/<session id in hex>/checkpoint-<generation> and …/result.
#ifndef VEILSUM_AGGREGATOR_STORE_FILE_BLOB_STORE_H_
#define VEILSUM_AGGREGATOR_STORE_FILE_BLOB_STORE_H_

#include <asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/store/blob_file.h"
#include "aggregator/store/blob_store.h"
#include "aggregator/store/data_directory.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

struct FileBlobStoreOptions {
  std::shared_ptr<const DataDirectory> directory;
  std::function<void(const absl::Status&)> fatal;  // As in StorageOptions; not null.
  metrics::Recorder* recorder = nullptr;           // Not null.
  DiskCalls calls = kSystemCalls;
};

// Has a thread of its own, so that the commits of a SessionStore do not wait for the fsync of a
// large file.
class FileBlobStore final : public BlobStore {
 public:
  // Errors as OpenStorage.
  static absl::StatusOr<std::shared_ptr<FileBlobStore>> Open(FileBlobStoreOptions options);
  ~FileBlobStore() override { thread_.join(); }

  void Write(BlobName name, std::shared_ptr<const std::string> bytes, Done done) override;
  absl::StatusOr<std::string> Read(const BlobName& name) override;
  absl::StatusOr<std::optional<Checkpoint>> LatestCheckpoint(
      const std::string& session_id) override;
  void RemoveCheckpointsBefore(const std::string& session_id, uint64_t generation) override;
  void RemoveSession(const std::string& session_id) override;
  void RemoveOthers(const std::vector<std::string>& session_ids) override;
  absl::Status healthy() const override;
  std::optional<uint64_t> free_bytes() const override { return options_.calls.free_bytes(root_); }

 private:
  FileBlobStore(FileBlobStoreOptions options, std::string root)
      : options_(std::move(options)), root_(std::move(root)) {}

  std::string DirectoryOf(const std::string& session_id) const;
  absl::Status WriteNow(const BlobName& name, const std::string& bytes);
  absl::StatusOr<std::string> ReadTimed(const BlobName& name);
  void NoteOutcome(const absl::Status& status, uint64_t bytes);

  const FileBlobStoreOptions options_;
  const std::string root_;
  mutable std::mutex mutex_;
  // The last write, if it is to be tried again.
  struct Failed {
    uint64_t bytes;
    metrics::StoreRetry why;
  };
  mutable std::optional<Failed> failed_;
  asio::thread_pool thread_{1};
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_FILE_BLOB_STORE_H_
