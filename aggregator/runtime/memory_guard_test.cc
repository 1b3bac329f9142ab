// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/memory_guard.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <vector>

namespace veilsum::aggregator {
namespace {

TEST(PressureTest, RisesInStages) {
  EXPECT_EQ(PressureAt(799, 1000), Pressure::kNone);
  EXPECT_EQ(PressureAt(800, 1000), Pressure::kNoUploads);
  EXPECT_EQ(PressureAt(899, 1000), Pressure::kNoUploads);
  EXPECT_EQ(PressureAt(900, 1000), Pressure::kNoSessions);
  EXPECT_EQ(PressureAt(949, 1000), Pressure::kNoSessions);
  EXPECT_EQ(PressureAt(950, 1000), Pressure::kCutsUploads);
  EXPECT_EQ(PressureAt(5000, 1000), Pressure::kCutsUploads);
  EXPECT_EQ(PressureAt(5000, 0), Pressure::kNone);
}

TEST(PressureTest, WhatIsTooMuchGoesWithSomeToSpare) {
  EXPECT_EQ(ExcessAt(949, 1000), 0u);
  EXPECT_EQ(ExcessAt(950, 1000), 50u);
  EXPECT_EQ(ExcessAt(1200, 1000), 300u);
  EXPECT_EQ(ExcessAt(1200, 0), 0u);
}

TEST(MemoryTest, TheSystemSaysWhatIsHeldAndWhatIsThere) {
  const uint64_t before = ResidentBytes();
  EXPECT_GT(before, 0u);
  const std::vector<char> touched(64 << 20, 'x');
  EXPECT_GE(ResidentBytes(), before + (touched.size() / 2));
  EXPECT_GT(AvailableBytes(), ResidentBytes());
}

TEST(MemoryTest, LargeBlocksGoBackAtOnce) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP()
      << "the sanitizer has an allocator of its own, which keeps what is freed for a while";
#endif
  GiveBackLargeBlocks();
  // Without the call this moves glibc's own threshold.
  std::make_unique<std::vector<char>>(16 << 20, 'x').reset();
  std::vector<std::unique_ptr<std::vector<char>>> blocks;
  std::vector<std::unique_ptr<char>> between;
  const uint64_t before = ResidentBytes();
  for (int i = 0; i < 8; ++i) {
    blocks.push_back(std::make_unique<std::vector<char>>(8 << 20, 'x'));
    between.push_back(std::make_unique<char>('x'));
  }
  EXPECT_GT(ResidentBytes(), before + (32 << 20));
  blocks.clear();
  EXPECT_LT(ResidentBytes(), before + (16 << 20));
}

class ReadinessRecorder : public metrics::Recorder {
 public:
  void Ready(metrics::Check check, bool is_ready) override {
    if (check == metrics::Check::kMemory) ready = is_ready;
  }
  std::optional<bool> ready;
};

class MemoryGuardTest : public ::testing::Test {
 protected:
  MemoryGuardOptions Options() {
    MemoryGuardOptions options;
    options.limit_bytes = 1000;
    options.used = [this] { return used_; };
    options.reclaim = [this] { used_ -= reclaimable_; };
    options.interval = std::chrono::milliseconds(1);
    return options;
  }
  std::shared_ptr<MemoryGuard> Make(MemoryGuard::Listener listener) {
    return std::make_shared<MemoryGuard>(Options(), recorder_, std::move(listener));
  }

  uint64_t used_ = 0;
  uint64_t reclaimable_ = 0;
  ReadinessRecorder recorder_;
};

TEST_F(MemoryGuardTest, TellsTheStageAndWhetherItIsReady) {
  std::optional<Pressure> told;
  uint64_t told_excess = 0;
  const auto guard = Make([&](Pressure pressure, uint64_t excess) {
    told = pressure;
    told_excess = excess;
  });
  guard->Measure();
  EXPECT_EQ(told, Pressure::kNone);
  EXPECT_EQ(recorder_.ready, true);
  used_ = 960;
  guard->Measure();
  EXPECT_EQ(told, Pressure::kCutsUploads);
  EXPECT_EQ(told_excess, 60u);
  EXPECT_EQ(recorder_.ready, false);
  used_ = 100;
  guard->Measure();
  EXPECT_EQ(told, Pressure::kNone);
  EXPECT_EQ(recorder_.ready, true);
}

TEST_F(MemoryGuardTest, WhatTheAllocatorKeepsIsGivenBackFirst) {
  std::optional<Pressure> told;
  const auto guard = Make([&](Pressure pressure, uint64_t) { told = pressure; });
  used_ = 960;
  reclaimable_ = 300;
  guard->Measure();
  EXPECT_EQ(used_, 660u);
  EXPECT_EQ(told, Pressure::kNone);
}

TEST_F(MemoryGuardTest, MeasuresAgainAndAgainUntilItIsStopped) {
  Executors executors(1);
  std::promise<void> thrice;
  int times = 0;
  const auto guard = Make([&](Pressure, uint64_t) {
    if (++times == 3) thrice.set_value();
  });
  guard->Start(executors.control());
  thrice.get_future().get();
  guard->Stop();
  executors.Join();  // Would not return while the timer runs.
}

}  // namespace
}  // namespace veilsum::aggregator
