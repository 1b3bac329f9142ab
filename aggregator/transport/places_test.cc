// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

namespace veilsum::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PlacesTest : public ::testing::Test {
 protected:
  uint64_t Enter(const std::string& peer, const std::string& name) {
    taken_.push_back(places_.Enter(peer, [this, name] { gone_.push_back(name); }));
    return taken_.back().number();
  }

  Places places_{3};
  std::deque<Places::Place> taken_;
  std::vector<std::string> gone_;
};

TEST_F(PlacesTest, TheOldestGivesWay) {
  Enter("a", "first");
  Enter("a", "second");
  Enter("a", "third");
  EXPECT_THAT(gone_, IsEmpty());
  Enter("a", "fourth");
  Enter("a", "fifth");
  EXPECT_THAT(gone_, ElementsAre("first", "second"));
  EXPECT_EQ(places_.taken(), 3u);
}

TEST_F(PlacesTest, AFloodCostsItsOwnPeerThePlaces) {
  Enter("honest", "patient");
  for (int i = 0; i < 10; ++i) Enter("flood", "flood");
  EXPECT_THAT(gone_, testing::Each("flood"));
  EXPECT_EQ(gone_.size(), 8u);
}

TEST_F(PlacesTest, AmongEqualPeersTheOldestGivesWay) {
  Enter("z", "first");
  Enter("a", "second");
  Enter("m", "third");
  Enter("b", "fourth");
  EXPECT_THAT(gone_, ElementsAre("first"));
}

TEST_F(PlacesTest, WhoLeftMakesRoomAndIsNotAskedAgain) {
  const uint64_t first = Enter("a", "first");
  Enter("a", "second");
  Enter("a", "third");
  taken_.pop_front();
  EXPECT_GT(Enter("a", "fourth"), first);
  EXPECT_THAT(gone_, IsEmpty());
  Enter("a", "fifth");
  EXPECT_THAT(gone_, ElementsAre("second"));
}

}  // namespace
}  // namespace veilsum::aggregator
