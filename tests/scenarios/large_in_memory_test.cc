// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Many clients and long vectors in memory, and what the aggregator holds meanwhile.

#include <algorithm>
#include <cstdint>
#include <iostream>

#include "gtest/gtest.h"
#include "proto/vector_arithmetic.h"
#include "tests/scenarios/allocation_meter.h"
#include "tests/scenarios/cast.h"
#include "tests/scenarios/checker.h"
#include "tests/scenarios/in_memory_driver.h"
#include "tests/scenarios/large_scenarios.h"

namespace veilsum::scenarios {
namespace {

constexpr size_t kLargeChunk = 1 << 20;

TEST(LargeTest, TheSumIsExact) {
  for (const Scenario& scenario : LargeScenarios()) {
    InMemoryOptions options;
    options.chunk_bytes = kLargeChunk;
    Check(scenario, PlayInMemory(scenario, options));
  }
}

// Bytes that the aggregator allocated and that are still held, by itself or on the way to clients.
struct Footprint {
  int64_t empty = 0;           // No client has said anything: the accumulator.
  int64_t before_uploads = 0;  // All keys are shared: the core's books on the session.
  int64_t most = 0;            // While inputs arrive, one at a time.
  uint64_t upload_bytes = 0;

  int64_t growth() const { return most - before_uploads; }
};

Footprint Measure(uint32_t clients) {
  const Scenario scenario = ThousandsOfClients(clients);
  const v1::VectorSpec spec = SpecOf(scenario);
  Footprint footprint;
  footprint.upload_bytes = PackedBytes(spec);
  InMemoryOptions options;
  options.chunk_bytes = kLargeChunk;
  options.one_upload_at_a_time = true;
  options.aggregator_at_work = MeterAllocations;
  options.after_step = [&](v1::Round round, bool uploading) {
    const int64_t now = MeteredBytes();
    if (footprint.empty == 0) footprint.empty = now;
    if (round != kMaskedInput) return;
    if (!uploading && footprint.most == 0) footprint.before_uploads = now;
    if (uploading) footprint.most = std::max(footprint.most, now);
  };
  const Outcome outcome = PlayInMemory(scenario, options);
  Check(scenario, outcome);
  std::cout << clients << " clients, k = " << outcome.degree << ", t = " << outcome.threshold
            << ": the aggregator holds " << footprint.empty << " bytes when empty, "
            << footprint.before_uploads << " before and at most " << footprint.growth()
            << " more while " << outcome.included.size() << " uploads of " << footprint.upload_bytes
            << " bytes arrive\n";
  return footprint;
}

// "The aggregator's memory does not grow with the number of clients": inputs leave nothing behind.
// What does grow, with clients × k and whatever the dimension, are the core's books: keys, digests
// and sealed shares.
TEST(LargeTest, AThousandInputsTakeNoMoreMemoryThanTwoHundred) {
  const Footprint few = Measure(200);
  const Footprint many = Measure(1'000);
  ASSERT_GT(few.growth(), 0);
  // One upload, and change.
  constexpr int64_t kChange = 16 << 10;
  EXPECT_LT(few.growth(), static_cast<int64_t>(few.upload_bytes) + kChange);
  EXPECT_LT(many.growth(), static_cast<int64_t>(many.upload_bytes) + kChange);
  // The books keep less than a twentieth of what a client uploads.
  EXPECT_LT((many.before_uploads - many.empty) / 1'000,
            static_cast<int64_t>(many.upload_bytes) / 20);
}

}  // namespace
}  // namespace veilsum::scenarios
