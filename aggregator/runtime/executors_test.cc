// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/executors.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

namespace veilsum::aggregator {
namespace {

TEST(ParallelForTest, CallsEveryIndexOnceAndWaitsForAll) {
  Executors executors(3);
  const ParallelFor parallel_for = executors.parallel_for();
  for (size_t count : {0, 1, 2, 3, 1000}) {
    std::vector<int> calls(count, 0);  // Plain: what bodies wrote must be visible.
    parallel_for(count, [&](size_t index) { ++calls[index]; });
    EXPECT_EQ(calls, std::vector<int>(count, 1));
  }
}

// Every thread of the pool runs a loop at once, and loops within loops: the callers must take part.
TEST(ParallelForTest, NeedsNoFreeThread) {
  Executors executors(2);
  const ParallelFor parallel_for = executors.parallel_for();
  std::atomic<int> calls{0};
  std::vector<std::future<void>> all;
  for (int i = 0; i < 8; ++i) {
    std::packaged_task<void()> task(
        [&] { parallel_for(10, [&](size_t) { parallel_for(10, [&](size_t) { ++calls; }); }); });
    all.push_back(task.get_future());
    asio::post(executors.compute(), std::move(task));
  }
  for (std::future<void>& one : all) one.get();
  EXPECT_EQ(calls, 800);
}

}  // namespace
}  // namespace veilsum::aggregator
