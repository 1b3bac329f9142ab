// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What every RPC needs, and how many there may be.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_SERVICE_CONTEXT_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_SERVICE_CONTEXT_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/types/span.h"
#include "aggregator/runtime/aggregator.h"
#include "aggregator/runtime/executors.h"
#include "aggregator/transport/handshakes.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

// A client that has not said who it is by then is cut off.
inline constexpr std::chrono::seconds kHandshakeTime{10};

// Counts streams of one kind.
class StreamCount {
 public:
  explicit StreamCount(uint64_t most) : most_(most) {}

  // Taken while it lives; false where all are.
  class Slot {
   public:
    explicit Slot(StreamCount& count) : count_(&count), taken_(++count.open_ <= count.most_) {}
    Slot(Slot&& other) noexcept
        : count_(std::exchange(other.count_, nullptr)), taken_(other.taken_) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (count_ != nullptr) --count_->open_;
    }
    explicit operator bool() const { return taken_; }

   private:
    StreamCount* count_;
    bool taken_;
  };

  uint64_t open() const { return open_; }
  uint64_t most() const { return most_; }

 private:
  const uint64_t most_;
  std::atomic<uint64_t> open_{0};
};

struct ServiceContext {
  std::shared_ptr<Aggregator> aggregator;
  Executors& executors;
  metrics::Recorder& recorder;
  // Writes unpredictable bytes. Thread-safe.
  std::function<void(absl::Span<uint8_t>)> random;
  // Those that have shown whose they are, and the others.
  StreamCount control_streams;
  StreamCount uploads;
  Handshakes handshakes;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_SERVICE_CONTEXT_H_
