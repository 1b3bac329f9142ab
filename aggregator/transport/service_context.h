// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What every RPC needs, and how many there may be.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_SERVICE_CONTEXT_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_SERVICE_CONTEXT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "aggregator/runtime/aggregator.h"
#include "aggregator/runtime/executors.h"
#include "aggregator/transport/places.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

// A client that has not said who it is by then is cut off.
inline constexpr std::chrono::seconds kHandshakeTime{10};

// A download of which the client takes no chunk (limits::kChunkBytes) for so long is ended; it can
// go on from there.
inline constexpr std::chrono::seconds kStallTime{60};

// Streams that are over wait in these places until their client has taken the last word. Of each,
// one message may be in memory.
inline constexpr uint64_t kLeavingStreams = 1024;

// Counts streams of one kind.
class StreamCount {
 public:
  explicit StreamCount(uint64_t most, uint64_t most_per_client = ~uint64_t{0})
      : most_(most), most_per_client_(most_per_client) {}

  // Taken while it lives; false where all are, or all of this client's.
  class Slot {
   public:
    explicit Slot(StreamCount& count, std::string client = "")
        : count_(&count), client_(std::move(client)), taken_(count.Add(client_)) {}
    Slot(Slot&& other) noexcept
        : count_(std::exchange(other.count_, nullptr)),
          client_(std::move(other.client_)),
          taken_(other.taken_) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (count_ != nullptr && taken_) count_->Remove(client_);
    }
    explicit operator bool() const { return taken_; }

   private:
    StreamCount* count_;
    std::string client_;
    bool taken_;
  };

  uint64_t open() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return open_;
  }
  uint64_t most() const { return most_; }

 private:
  bool Add(const std::string& client) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (open_ >= most_) return false;
    if (!client.empty()) {
      uint64_t& of_client = by_client_[client];
      if (of_client >= most_per_client_) return false;
      ++of_client;
    }
    ++open_;
    return true;
  }
  void Remove(const std::string& client) {
    const std::lock_guard<std::mutex> lock(mutex_);
    --open_;
    const auto found = by_client_.find(client);
    if (found != by_client_.end() && --found->second == 0) by_client_.erase(found);
  }

  const uint64_t most_;
  const uint64_t most_per_client_;
  mutable std::mutex mutex_;
  uint64_t open_ = 0;
  std::map<std::string, uint64_t> by_client_;
};

struct ServiceContext {
  std::shared_ptr<Aggregator> aggregator;
  Executors& executors;
  metrics::Recorder& recorder;
  // Writes unpredictable bytes. Thread-safe.
  std::function<void(absl::Span<uint8_t>)> random;
  // Those that have shown whose they are and are served.
  StreamCount control_streams;
  StreamCount uploads;
  StreamCount downloads;
  StreamCount operator_downloads;
  // Those that have not shown it yet; those whose session has ended, which go by themselves; and
  // those that were refused or replaced.
  Places handshakes;
  Places lingering;
  Places leaving;
  std::chrono::milliseconds stall_time = kStallTime;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_SERVICE_CONTEXT_H_
