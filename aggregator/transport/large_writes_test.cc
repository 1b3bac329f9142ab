// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/large_writes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <optional>
#include <string>

#include "aggregator/runtime/executors.h"

namespace veilsum::aggregator {
namespace {

constexpr uint64_t kLarge = LargeWrites::kLargeBytes;

class LargeWritesTest : public testing::Test {
 protected:
  ~LargeWritesTest() override { executors_.Join(); }

  // So many times the smallest large message. Writes down the name of whose turn it is, unless it
  // is at once.
  LargeWrites::Turn Take(LargeWrites& writes, uint64_t size, char name) {
    return writes.Take(size * kLarge, [this, name] { came_ += name; });
  }

  Executors executors_{1};
  LargeWrites writes_{executors_.control(), 100 * kLarge, std::chrono::hours(1)};
  std::string came_;
};

TEST_F(LargeWritesTest, AreUnderWayAsLongAsThereIsRoom) {
  const auto a = Take(writes_, 60, 'a');
  const auto b = Take(writes_, 40, 'b');
  const auto c = Take(writes_, 1, 'c');
  EXPECT_TRUE(a.came_at_once() && b.came_at_once());
  EXPECT_FALSE(c.came_at_once());
  EXPECT_EQ(came_, "");
}

TEST_F(LargeWritesTest, ComeInTheirOrderAlsoWhereASmallerOneWouldFit) {
  std::optional<LargeWrites::Turn> a(Take(writes_, 90, 'a'));
  std::optional<LargeWrites::Turn> b(Take(writes_, 70, 'b'));
  const auto c = Take(writes_, 10, 'c');
  EXPECT_FALSE(c.came_at_once());
  a.reset();
  EXPECT_EQ(came_, "bc");
  const auto d = Take(writes_, 30, 'd');
  EXPECT_FALSE(d.came_at_once());
  b.reset();
  EXPECT_EQ(came_, "bcd");
}

TEST_F(LargeWritesTest, OneThatIsLargerThanAllOfItComesAlone) {
  std::optional<LargeWrites::Turn> a(Take(writes_, 1, 'a'));
  std::optional<LargeWrites::Turn> b(Take(writes_, 1000, 'b'));
  const auto c = Take(writes_, 1, 'c');
  EXPECT_FALSE(b->came_at_once());
  a.reset();
  EXPECT_EQ(came_, "b");
  b.reset();
  EXPECT_EQ(came_, "bc");
}

TEST_F(LargeWritesTest, WhoeverLeavesTheLineIsNotCalled) {
  std::optional<LargeWrites::Turn> a(Take(writes_, 100, 'a'));
  std::optional<LargeWrites::Turn> b(Take(writes_, 100, 'b'));
  const auto c = Take(writes_, 100, 'c');
  b.reset();
  EXPECT_EQ(came_, "");
  a.reset();
  EXPECT_EQ(came_, "c");
}

TEST_F(LargeWritesTest, WhoeverLeavesTheLineMakesWayForASmallerOne) {
  const auto a = Take(writes_, 90, 'a');
  std::optional<LargeWrites::Turn> b(Take(writes_, 70, 'b'));
  const auto c = Take(writes_, 10, 'c');
  b.reset();
  EXPECT_EQ(came_, "c");
}

TEST_F(LargeWritesTest, SmallMessagesGoPastAnyLine) {
  const auto a = Take(writes_, 100, 'a');
  const auto b = Take(writes_, 1, 'b');
  EXPECT_FALSE(b.came_at_once());
  EXPECT_TRUE(writes_.Take(kLarge - 1, nullptr).came_at_once());
}

TEST_F(LargeWritesTest, WhoeverTakesTheirTimeHoldsNobodyUp) {
  LargeWrites writes(executors_.control(), 100 * kLarge, std::chrono::milliseconds(1));
  std::optional<LargeWrites::Turn> slow(Take(writes, 100, 'a'));
  std::promise<void> came;
  const auto next = writes.Take(100 * kLarge, [&] { came.set_value(); });
  EXPECT_FALSE(next.came_at_once());
  came.get_future().wait();
  // What counts no more is not given back again.
  slow.reset();
  const auto third = Take(writes, 1, 'c');
  EXPECT_FALSE(third.came_at_once());
}

}  // namespace
}  // namespace veilsum::aggregator
