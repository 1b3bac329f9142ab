// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/large_writes.h"

#include <asio/steady_timer.hpp>
#include <map>
#include <mutex>
#include <system_error>
#include <vector>

namespace veilsum::aggregator {

using Clock = std::chrono::steady_clock;

struct LargeWrites::State : std::enable_shared_from_this<State> {
  struct Waiting {
    uint64_t bytes;
    std::function<void()> come;
  };
  struct UnderWay {
    uint64_t bytes;
    Clock::time_point until;
  };
  using Called = std::vector<std::function<void()>>;

  State(const Executor& executor, uint64_t most_bytes, std::chrono::milliseconds longest_turn)
      : most_bytes(most_bytes), longest_turn(longest_turn), timer(executor) {}

  // All below but Leave: under the mutex.

  bool HasRoomFor(uint64_t more) const { return under_way.empty() || bytes + more <= most_bytes; }

  void Begin(uint64_t number, uint64_t its_bytes) {
    bytes += its_bytes;
    under_way.emplace(number, UnderWay{its_bytes, Clock::now() + longest_turn});
  }

  // Whose turn it is now; the caller calls them without the lock.
  Called Admit() {
    Called called;
    while (!waiting.empty() && HasRoomFor(waiting.begin()->second.bytes)) {
      const auto next = waiting.begin();
      Begin(next->first, next->second.bytes);
      called.push_back(std::move(next->second.come));
      waiting.erase(next);
    }
    waiting.empty() ? StopWaiting() : WaitForTheOldest();
    return called;
  }

  void End(std::map<uint64_t, UnderWay>::iterator turn) {
    bytes -= turn->second.bytes;
    under_way.erase(turn);
  }

  // Turns begin in the order of their numbers, so the first is the oldest.
  void WaitForTheOldest() {
    if (timer_runs) return;
    timer_runs = true;
    timer.expires_at(under_way.begin()->second.until);
    timer.async_wait([state = shared_from_this()](std::error_code) { state->TimeIsUp(); });
  }

  void StopWaiting() {
    if (timer_runs) timer.cancel();
  }

  void TimeIsUp() {
    Called called;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      timer_runs = false;
      const Clock::time_point now = Clock::now();
      while (!under_way.empty() && under_way.begin()->second.until <= now) End(under_way.begin());
      called = Admit();
    }
    for (const auto& come : called) come();
  }

  void Leave(uint64_t number) {
    Called called;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      // Neither: it took too long and counts no more.
      if (const auto turn = under_way.find(number); turn != under_way.end()) End(turn);
      waiting.erase(number);
      called = Admit();  // Behind one that left the line there may be one that fits.
    }
    for (const auto& come : called) come();
  }

  const uint64_t most_bytes;
  const std::chrono::milliseconds longest_turn;
  std::mutex mutex;
  uint64_t next_number = 0;
  uint64_t bytes = 0;  // Of those under way.
  std::map<uint64_t, UnderWay> under_way;
  std::map<uint64_t, Waiting> waiting;  // The first is next. Empty unless somebody is under way.
  asio::steady_timer timer;
  bool timer_runs = false;
};

LargeWrites::LargeWrites(Executor executor, uint64_t most_bytes,
                         std::chrono::milliseconds longest_turn)
    : state_(std::make_shared<State>(executor, most_bytes, longest_turn)) {}

LargeWrites::~LargeWrites() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->StopWaiting();
}

LargeWrites::Turn::~Turn() {
  if (state_ != nullptr) state_->Leave(number_);
}

LargeWrites::Turn LargeWrites::Take(uint64_t bytes, std::function<void()> come) {
  if (bytes < kLargeBytes) return Turn(nullptr, 0, true);
  const std::lock_guard<std::mutex> lock(state_->mutex);
  const uint64_t number = state_->next_number++;
  const bool at_once = state_->waiting.empty() && state_->HasRoomFor(bytes);
  if (at_once) {
    state_->Begin(number, bytes);
  } else {
    state_->waiting.emplace(number, State::Waiting{bytes, std::move(come)});
    state_->WaitForTheOldest();
  }
  return Turn(state_, number, at_once);
}

}  // namespace veilsum::aggregator
