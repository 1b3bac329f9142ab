// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Watches how much memory the process holds, so that it sheds load in stages, and tells clients
// when to come back, before the system ends it. Every pool of ours has a budget of its own; this is
// for what they do not see: connections, gRPC's buffers, what the allocator keeps.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_MEMORY_GUARD_H_
#define VEILSUM_AGGREGATOR_RUNTIME_MEMORY_GUARD_H_

#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "aggregator/runtime/executors.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

// Each stage with all before it.
enum class Pressure {
  kNone,
  kNoUploads,    // From 80 %: uploads that have not begun yet are refused.
  kNoSessions,   // From 90 %: no session begins.
  kCutsUploads,  // From 95 %: the youngest uploads are cut off.
};

// At `used` of `limit` bytes; 0: there is no limit.
Pressure PressureAt(uint64_t used, uint64_t limit);
// So many bytes to be freed until uploads need not be cut off any more, with some to spare.
uint64_t ExcessAt(uint64_t used, uint64_t limit);

// Large blocks go back to the system as soon as they are freed. Otherwise glibc keeps, after the
// first of them, what inputs and sums have taken, and the resident set is what it happens to be.
// Once, in main().
void GiveBackLargeBlocks();
// What was freed and glibc keeps. It walks the whole heap.
void GiveBackFreeBlocks();

// The process's resident set; 0 if the system does not say.
uint64_t ResidentBytes();
// What the machine has, or less if the process's container does; 0 if the system does not say.
uint64_t AvailableBytes();

struct MemoryGuardOptions {
  uint64_t limit_bytes = 0;  // 0: none.
  std::function<uint64_t()> used = ResidentBytes;
  // Gives back to the system what nobody uses. Called before load is shed, now and then.
  std::function<void()> reclaim = GiveBackFreeBlocks;
  std::chrono::milliseconds interval{250};
};

// Measure from one thread at a time; the rest is thread-safe.
class MemoryGuard : public std::enable_shared_from_this<MemoryGuard> {
 public:
  // Told after every measurement: the stage, and what is to be freed in the last one.
  using Listener = std::function<void(Pressure pressure, uint64_t excess_bytes)>;

  MemoryGuard(MemoryGuardOptions options, metrics::Recorder& recorder, Listener listener);

  // Measures now and again, until Stop; not without a limit.
  void Start(const Executor& executor);
  void Stop();

  void Measure();

 private:
  struct Ticker;

  const MemoryGuardOptions options_;
  metrics::Recorder& recorder_;
  const Listener listener_;
  std::chrono::steady_clock::time_point reclaimed_{};
  Pressure pressure_ = Pressure::kNone;  // At the last measurement.
  std::shared_ptr<Ticker> ticker_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_MEMORY_GUARD_H_
