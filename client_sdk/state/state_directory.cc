// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/state/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client_sdk/state/state_error.h"

namespace veilsum::client {
namespace {

constexpr char kCounterName[] = "generation";
// Twenty digits and an end of line: always overwritten as a whole.
constexpr size_t kCounterBytes = 21;

absl::Status SystemError(absl::string_view what, absl::string_view path) {
  const int error = errno;
  return StateError(
      error == ENOSPC ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kInternal,
      absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error)));
}

// An open descriptor of a file that only its owner may read; the caller closes it.
absl::StatusOr<int> OpenPrivate(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return SystemError("open", path);
  if (fchmod(file, 0600) != 0) {
    const absl::Status error = SystemError("set the permissions of", path);
    close(file);
    return error;
  }
  return file;
}

// So that new files are found again after a power cut.
absl::Status SyncDirectory(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return SystemError("open", path);
  const bool synced = fsync(directory) == 0;
  const absl::Status status = synced ? absl::OkStatus() : SystemError("sync", path);
  close(directory);
  return status;
}

absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0) {
    const absl::Status synced = SyncDirectory(path + "/..");
    if (!synced.ok()) return synced;
  } else if (errno != EEXIST) {
    return SystemError("make", path);
  }
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return SystemError("look at", path);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return StateError(absl::StatusCode::kFailedPrecondition,
                      absl::StrCat("others may write to ", path,
                                   ", and so undo what a client remembers: chmod 700 it"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StateDirectory> StateDirectory::Open(std::string path) {
  if (absl::Status made = MakeDirectory(path); !made.ok()) return made;
  const absl::StatusOr<int> counter = OpenPrivate(absl::StrCat(path, "/", kCounterName));
  if (!counter.ok()) return counter.status();
  StateDirectory directory(std::move(path), *counter);
  // Of the open file, not of the process: a second opener in the same process is kept out too.
  if (flock(*counter, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError("lock", directory.path_);
    return StateError(absl::StatusCode::kFailedPrecondition,
                      absl::StrCat("the state directory ", directory.path_,
                                   " is in use by another client; give each a directory of its "
                                   "own"));
  }
  return directory;
}

StateDirectory::~StateDirectory() {
  if (counter_ >= 0) close(counter_);
}

absl::StatusOr<std::string> StateDirectory::PrivateFile(const std::string& name) const {
  std::string path = absl::StrCat(path_, "/", name);
  const absl::StatusOr<int> file = OpenPrivate(path);
  if (!file.ok()) return file.status();
  close(*file);
  const absl::Status synced = SyncDirectory(path_);
  if (!synced.ok()) return synced;
  return path;
}

absl::StatusOr<std::optional<uint64_t>> StateDirectory::ReadGeneration() const {
  char digits[kCounterBytes + 1];
  const ssize_t size = pread(counter_, digits, sizeof(digits), 0);
  if (size < 0) return SystemError("read the counter in", path_);
  if (size == 0) return std::nullopt;
  uint64_t generation = 0;
  if (size != kCounterBytes || digits[kCounterBytes - 1] != '\n' ||
      !absl::SimpleAtoi(absl::string_view(digits, kCounterBytes - 1), &generation)) {
    return StateError(absl::StatusCode::kDataLoss,
                      absl::StrCat(path_, "/", kCounterName, " is damaged"));
  }
  return generation;
}

absl::Status StateDirectory::WriteGeneration(uint64_t generation) {
  const std::string digits = absl::StrFormat("%020d\n", generation);
  const ssize_t written = pwrite(counter_, digits.data(), digits.size(), 0);
  if (written >= 0 && written != static_cast<ssize_t>(digits.size())) errno = ENOSPC;
  if (written != static_cast<ssize_t>(digits.size()) || fdatasync(counter_) != 0) {
    return SystemError("write the counter in", path_);
  }
  return absl::OkStatus();
}

}  // namespace veilsum::client
