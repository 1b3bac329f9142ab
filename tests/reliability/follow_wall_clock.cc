// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The functions below stand in the executable, so shared libraries call them too, gRPC's and
// Abseil's among them.

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/reliability/wall_clock.h"

namespace veilsum::reliability {
namespace {

SharedSeconds* ahead = nullptr;  // Written before any other thread runs.

}  // namespace

void FollowWallClock() {
  const char* const path = std::getenv(kWallClock);
  if (path != nullptr) ahead = MapSeconds(path, false);
}

}  // namespace veilsum::reliability

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, time);
  const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result == 0 && wall && veilsum::reliability::ahead != nullptr) {
    time->tv_sec += veilsum::reliability::ahead->load();
  }
  return static_cast<int>(result);
}

int gettimeofday(timeval* time, void* /*zone*/) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
