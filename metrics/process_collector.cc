// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "metrics/process_collector.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace veilsum::metrics {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

std::string Contents(const char* path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

MetricFamily Gauge(const char* name, const char* help, double value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  return {name, help, MetricType::Gauge, {metric}};
}

MetricFamily Counter(const char* name, const char* help, double value) {
  prometheus::ClientMetric metric;
  metric.counter.value = value;
  return {name, help, MetricType::Counter, {metric}};
}

// Fields of proc(5), /proc/[pid]/stat, numbered as there less the three up to the state, which
// come before and with the last ')'.
constexpr size_t kUserTime = 14 - 3;
constexpr size_t kSystemTime = 15 - 3;
constexpr size_t kThreads = 20 - 3;
constexpr size_t kStartTime = 22 - 3;
constexpr size_t kResidentPages = 24 - 3;

void AddFromStat(std::vector<MetricFamily>& out) {
  const std::string stat = Contents("/proc/self/stat");
  const size_t name_end = stat.rfind(')');  // The name itself may hold anything.
  if (name_end == std::string::npos || name_end + 2 > stat.size()) return;
  const std::vector<std::string> fields =
      absl::StrSplit(absl::string_view(stat).substr(name_end + 2), ' ');
  double user = 0, system = 0, threads = 0, start = 0, pages = 0;
  if (fields.size() <= kResidentPages || !absl::SimpleAtod(fields[kUserTime], &user) ||
      !absl::SimpleAtod(fields[kSystemTime], &system) ||
      !absl::SimpleAtod(fields[kThreads], &threads) ||
      !absl::SimpleAtod(fields[kStartTime], &start) ||
      !absl::SimpleAtod(fields[kResidentPages], &pages)) {
    return;
  }
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  out.push_back(
      Counter("process_cpu_seconds_total", "User and system time used.", (user + system) / ticks));
  out.push_back(Gauge("process_resident_memory_bytes", "Memory held in RAM.",
                      pages * static_cast<double>(sysconf(_SC_PAGESIZE))));
  out.push_back(Gauge("process_threads", "Threads of the process.", threads));
  for (absl::string_view line : absl::StrSplit(Contents("/proc/stat"), '\n')) {
    double booted = 0;
    if (absl::ConsumePrefix(&line, "btime ") && absl::SimpleAtod(line, &booted)) {
      out.push_back(Gauge("process_start_time_seconds", "When the process started, in Unix time.",
                          booted + start / ticks));
    }
  }
}

void AddDescriptors(std::vector<MetricFamily>& out) {
  std::error_code error;
  const std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
  if (!error) {
    // The one that lists them is open too, and does not count.
    const auto open = std::distance(begin(descriptors), end(descriptors)) - 1;
    out.push_back(Gauge("process_open_fds", "Open file descriptors.", static_cast<double>(open)));
  }
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.push_back(Gauge("process_max_fds", "File descriptors that may be open.",
                        static_cast<double>(limit.rlim_cur)));
  }
}

}  // namespace

std::vector<MetricFamily> ProcessCollector::Collect() const {
  std::vector<MetricFamily> families;
  AddFromStat(families);
  AddDescriptors(families);
  return families;
}

}  // namespace veilsum::metrics
