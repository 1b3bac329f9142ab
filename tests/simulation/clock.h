// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Virtual time: what is to happen, in order. Nothing else moves a world.
#ifndef VEILSUM_TESTS_SIMULATION_CLOCK_H_
#define VEILSUM_TESTS_SIMULATION_CLOCK_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace veilsum::simulation {

class Clock {
 public:
  // Microseconds since the world began.
  uint64_t now() const { return now_; }
  // How many things have happened.
  uint64_t steps() const { return steps_; }

  // Of two at the same time, the one that was asked for first comes first.
  void At(uint64_t time, std::function<void()> work) {
    heap_.push_back({std::max(time, now_), next_++, std::move(work)});
    std::push_heap(heap_.begin(), heap_.end());
  }
  void After(uint64_t delay, std::function<void()> work) { At(now_ + delay, std::move(work)); }

  // False: nothing is left to happen.
  bool Step() {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end());
    Entry entry = std::move(heap_.back());
    heap_.pop_back();
    now_ = entry.time;
    ++steps_;
    entry.work();
    return true;
  }

 private:
  struct Entry {
    uint64_t time;
    uint64_t number;
    std::function<void()> work;
    // The heap's top is its greatest.
    friend bool operator<(const Entry& a, const Entry& b) {
      return a.time != b.time ? a.time > b.time : a.number > b.number;
    }
  };
  std::vector<Entry> heap_;
  uint64_t now_ = 0;
  uint64_t next_ = 0;
  uint64_t steps_ = 0;
};

inline constexpr uint64_t kMillisecond = 1'000;
inline constexpr uint64_t kSecond = 1'000'000;

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_CLOCK_H_
