// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/load/meters.h"

#include <dirent.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

namespace veilsum::load {
namespace {

constexpr std::chrono::milliseconds kWatchInterval{50};

double SecondsOf(clockid_t clock) {
  timespec now{};
  if (clock_gettime(clock, &now) != 0) return 0;
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

uint64_t ResidentBytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

const char* NameOf(Progress::Stage stage) {
  switch (stage) {
    case Progress::Stage::kAdvertiseKeys:
      return "AdvertiseKeys";
    case Progress::Stage::kShareKeys:
      return "ShareKeys";
    case Progress::Stage::kMaskedInputCollection:
      return "MaskedInputCollection";
    case Progress::Stage::kConsistencyCheck:
      return "ConsistencyCheck";
    case Progress::Stage::kUnmasking:
      return "Unmasking";
    default:
      return nullptr;  // The client's own business.
  }
}

}  // namespace

ProcessMeter::ProcessMeter(pid_t pid) : pid_(pid) {
  if (pid_ != 0) watch_ = std::thread([this] { Watch(); });
}

ProcessMeter::~ProcessMeter() {
  if (!watch_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  ends_.notify_all();
  watch_.join();
}

double ProcessMeter::CpuSeconds() const {
  clockid_t clock{};
  if (pid_ == 0 || clock_getcpuclockid(pid_, &clock) != 0) return 0;
  return SecondsOf(clock);
}

uint64_t ProcessMeter::PeakBytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return peak_;
}

void ProcessMeter::Watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  do {
    peak_ = std::max(peak_, ResidentBytes(pid_));
  } while (!ends_.wait_for(lock, kWatchInterval, [this] { return ending_; }));
}

double OwnCpuSeconds() { return SecondsOf(CLOCK_PROCESS_CPUTIME_ID); }

TcpBytes CountTcpBytes() {
  TcpBytes bytes;
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return bytes;
  while (const dirent* entry = readdir(folder)) {
    tcp_info info{};
    socklen_t size = sizeof(info);
    const int fd = std::atoi(entry->d_name);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) continue;  // Something else.
    bytes.sent += info.tcpi_bytes_acked;
    bytes.received += info.tcpi_bytes_received;
  }
  closedir(folder);
  return bytes;
}

PhaseMeter::PhaseMeter(const ProcessMeter& aggregator) : aggregator_(aggregator), begin_(Now()) {}

PhaseMeter::Moment PhaseMeter::Now() const {
  return {Clock::now(), OwnCpuSeconds(), aggregator_.CpuSeconds()};
}

void PhaseMeter::Saw(const Progress& progress) {
  if (NameOf(progress.stage) == nullptr) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (phases_.empty() || progress.stage > phases_.back().stage) {
    phases_.push_back({progress.stage, progress.done, Now()});
  } else if (progress.stage == phases_.back().stage && progress.done > phases_.back().answered) {
    phases_.back().answered = progress.done;
    phases_.back().end = Now();
  }
}

nlohmann::json PhaseMeter::ReportOf(const char* name, const Moment& begin,
                                    const Moment& end) const {
  nlohmann::json report = {
      {"phase", name},
      {"seconds", std::chrono::duration<double>(end.time - begin.time).count()},
      {"swarm_cpu_seconds", end.own_cpu - begin.own_cpu}};
  if (aggregator_.has_process()) {
    report["aggregator_cpu_seconds"] = end.aggregator_cpu - begin.aggregator_cpu;
  }
  return report;
}

nlohmann::json PhaseMeter::Report() {
  const std::lock_guard<std::mutex> lock(mutex_);
  nlohmann::json report = nlohmann::json::array();
  Moment begin = begin_;
  for (const Phase& phase : phases_) {
    report.push_back(ReportOf(NameOf(phase.stage), begin, phase.end));
    begin = phase.end;
  }
  report.push_back(ReportOf("Result", begin, Now()));
  return report;
}

}  // namespace veilsum::load
