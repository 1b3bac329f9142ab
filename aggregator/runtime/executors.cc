// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/executors.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace veilsum::aggregator {
namespace {

// One call of a ParallelFor. A helper that starts after all indices are taken touches nothing but
// this, which it keeps alive; so the caller only waits for bodies that run.
struct Loop {
  explicit Loop(size_t count, const std::function<void(size_t)>& body) : count(count), body(body) {}

  void Run() {
    size_t done = 0;
    for (size_t index = next++; index < count; index = next++) {
      body(index);
      ++done;
    }
    if (done == 0) return;
    const std::lock_guard<std::mutex> lock(mutex);
    finished += done;
    if (finished == count) all_finished.notify_one();
  }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex);
    all_finished.wait(lock, [&] { return finished == count; });
  }

  const size_t count;
  const std::function<void(size_t)>& body;  // The caller's; used only before the caller returns.
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable all_finished;
  size_t finished = 0;
};

}  // namespace

ParallelFor Executors::parallel_for() {
  return [executor = compute(), threads = compute_threads_](
             size_t count, const std::function<void(size_t)>& body) {
    if (count <= 1 || threads <= 1) return SerialFor(count, body);
    const auto loop = std::make_shared<Loop>(count, body);
    for (size_t i = 1; i < std::min(count, threads); ++i) {
      asio::post(executor, [loop] { loop->Run(); });
    }
    loop->Run();
    loop->Wait();
  };
}

}  // namespace veilsum::aggregator
