// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/stream_count.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace veilsum::aggregator {
namespace {

TEST(StreamCountTest, HasSoManySlotsAndNoMore) {
  StreamCount count(2);
  std::optional<StreamCount::Slot> first(std::in_place, count);
  const StreamCount::Slot second(count);
  EXPECT_TRUE(*first && second);
  {
    const StreamCount::Slot third(count);
    EXPECT_FALSE(third);
  }
  EXPECT_EQ(count.open(), 2u) << "who got no slot gives none back";
  first.reset();
  EXPECT_EQ(count.open(), 1u);
  EXPECT_TRUE(StreamCount::Slot(count));
}

TEST(StreamCountTest, OneClientTakesOnlyItsShare) {
  StreamCount count(10, 2);
  std::optional<StreamCount::Slot> first(std::in_place, count, "one");
  const StreamCount::Slot second(count, "one");
  EXPECT_FALSE(StreamCount::Slot(count, "one"));
  EXPECT_TRUE(StreamCount::Slot(count, "other"));
  first.reset();
  StreamCount::Slot again(count, "one");
  EXPECT_TRUE(again);
  const StreamCount::Slot moved(std::move(again));
  EXPECT_TRUE(moved);
  EXPECT_EQ(count.open(), 2u);
}

}  // namespace
}  // namespace veilsum::aggregator
