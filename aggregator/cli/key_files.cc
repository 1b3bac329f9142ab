// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/key_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "aggregator/files.h"
#include "crypto/primitives/bytes.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

constexpr off_t kMostKeyBytes = 1 << 20;

absl::Status WrongFile(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT, text);
}

absl::Status SystemError(absl::string_view doing, const std::string& path) {
  return WrongFile(
      absl::StrCat("cannot ", doing, " ", path, ": ", std::generic_category().message(errno)));
}

class File {
 public:
  explicit File(const std::string& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace

absl::Status CheckNewFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, error))) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kAlreadyExists, v1::REASON_ALREADY_EXISTS,
                   absl::StrCat(path,
                                " is there already and nothing is overwritten; choose "
                                "another name, or move that one away"));
}

absl::Status WriteNewKeyFile(const std::string& path, const crypto::SecretBuffer& contents) {
  if (absl::Status status = CheckNewFile(path); !status.ok()) return status;
  return WriteNewFile(path, crypto::AsStringView(crypto::ExposeSecret(contents)), Access::kOwner);
}

absl::Status WriteNewPublicFile(const std::string& path, absl::string_view contents) {
  if (absl::Status status = CheckNewFile(path); !status.ok()) return status;
  return WriteNewFile(path, contents, Access::kEverybody);
}

absl::Status ReplaceFile(const std::string& path, absl::string_view contents) {
  const std::string next = path + ".new";
  if (absl::Status status = WriteFile(next, contents); !status.ok()) return status;
  if (std::rename(next.c_str(), path.c_str()) != 0) return SystemError("replace", path);
  return absl::OkStatus();
}

absl::StatusOr<crypto::SecretBuffer> ReadKeyFile(const std::string& path) {
  const File file(path);
  struct stat facts;
  if (file.descriptor() < 0 || fstat(file.descriptor(), &facts) != 0) {
    return SystemError("read", path);
  }
  if (!S_ISREG(facts.st_mode) || facts.st_size > kMostKeyBytes) {
    return WrongFile(absl::StrCat("cannot read ", path, ": it is no key file"));
  }
  crypto::SecretBuffer contents(static_cast<size_t>(facts.st_size));
  absl::Span<uint8_t> rest = crypto::ExposeSecretMutable(contents);
  while (!rest.empty()) {
    const ssize_t count = read(file.descriptor(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read", path);
    if (count == 0) break;  // Someone cut it off meanwhile; the rest is zeros, and no PEM.
    rest.remove_prefix(static_cast<size_t>(count));
  }
  return contents;
}

}  // namespace veilsum::aggregator::cli
