// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Streams that have not shown yet whose they are. Anybody can open one, so they have places of
// their own, and where all are taken the oldest gives way: whoever follows the protocol needs its
// place for one round trip, and an attacker would have to fill all of them within that time.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_HANDSHAKES_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_HANDSHAKES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

namespace veilsum::aggregator {

// Thread-safe.
class Handshakes {
 public:
  using GiveWay = std::function<void()>;

  explicit Handshakes(uint64_t most) : most_(most) {}

  // The number to leave with. `give_way` is called at most once, from any thread, and not after
  // Leave has returned, but for a call that was under way.
  uint64_t Enter(GiveWay give_way) {
    GiveWay oldest;
    uint64_t number = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (places_.size() >= most_ && !places_.empty()) {
        oldest = std::move(places_.begin()->second);
        places_.erase(places_.begin());
      }
      number = next_++;
      places_.emplace(number, std::move(give_way));
    }
    if (oldest) oldest();
    return number;
  }

  // Again or after giving way: nothing happens.
  void Leave(uint64_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    places_.erase(number);
  }

 private:
  const uint64_t most_;
  std::mutex mutex_;
  uint64_t next_ = 0;
  std::map<uint64_t, GiveWay> places_;  // Oldest first.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_HANDSHAKES_H_
