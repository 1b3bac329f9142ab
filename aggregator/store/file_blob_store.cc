// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/file_blob_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "aggregator/store/store_error.h"

namespace veilsum::aggregator {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The names in a directory; empty if it is not there.
std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  return names;
}

void Remove(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

// Of a directory of a session: its id in lower case hex.
bool IsSessionName(const std::string& name) {
  return name.size() == 32 && std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

absl::StatusOr<std::shared_ptr<FileBlobStore>> FileBlobStore::Open(FileBlobStoreOptions options) {
  absl::StatusOr<std::string> root = options.directory->PrivateDirectory("blobs");
  if (!root.ok()) return root.status();
  std::shared_ptr<FileBlobStore> store(new FileBlobStore(std::move(options), *std::move(root)));
  store->NoteOutcome(absl::OkStatus(), 0);
  return store;
}

std::string FileBlobStore::DirectoryOf(const std::string& session_id) const {
  return absl::StrCat(root_, "/", absl::BytesToHexString(session_id));
}

void FileBlobStore::Write(BlobName name, std::shared_ptr<const std::string> bytes, Done done) {
  asio::post(thread_, [this, name = std::move(name), bytes = std::move(bytes),
                       done = std::move(done)]() mutable {
    const Clock::time_point start = Clock::now();
    const absl::Status status = WriteNow(name, *bytes);
    options_.recorder->StoreOperationFinished(metrics::StoreOperation::kWriteBlob, status.ok(),
                                              Since(start));
    if (!status.ok() && !absl::IsResourceExhausted(status)) {
      options_.fatal(status);
      std::abort();  // It must not return.
    }
    NoteOutcome(status, bytes->size());
    bytes.reset();  // It may be large, and the caller may count on its end.
    done(status);
  });
}

absl::Status FileBlobStore::WriteNow(const BlobName& name, const std::string& bytes) {
  const std::string directory = DirectoryOf(name.session_id);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError("make", directory);
  }
  const absl::Status status = WriteBlobFile(options_.calls, directory, name, bytes);
  // Even where the directory was there: a crash may have come between its making and this.
  return status.ok() ? SyncBlobDirectory(options_.calls, root_) : status;
}

void FileBlobStore::NoteOutcome(const absl::Status& status, uint64_t bytes) {
  if (!status.ok()) options_.recorder->StoreRetried(metrics::StoreRetry::kFull);
  options_.recorder->StoreFreeBytes(free_bytes().value_or(0));
  const std::lock_guard<std::mutex> lock(mutex_);
  wanted_bytes_ = status.ok() ? std::nullopt : std::optional<uint64_t>(bytes);
}

absl::Status FileBlobStore::healthy() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!wanted_bytes_.has_value()) return absl::OkStatus();
  // Maybe nobody tries again until this says that it may be worth it.
  if (const std::optional<uint64_t> free = free_bytes(); free > *wanted_bytes_) {
    wanted_bytes_.reset();
    return absl::OkStatus();
  }
  return StoreError(absl::StatusCode::kUnavailable,
                    absl::StrCat("the disk of ", root_, " is full or read-only: free some space (",
                                 *wanted_bytes_, " bytes were needed last)"));
}

absl::StatusOr<std::string> FileBlobStore::ReadTimed(const BlobName& name) {
  const Clock::time_point start = Clock::now();
  absl::StatusOr<std::string> bytes = ReadBlobFile(DirectoryOf(name.session_id), name);
  options_.recorder->StoreOperationFinished(metrics::StoreOperation::kReadBlob, bytes.ok(),
                                            Since(start));
  return bytes;
}

absl::StatusOr<std::string> FileBlobStore::Read(const BlobName& name) { return ReadTimed(name); }

absl::StatusOr<std::optional<BlobStore::Checkpoint>> FileBlobStore::LatestCheckpoint(
    const std::string& session_id) {
  std::optional<uint64_t> latest;
  uint64_t generation = 0;
  for (const std::string& name : NamesIn(DirectoryOf(session_id))) {
    if (!ParseCheckpointName(name, generation)) continue;
    latest = std::max(latest.value_or(0), generation);
  }
  if (!latest.has_value()) return std::nullopt;
  absl::StatusOr<std::string> bytes = ReadTimed({session_id, BlobKind::kCheckpoint, *latest});
  if (!bytes.ok()) return bytes.status();
  return Checkpoint{*latest, *std::move(bytes)};
}

void FileBlobStore::RemoveCheckpointsBefore(const std::string& session_id, uint64_t generation) {
  asio::post(thread_, [this, directory = DirectoryOf(session_id), generation] {
    uint64_t found = 0;
    for (const std::string& name : NamesIn(directory)) {
      if (ParseCheckpointName(name, found) && found < generation) Remove(directory + "/" + name);
    }
  });
}

void FileBlobStore::RemoveSession(const std::string& session_id) {
  asio::post(thread_, [directory = DirectoryOf(session_id)] { Remove(directory); });
}

void FileBlobStore::RemoveOthers(const std::vector<std::string>& session_ids) {
  std::vector<std::string> kept;
  for (const std::string& id : session_ids) kept.push_back(absl::BytesToHexString(id));
  asio::post(thread_, [this, kept = std::move(kept)] {
    for (const std::string& session : NamesIn(root_)) {
      if (!IsSessionName(session)) continue;  // Not ours.
      const std::string directory = absl::StrCat(root_, "/", session);
      if (std::find(kept.begin(), kept.end(), session) == kept.end()) {
        Remove(directory);
        continue;
      }
      for (const std::string& name : NamesIn(directory)) {
        if (absl::EndsWith(name, kUnfinished)) Remove(absl::StrCat(directory, "/", name));
      }
    }
  });
}

}  // namespace veilsum::aggregator
