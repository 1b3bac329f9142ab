// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A wall clock that a test sets, for an aggregator in a process of its own, while its monotonic
// clocks go on as they are. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_WALL_CLOCK_H_
#define VEILSUM_TESTS_RELIABILITY_WALL_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace veilsum::reliability {

// The file that says how far off the clock is: a path in the aggregator's environment.
inline constexpr char kWallClock[] = "VEILSUM_TEST_WALL_CLOCK";

// In the aggregator, before any other thread runs: what libc's clock_gettime, gettimeofday and time
// say follows the file, if there is one. In a library of its own, which takes their places in all
// of a program.
void FollowWallClock();

// In the test. Not thread-safe.
class WallClock {
 public:
  // Makes the file; the clock is right.
  explicit WallClock(std::string path);

  // NAME=value, for the aggregator.
  std::string environment() const;
  // To so much after the true time; the aggregator sees it at once.
  void Set(absl::Duration ahead);

 private:
  const std::string path_;
};

// The file's only contents, in seconds, as both processes see it. Ends the process where it cannot
// be had.
using SharedSeconds = std::atomic<int64_t>;
SharedSeconds* MapSeconds(const char* path, bool create);

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_WALL_CLOCK_H_
