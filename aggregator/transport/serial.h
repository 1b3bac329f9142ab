// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What belongs to one stream runs one after another, whoever it comes from. Like a strand, but a
// thread that finds nobody at it does the work itself instead of waking another.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_SERIAL_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_SERIAL_H_

#include <asio/post.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "aggregator/runtime/executors.h"

namespace veilsum::aggregator {

// Thread-safe. What was given runs in the order in which it was, and may give more; it may destroy
// this.
class Serial {
 public:
  // On this thread if nobody is at it, before this returns; else on the thread that is. The caller
  // must hold no lock that the work may take.
  void Run(std::function<void()> work) {
    if (Enter(work)) Work(state_, std::move(work));
  }

  // On `executor` or the thread that is at it; never before this returns.
  void Post(const Executor& executor, std::function<void()> work) {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->waiting.push_back(std::move(work));
    if (std::exchange(state_->busy, true)) return;
    asio::post(executor, [state = state_] { Work(state, nullptr); });
  }

 private:
  struct State {
    std::mutex mutex;
    bool busy = false;  // A thread is at it, or about to be.
    std::deque<std::function<void()>> waiting;
  };

  bool Enter(std::function<void()>& work) {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    if (!std::exchange(state_->busy, true)) return true;
    state_->waiting.push_back(std::move(work));
    return false;
  }

  static void Work(std::shared_ptr<State> state, std::function<void()> work) {
    while (true) {
      if (work != nullptr) work();
      work = nullptr;  // Before the lock is taken: its end may be the end of what holds this.
      const std::lock_guard<std::mutex> lock(state->mutex);
      if (state->waiting.empty()) {
        state->busy = false;
        return;
      }
      work = std::move(state->waiting.front());
      state->waiting.pop_front();
    }
  }

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_SERIAL_H_
