// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The directory that an aggregator keeps its sessions in: its permissions, and the lock that keeps
// other processes out. For this folder only.
#ifndef VEILSUM_AGGREGATOR_STORE_DATA_DIRECTORY_H_
#define VEILSUM_AGGREGATOR_STORE_DATA_DIRECTORY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace veilsum::aggregator {

class DataDirectory {
 public:
  // Makes the directory (0700) if it is not there; its parent must be. Locks it until this object
  // dies. FAILED_PRECONDITION while somebody else, here or in another process, has it open, if it
  // is no directory, and if others than its owner may write to it.
  static absl::StatusOr<std::shared_ptr<const DataDirectory>> Open(std::string path);

  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;
  ~DataDirectory();

  const std::string& path() const { return path_; }
  // The path of a file in it that is there (empty at first) and has mode 0600.
  absl::StatusOr<std::string> PrivateFile(absl::string_view name) const;
  // The path of a directory in it, and no link to one, that is there and has mode 0700.
  absl::StatusOr<std::string> PrivateDirectory(absl::string_view name) const;

 private:
  DataDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  const std::string path_;
  const int lock_;  // The open, locked file.
};

// What errno says happened to `path`: RESOURCE_EXHAUSTED if the disk is full or read-only, or the
// process or the system has too many files open, otherwise INTERNAL.
absl::Status SystemError(absl::string_view what, absl::string_view path);
// The errno of such an error; 0: it is another one.
int ErrnoOf(const absl::Status& status);
// True for values of errno that a disk gives which is full or read-only, and may be tried again.
bool IsFullOrReadOnly(int error);
// True for values of errno that say that too many files are open.
bool IsOutOfFiles(int error);
// Bytes that an unprivileged process can still write; nullopt: unknown, or the disk is read-only.
std::optional<uint64_t> FreeBytes(const std::string& path);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_DATA_DIRECTORY_H_
