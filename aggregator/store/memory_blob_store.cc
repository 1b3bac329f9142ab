// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/memory_blob_store.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "aggregator/store/store_error.h"

namespace veilsum::aggregator {

void MemoryBlobStore::Write(BlobName name, std::shared_ptr<const std::string> bytes, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  blobs_[{name.session_id, name.kind, name.generation}] = std::move(bytes);
  asio::post(thread_, [done = std::move(done)] { done(absl::OkStatus()); });
}

absl::StatusOr<std::string> MemoryBlobStore::Read(const BlobName& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = blobs_.find({name.session_id, name.kind, name.generation});
  if (found != blobs_.end()) return *found->second;
  return SessionError(absl::StatusCode::kNotFound, name.session_id, "has no such blob");
}

absl::StatusOr<std::optional<BlobStore::Checkpoint>> MemoryBlobStore::LatestCheckpoint(
    const std::string& session_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::optional<Checkpoint> latest;
  for (const auto& [key, bytes] : blobs_) {
    const auto& [id, kind, generation] = key;
    if (id == session_id && kind == BlobKind::kCheckpoint) latest = {generation, *bytes};
  }
  return latest;
}

template <class Goes>
void MemoryBlobStore::RemoveIf(Goes&& goes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(blobs_, [&](const auto& blob) { return goes(blob.first); });
}

void MemoryBlobStore::RemoveCheckpointsBefore(const std::string& session_id, uint64_t generation) {
  RemoveIf([&](const Key& key) {
    return std::get<0>(key) == session_id && std::get<1>(key) == BlobKind::kCheckpoint &&
           std::get<2>(key) < generation;
  });
}

void MemoryBlobStore::RemoveSession(const std::string& session_id) {
  RemoveIf([&](const Key& key) { return std::get<0>(key) == session_id; });
}

void MemoryBlobStore::RemoveOthers(const std::vector<std::string>& session_ids) {
  RemoveIf([&](const Key& key) {
    return std::find(session_ids.begin(), session_ids.end(), std::get<0>(key)) == session_ids.end();
  });
}

}  // namespace veilsum::aggregator
