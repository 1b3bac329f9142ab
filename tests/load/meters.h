// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a session costs, as the machine counts it: processor time and memory of processes, bytes of
// connections, and the clock at the end of each phase.
#ifndef VEILSUM_TESTS_LOAD_METERS_H_
#define VEILSUM_TESTS_LOAD_METERS_H_

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "client_sdk/progress.h"

namespace veilsum::load {

// Of a process of this machine; 0: of none, and its figures are 0. Thread-safe.
class ProcessMeter {
 public:
  explicit ProcessMeter(pid_t pid);
  ~ProcessMeter();
  ProcessMeter(const ProcessMeter&) = delete;
  ProcessMeter& operator=(const ProcessMeter&) = delete;

  bool has_process() const { return pid_ != 0; }
  double CpuSeconds() const;
  // The greatest resident set that was seen since this was made.
  uint64_t PeakBytes() const;

 private:
  void Watch();

  const pid_t pid_;
  mutable std::mutex mutex_;
  std::condition_variable ends_;
  bool ending_ = false;
  uint64_t peak_ = 0;
  std::thread watch_;
};

double OwnCpuSeconds();

// Of all TCP connections that this process has now, with TLS and HTTP/2, without TCP's headers.
struct TcpBytes {
  uint64_t sent = 0;
  uint64_t received = 0;
};
TcpBytes CountTcpBytes();

// When each phase ended, told by the clients' progress: the first time that anybody heard its last
// count of answers. Thread-safe.
class PhaseMeter {
 public:
  explicit PhaseMeter(const ProcessMeter& aggregator);

  void Saw(const Progress& progress);
  // An object for each phase, in order, and one for what came after the last.
  nlohmann::json Report();

 private:
  using Clock = std::chrono::steady_clock;
  struct Moment {
    Clock::time_point time;
    double own_cpu = 0;
    double aggregator_cpu = 0;
  };
  struct Phase {
    Progress::Stage stage;
    uint64_t answered = 0;
    Moment end;
  };
  Moment Now() const;
  nlohmann::json ReportOf(const char* name, const Moment& begin, const Moment& end) const;

  const ProcessMeter& aggregator_;
  std::mutex mutex_;
  const Moment begin_;
  std::vector<Phase> phases_;
};

}  // namespace veilsum::load

#endif  // VEILSUM_TESTS_LOAD_METERS_H_
