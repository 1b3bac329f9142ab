// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "aggregator/store/store_error.h"

namespace veilsum::aggregator {
namespace {

constexpr char kLockName[] = "lock";
constexpr absl::string_view kErrnoUrl = "type.veilsum/store.errno";

// So that new files are found again after a power cut.
absl::Status SyncDirectory(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return SystemError("open", path);
  absl::Status status;
  if (fsync(directory) != 0) status = SystemError("sync", path);
  close(directory);
  return status;
}

// Whatever is there already stays as it is.
absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0) {
    return errno == EEXIST ? absl::OkStatus() : SystemError("make", path);
  }
  return SyncDirectory(path + "/..");
}

// Of a directory that was there: it may have come with a restored copy, which made it anyhow.
absl::Status MakePrivate(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (directory < 0) return SystemError("open the directory", path);
  absl::Status status;
  if (fchmod(directory, 0700) != 0) status = SystemError("set the permissions of", path);
  close(directory);
  return status;
}

// An open descriptor of a file that only its owner may read; the caller closes it.
absl::StatusOr<int> OpenPrivate(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return SystemError("open", path);
  if (fchmod(file, 0600) == 0) return file;
  absl::Status error = SystemError("set the permissions of", path);
  close(file);
  return error;
}

// " by process 123", if whoever holds the lock has said so.
std::string Owner(int lock) {
  char digits[32];
  const ssize_t size = pread(lock, digits, sizeof(digits), 0);
  if (size <= 0) return "";
  return absl::StrCat(" by process ", absl::StripAsciiWhitespace(
                                          absl::string_view(digits, static_cast<size_t>(size))));
}

}  // namespace

bool IsFullOrReadOnly(int error) { return error == ENOSPC || error == EDQUOT || error == EROFS; }

bool IsOutOfFiles(int error) { return error == EMFILE || error == ENFILE; }

absl::Status SystemError(absl::string_view what, absl::string_view path) {
  const int error = errno;
  const bool passes = IsFullOrReadOnly(error) || IsOutOfFiles(error);
  const auto code = passes ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kInternal;
  absl::Status status =
      StoreError(code, absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error)));
  status.SetPayload(kErrnoUrl, absl::Cord(absl::StrCat(error)));
  return status;
}

int ErrnoOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kErrnoUrl);
  int error = 0;
  return payload.has_value() && absl::SimpleAtoi(std::string(*payload), &error) ? error : 0;
}

std::optional<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0 || (info.f_flag & ST_RDONLY) != 0) return std::nullopt;
  return uint64_t{info.f_bavail} * info.f_frsize;
}

absl::StatusOr<std::shared_ptr<const DataDirectory>> DataDirectory::Open(std::string path) {
  if (absl::Status made = MakeDirectory(path); !made.ok()) return made;
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return SystemError("look at", path);
  if (!S_ISDIR(info.st_mode)) {
    return StoreError(absl::StatusCode::kFailedPrecondition,
                      absl::StrCat("the data directory ", path,
                                   " is something else than a directory: move that away, or name "
                                   "another place"));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return StoreError(absl::StatusCode::kFailedPrecondition,
                      absl::StrCat("others may write to ", path,
                                   ", and so change what this aggregator promised: chmod 700 it"));
  }
  const absl::StatusOr<int> lock = OpenPrivate(absl::StrCat(path, "/", kLockName));
  if (!lock.ok()) return lock.status();
  std::shared_ptr<const DataDirectory> directory(new DataDirectory(std::move(path), *lock));
  // Of the open file, not of the process: a second opener in the same process is kept out too.
  if (flock(*lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError("lock", directory->path_);
    return StoreError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat("the data directory ", directory->path_, " is in use", Owner(*lock),
                     ": stop that aggregator, or give this one a directory of its own"));
  }
  // For the message above only: a full disk is no reason to stay away.
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(*lock, 0) == 0 && pwrite(*lock, pid.data(), pid.size(), 0) < 0) errno = 0;
  return directory;
}

DataDirectory::~DataDirectory() { close(lock_); }

absl::StatusOr<std::string> DataDirectory::PrivateFile(absl::string_view name) const {
  std::string path = absl::StrCat(path_, "/", name);
  const absl::StatusOr<int> file = OpenPrivate(path);
  if (!file.ok()) return file.status();
  close(*file);
  const absl::Status synced = SyncDirectory(path_);
  if (!synced.ok()) return synced;
  return path;
}

absl::StatusOr<std::string> DataDirectory::PrivateDirectory(absl::string_view name) const {
  std::string path = absl::StrCat(path_, "/", name);
  absl::Status made = MakeDirectory(path);
  if (made.ok()) made = MakePrivate(path);
  if (!made.ok()) return made;
  return path;
}

}  // namespace veilsum::aggregator
