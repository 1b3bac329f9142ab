// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How many streams of one kind there may be, and how many of one client.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_STREAM_COUNT_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_STREAM_COUNT_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace veilsum::aggregator {

// Thread-safe. Outlives its slots.
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

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_STREAM_COUNT_H_
