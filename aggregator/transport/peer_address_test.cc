// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/peer_address.h"

#include <gtest/gtest.h>

namespace veilsum::aggregator {
namespace {

TEST(PeerAddressTest, IsTheHostWithoutThePort) {
  EXPECT_EQ(PeerAddress("ipv4:192.0.2.1:40000"), "192.0.2.1");
  EXPECT_EQ(PeerAddress("ipv6:%5B2001:db8:1:2:3::4%5D:40000"), "2001:db8:1:2::/64");
  EXPECT_EQ(PeerAddress("ipv6:[2001:db8:1:2:9::9]:1"), "2001:db8:1:2::/64");
  EXPECT_EQ(PeerAddress("ipv6:%5B::ffff:192.0.2.1%5D:40000"), "192.0.2.1");
}

TEST(PeerAddressTest, LeavesOtherNamesAlone) {
  for (const char* name : {"", "ipv4", "ipv4:", "ipv4:x:1", "unix:/run/socket", "inproc"}) {
    EXPECT_EQ(PeerAddress(name), name);
  }
}

}  // namespace
}  // namespace veilsum::aggregator
