// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_METRICS_STOPWATCH_H_
#define VEILSUM_METRICS_STOPWATCH_H_

#include <chrono>

namespace veilsum::metrics {

// Runs from where it is made.
class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace veilsum::metrics

#endif  // VEILSUM_METRICS_STOPWATCH_H_
