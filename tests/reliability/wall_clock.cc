// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/wall_clock.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace veilsum::reliability {

static_assert(SharedSeconds::is_always_lock_free);

SharedSeconds* MapSeconds(const char* path, bool create) {
  const int file = open(path, (create ? O_CREAT : 0) | O_RDWR | O_CLOEXEC, 0600);
  void* mapped = MAP_FAILED;
  if (file >= 0 && ftruncate(file, sizeof(SharedSeconds)) == 0) {
    mapped = mmap(nullptr, sizeof(SharedSeconds), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  if (mapped == MAP_FAILED) {
    std::perror(path);
    std::abort();
  }
  close(file);
  return static_cast<SharedSeconds*>(mapped);
}

WallClock::WallClock(std::string path) : path_(std::move(path)) { Set(absl::ZeroDuration()); }

std::string WallClock::environment() const { return std::string(kWallClock) + "=" + path_; }

void WallClock::Set(absl::Duration ahead) {
  SharedSeconds* const seconds = MapSeconds(path_.c_str(), true);
  seconds->store(absl::ToInt64Seconds(ahead));
  munmap(seconds, sizeof(SharedSeconds));
}

}  // namespace veilsum::reliability
