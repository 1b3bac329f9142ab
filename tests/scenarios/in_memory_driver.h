// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Plays a scenario in memory: both cores, a network of queues, and a random scheduler instead of
// threads and time. Whatever is possible next may happen next; timers fire when nothing else can.
// The same seeds give the same schedule, so every failure can be played again.
#ifndef VEILSUM_TESTS_SCENARIOS_IN_MEMORY_DRIVER_H_
#define VEILSUM_TESTS_SCENARIOS_IN_MEMORY_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "tests/scenarios/outcome.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {

// Faults that no script asked for: each is a probability per step.
struct Chaos {
  double duplicate = 0;        // A message of a client arrives, and will arrive again.
  double cut = 0;              // Somebody loses its connection.
  double vanish = 0;           // Somebody is gone for good.
  double give_up = 0;          // Somebody's caller cancels.
  double evict = 0;            // The aggregator forgets an upload that is under way.
  double early_timer = 0;      // A timer fires although there is more to come.
  double target_fraction = 1;  // With which every phase closes after its least time.
};

struct InMemoryOptions {
  uint64_t schedule_seed = 1;
  Chaos chaos;
  size_t chunk_bytes = 64;
  // Its Unmasking answer arrives only after the end.
  std::optional<uint32_t> slow_client;
  // Uploads neither overlap nor begin before all has been heard that was said: what one upload
  // leaves behind shows in memory.
  bool one_upload_at_a_time = false;
  // Called around everything that the aggregator does: true before, false after.
  std::function<void(bool)> aggregator_at_work;
  // Called with the size of each message as it goes from hand to hand: of a round's control message
  // or of a part of an upload.
  std::function<void(bool from_client, size_t bytes)> on_message;
  // Called after each step of the schedule with the round that the session is in; unspecified: it
  // has ended. `uploading`: the step was one of an upload.
  std::function<void(v1::Round round, bool uploading)> after_step;
};

Outcome PlayInMemory(const Scenario& scenario, const InMemoryOptions& options = {});

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_IN_MEMORY_DRIVER_H_
