// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/serial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace veilsum::aggregator {
namespace {

using testing::ElementsAre;

class SerialTest : public ::testing::Test {
 protected:
  ~SerialTest() override { executors_.Join(); }

  Executors executors_{4};
  Serial serial_;
};

TEST_F(SerialTest, RunsOnThisThreadWhereNobodyIsAtIt) {
  std::thread::id thread;
  serial_.Run([&] { thread = std::this_thread::get_id(); });
  EXPECT_EQ(thread, std::this_thread::get_id());
}

TEST_F(SerialTest, WhatAWorkGivesComesAfterIt) {
  std::vector<int> order;
  std::promise<void> last;
  serial_.Run([&] {
    serial_.Run([&] { order.push_back(2); });
    serial_.Post(executors_.control(), [&] {
      order.push_back(3);
      last.set_value();
    });
    order.push_back(1);
  });
  last.get_future().wait();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST_F(SerialTest, WhatComesMeanwhileIsDoneByTheThreadThatIsAtIt) {
  std::promise<void> begun;
  std::promise<void> given;
  std::thread::id first, second;
  std::thread thread([&] {
    serial_.Run([&] {
      first = std::this_thread::get_id();
      begun.set_value();
      given.get_future().wait();
    });
  });
  begun.get_future().wait();
  serial_.Run([&] { second = std::this_thread::get_id(); });  // Returns without it.
  given.set_value();
  thread.join();
  EXPECT_EQ(first, second);
}

TEST_F(SerialTest, NeverTwoAtATimeAndEachThreadsInItsOrder) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  std::vector<int> next(kThreads, 0);
  int done = 0;  // Under no lock: a race is tsan's to find, and a wrong count ours.
  std::promise<void> all;
  const auto work = [&](int thread, int number) {
    return [&, thread, number] {
      EXPECT_EQ(next[thread]++, number);
      if (++done == kThreads * kEach) all.set_value();
    };
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        if ((thread + i) % 3 == 0) {
          serial_.Post(executors_.control(), work(thread, i));
        } else {
          serial_.Run(work(thread, i));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  all.get_future().wait();
  EXPECT_EQ(done, kThreads * kEach);
}

// As a stream ends: the last work holds what the serial is part of, whose end gives more work.
TEST_F(SerialTest, WorkMayEndWhatHoldsIt) {
  struct Holder {
    explicit Holder(bool& ended) : ended(ended) {}
    ~Holder() {
      serial.Run([&ended = ended] { ended = true; });
    }
    Serial serial;
    bool& ended;
  };
  bool ended = false;
  auto holder = std::make_shared<Holder>(ended);
  Serial& serial = holder->serial;
  serial.Run([&holder, &serial] { serial.Run([last = std::move(holder)] {}); });
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace veilsum::aggregator
