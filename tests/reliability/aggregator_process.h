// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A real aggregator, as a process of its own that may be killed. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_AGGREGATOR_PROCESS_H_
#define VEILSUM_TESTS_RELIABILITY_AGGREGATOR_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace veilsum::reliability {

// How a process ended.
struct Ending {
  int exit_code = 0;  // -1 if a signal ended it.
  int signal = 0;
};

// Not thread-safe: for one thread, which lives as long as the process, since that ends with it.
class AggregatorProcess {
 public:
  struct Options {
    std::string binary;
    std::string config_file;
    uint16_t admin_port = 0;
    std::string log_file;                    // Appended to.
    std::vector<std::string> before{};       // Of the command line: strace, for example.
    std::vector<std::string> environment{};  // NAME=value, besides this process's.
  };

  explicit AggregatorProcess(Options options) : options_(std::move(options)) {}
  // Kills and reaps it.
  ~AggregatorProcess();
  AggregatorProcess(const AggregatorProcess&) = delete;
  AggregatorProcess& operator=(const AggregatorProcess&) = delete;

  // It must not be running. `environment` besides that of the options.
  void Start(const std::vector<std::string>& environment = {});
  // Until /readyz says yes. ABORTED if it has ended meanwhile, DEADLINE_EXCEEDED.
  absl::Status WaitUntilReady(absl::Duration at_most = absl::Seconds(60));
  // What /readyz says now: its status code, 0 if nobody answers.
  int Readiness() const;

  bool running();  // Also false once it has ended by itself.
  pid_t pid() const { return pid_; }
  // Files and sockets that it has open; 0 if it does not run.
  int descriptors() const;
  void Signal(int number);
  // SIGKILL, and reaped.
  Ending Kill();
  // Waits for its end. DEADLINE_EXCEEDED.
  absl::StatusOr<Ending> WaitForEnd(absl::Duration at_most);
  // Of the last one that was reaped.
  const std::optional<Ending>& ending() const { return ending_; }

 private:
  bool Reap(bool wait);

  const Options options_;
  pid_t pid_ = 0;  // 0: none.
  std::optional<Ending> ending_;
};

// Waits for as long as is asked, as a part of what is being tested, or between two looks at
// something that tells nobody when it changes.
void Pause(absl::Duration duration);

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_AGGREGATOR_PROCESS_H_
