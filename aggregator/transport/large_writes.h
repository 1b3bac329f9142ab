// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Large messages leave for so many clients at a time. gRPC encrypts at once what a client's window
// takes, and a roster that sets out for ten thousand clients together would take more memory than
// gRPC is given, which then cancels their streams.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_LARGE_WRITES_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_LARGE_WRITES_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "aggregator/runtime/executors.h"

namespace veilsum::aggregator {

// Thread-safe.
class LargeWrites {
  struct State;

 public:
  // Below this a message's turn comes at once, and it counts for nothing.
  static constexpr uint64_t kLargeBytes = 16 << 10;

  // At most `most_bytes` are under way, or one message. A client that takes its message slowly
  // keeps its turn for `longest_turn`, on a timer of `executor`; then the next one's begins beside
  // it, so that nobody holds the others up.
  LargeWrites(Executor executor, uint64_t most_bytes, std::chrono::milliseconds longest_turn);
  LargeWrites(const LargeWrites&) = delete;
  ~LargeWrites();

  // Over when it is destroyed, also before it came.
  class Turn {
   public:
    Turn(Turn&& other) noexcept = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn();
    // At once: `come` is not called.
    bool came_at_once() const { return came_at_once_; }

   private:
    friend LargeWrites;
    Turn(std::shared_ptr<State> state, uint64_t number, bool came_at_once)
        : state_(std::move(state)), number_(number), came_at_once_(came_at_once) {}

    std::shared_ptr<State> state_;  // Null: of a small message, or moved from.
    uint64_t number_;
    bool came_at_once_;
  };

  // First come, first served. `come` is called at most once, from any thread, and after the turn's
  // end only if that was under way.
  Turn Take(uint64_t bytes, std::function<void()> come);

 private:
  const std::shared_ptr<State> state_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_LARGE_WRITES_H_
