// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The directory that a client's state lives in: its permissions, the lock that keeps others out,
// and a counter beside the database that shows when an older database was put back. For this
// folder only.
#ifndef VEILSUM_CLIENT_SDK_STATE_STATE_DIRECTORY_H_
#define VEILSUM_CLIENT_SDK_STATE_STATE_DIRECTORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace veilsum::client {

// Not thread-safe.
class StateDirectory {
 public:
  // Makes the directory (0700) if it is not there; its parent must be. Locks it until this object
  // dies: FAILED_PRECONDITION if somebody else, here or in another process, has it open, and if
  // others than its owner may write to it.
  static absl::StatusOr<StateDirectory> Open(std::string path);

  StateDirectory(StateDirectory&& other) noexcept
      : path_(std::move(other.path_)), counter_(std::exchange(other.counter_, -1)) {}
  StateDirectory& operator=(StateDirectory&&) = delete;
  ~StateDirectory();

  const std::string& path() const { return path_; }

  // The path of a file in the directory that is there (empty at first) and has mode 0600.
  absl::StatusOr<std::string> PrivateFile(const std::string& name) const;

  // What WriteGeneration wrote last; nullopt: nothing yet. DATA_LOSS if the file is damaged.
  absl::StatusOr<std::optional<uint64_t>> ReadGeneration() const;
  // Durable when it returns.
  absl::Status WriteGeneration(uint64_t generation);

 private:
  StateDirectory(std::string path, int counter) : path_(std::move(path)), counter_(counter) {}

  std::string path_;
  int counter_;  // The open, locked counter file.
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_STATE_STATE_DIRECTORY_H_
