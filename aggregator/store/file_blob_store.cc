// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/file_blob_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "aggregator/store/store_error.h"
#include "metrics/stopwatch.h"

namespace veilsum::aggregator {
namespace {

namespace fs = std::filesystem;
using metrics::Stopwatch;
using metrics::StoreRetry;

// The names in a directory; none if it is not there. All of them, or an error.
absl::StatusOr<std::vector<std::string>> ListNames(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (!error || error == std::errc::no_such_file_or_directory) return names;
  errno = error.value();
  return SystemError("list", directory);
}

// For removals, which are best effort.
std::vector<std::string> NamesIn(const std::string& directory) {
  return ListNames(directory).value_or(std::vector<std::string>());
}

StoreRetry WhyRetry(const absl::Status& error) {
  const int system_error = ErrnoOf(error);
  if (IsOutOfFiles(system_error)) return StoreRetry::kTooManyFiles;
  return system_error == EROFS ? StoreRetry::kReadOnly : StoreRetry::kFull;
}

const char* WhatToDo(StoreRetry why) {
  switch (why) {
    case StoreRetry::kFull:
      return "is full: free some space";
    case StoreRetry::kReadOnly:
      return "is read-only: make it writable again";
    case StoreRetry::kTooManyFiles:
      break;
  }
  return "cannot be written to, too many files are open: raise the limit (LimitNOFILE, ulimit -n)";
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
  return store;
}

std::string FileBlobStore::DirectoryOf(const std::string& session_id) const {
  return absl::StrCat(root_, "/", absl::BytesToHexString(session_id));
}

void FileBlobStore::Write(BlobName name, std::shared_ptr<const std::string> bytes, Done done) {
  asio::post(thread_, [this, name = std::move(name), bytes = std::move(bytes),
                       done = std::move(done)]() mutable {
    const Stopwatch stopwatch;
    const absl::Status status = WriteNow(name, *bytes);
    options_.recorder->StoreOperationFinished(metrics::StoreOperation::kWriteBlob, status.ok(),
                                              stopwatch.Seconds());
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
  return WriteBlobFile(options_.calls, directory, name, bytes);
}

void FileBlobStore::NoteOutcome(const absl::Status& status, uint64_t bytes) {
  if (!status.ok()) options_.recorder->StoreRetried(WhyRetry(status));
  const std::lock_guard<std::mutex> lock(mutex_);
  failed_ = status.ok() ? std::nullopt : std::optional<Failed>({bytes, WhyRetry(status)});
}

absl::Status FileBlobStore::healthy() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!failed_.has_value()) return absl::OkStatus();
  // Maybe nobody tries again until this says that it may be worth it.
  if (const std::optional<uint64_t> free = free_bytes(); free > failed_->bytes) {
    failed_.reset();
    return absl::OkStatus();
  }
  return StoreError(absl::StatusCode::kUnavailable,
                    absl::StrCat("the disk of ", root_, " ", WhatToDo(failed_->why), " (",
                                 failed_->bytes, " bytes were needed last)"));
}

absl::StatusOr<std::string> FileBlobStore::ReadTimed(const BlobName& name) {
  const Stopwatch stopwatch;
  absl::StatusOr<std::string> bytes = ReadBlobFile(DirectoryOf(name.session_id), name);
  options_.recorder->StoreOperationFinished(metrics::StoreOperation::kReadBlob, bytes.ok(),
                                            stopwatch.Seconds());
  return bytes;
}

absl::StatusOr<std::string> FileBlobStore::Read(const BlobName& name) { return ReadTimed(name); }

absl::StatusOr<std::optional<BlobStore::Checkpoint>> FileBlobStore::LatestCheckpoint(
    const std::string& session_id) {
  const absl::StatusOr<std::vector<std::string>> names = ListNames(DirectoryOf(session_id));
  if (!names.ok()) return names.status();
  std::optional<uint64_t> latest;
  uint64_t generation = 0;
  for (const std::string& name : *names) {
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
