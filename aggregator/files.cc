// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

absl::Status FileError(absl::StatusCode code, absl::string_view doing, const std::string& path) {
  const v1::Reason reason = code == absl::StatusCode::kAlreadyExists ? v1::REASON_ALREADY_EXISTS
                                                                     : v1::REASON_INVALID_ARGUMENT;
  return MakeError(
      code, reason,
      absl::StrCat("cannot ", doing, " ", path, ": ", std::generic_category().message(errno)));
}

absl::Status WriteAll(int descriptor, absl::string_view contents, const std::string& path) {
  while (!contents.empty()) {
    const ssize_t written = write(descriptor, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError(absl::StatusCode::kInvalidArgument, "write", path);
    contents.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(int descriptor, const std::string& path) {
  std::string contents;
  char block[1 << 14];
  while (true) {
    const ssize_t got = read(descriptor, block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(absl::StatusCode::kInvalidArgument, "read", path);
    if (got == 0) return contents;
    contents.append(block, static_cast<size_t>(got));
  }
}

absl::Status Write(const std::string& path, absl::string_view contents, int flags, mode_t mode) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode);
  if (descriptor < 0) {
    return FileError(
        errno == EEXIST ? absl::StatusCode::kAlreadyExists : absl::StatusCode::kInvalidArgument,
        "make", path);
  }
  absl::Status status = WriteAll(descriptor, contents, path);
  if (close(descriptor) != 0 && status.ok()) {
    status = FileError(absl::StatusCode::kInvalidArgument, "write", path);
  }
  return status;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError(absl::StatusCode::kInvalidArgument, "read", path);
  // A folder opens, but cannot be read.
  absl::StatusOr<std::string> contents = ReadAll(descriptor, path);
  close(descriptor);
  return contents;
}

absl::Status WriteNewFile(const std::string& path, absl::string_view contents, Access access) {
  return Write(path, contents, O_EXCL, access == Access::kOwner ? 0600 : 0644);
}

absl::Status WriteFile(const std::string& path, absl::string_view contents) {
  return Write(path, contents, O_TRUNC, 0644);
}

}  // namespace veilsum::aggregator
