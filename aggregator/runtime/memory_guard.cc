// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/memory_guard.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

constexpr uint64_t kNoUploadsPercent = 80;
constexpr uint64_t kNoSessionsPercent = 90;
constexpr uint64_t kCutsUploadsPercent = 95;

// Uploads of any size that counts are larger; messages and connections are not.
constexpr int kLargeBlock = 1 << 20;

// Walking the whole heap takes a while.
constexpr std::chrono::seconds kReclaimInterval{1};

// Without overflow: limits are far below 2^57.
bool AtLeast(uint64_t used, uint64_t limit, uint64_t percent) {
  return used >= limit / 100 * percent;
}

// The first number of a file, after the word `key` if there is one; 0 if there is none.
uint64_t NumberIn(const char* file, const std::string& key = "") {
  std::ifstream in(file);
  std::string word;
  while (!key.empty() && word != key && in >> word) {
  }
  uint64_t number = 0;
  return in >> number ? number : 0;
}

const char* NameOf(Pressure pressure) {
  switch (pressure) {
    case Pressure::kNone:
      return "everything is taken again";
    case Pressure::kNoUploads:
      return "no new uploads";
    case Pressure::kNoSessions:
      return "no new uploads and sessions";
    case Pressure::kCutsUploads:
      return "no new uploads and sessions, and the youngest uploads are cut off";
  }
  return "";
}

}  // namespace

Pressure PressureAt(uint64_t used, uint64_t limit) {
  if (limit == 0 || !AtLeast(used, limit, kNoUploadsPercent)) return Pressure::kNone;
  if (!AtLeast(used, limit, kNoSessionsPercent)) return Pressure::kNoUploads;
  if (!AtLeast(used, limit, kCutsUploadsPercent)) return Pressure::kNoSessions;
  return Pressure::kCutsUploads;
}

uint64_t ExcessAt(uint64_t used, uint64_t limit) {
  if (PressureAt(used, limit) != Pressure::kCutsUploads) return 0;
  return used - limit / 100 * kNoSessionsPercent;
}

void GiveBackLargeBlocks() { mallopt(M_MMAP_THRESHOLD, kLargeBlock); }

void GiveBackFreeBlocks() { malloc_trim(0); }

uint64_t ResidentBytes() {
  // proc(5): the size, then the resident set, in pages.
  std::ifstream in("/proc/self/statm");
  uint64_t size = 0, resident = 0;
  if (!(in >> size >> resident)) return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t AvailableBytes() {
  const uint64_t machine = NumberIn("/proc/meminfo", "MemTotal:") * 1024;
  const uint64_t container = NumberIn("/sys/fs/cgroup/memory.max");  // "max": no number.
  return container == 0 ? machine : std::min(machine, container);
}

struct MemoryGuard::Ticker : public std::enable_shared_from_this<MemoryGuard::Ticker> {
  Ticker(std::weak_ptr<MemoryGuard> guard, const Executor& executor,
         std::chrono::milliseconds interval)
      : guard(std::move(guard)),
        interval(interval),
        strand(asio::make_strand(executor)),
        timer(strand) {}

  void Wait() {
    if (stopped) return;
    timer.expires_after(interval);
    timer.async_wait([self = shared_from_this()](std::error_code error) {
      const auto guard = self->guard.lock();
      if (error || self->stopped || guard == nullptr) return;
      guard->Measure();
      self->Wait();
    });
  }

  const std::weak_ptr<MemoryGuard> guard;
  const std::chrono::milliseconds interval;
  Strand strand;
  asio::steady_timer timer;
  bool stopped = false;  // On the strand.
};

MemoryGuard::MemoryGuard(MemoryGuardOptions options, metrics::Recorder& recorder, Listener listener)
    : options_(std::move(options)), recorder_(recorder), listener_(std::move(listener)) {}

void MemoryGuard::Start(const Executor& executor) {
  if (options_.limit_bytes == 0) return;
  ticker_ = std::make_shared<Ticker>(weak_from_this(), executor, options_.interval);
  asio::post(ticker_->strand, [ticker = ticker_] { ticker->Wait(); });
}

void MemoryGuard::Stop() {
  if (ticker_ == nullptr) return;
  asio::post(ticker_->strand, [ticker = ticker_] {
    ticker->stopped = true;
    ticker->timer.cancel();
  });
}

void MemoryGuard::Measure() {
  const uint64_t limit = options_.limit_bytes;
  uint64_t used = options_.used();
  const auto now = std::chrono::steady_clock::now();
  if (PressureAt(used, limit) != Pressure::kNone && now - reclaimed_ >= kReclaimInterval) {
    reclaimed_ = now;
    options_.reclaim();
    used = options_.used();
  }
  const Pressure pressure = PressureAt(used, limit);
  if (pressure != pressure_) {
    spdlog::warn("memory: {} of {} MiB (limits.memory_bytes): {}", used >> 20, limit >> 20,
                 NameOf(pressure));
    pressure_ = pressure;
  }
  recorder_.Ready(metrics::Check::kMemory, pressure == Pressure::kNone);
  listener_(pressure, ExcessAt(used, limit));
}

}  // namespace veilsum::aggregator
