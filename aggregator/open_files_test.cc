// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/open_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace veilsum::aggregator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(OpenFilesTest, AreRaisedAsFarAsTheyMayBe) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit low = {limit.rlim_max - 1, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(RaiseOpenFiles(), limit.rlim_max);
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
}

TEST(OpenFilesTest, TooFewAreSaidToBe) {
  EXPECT_THAT(WarningOfOpenFiles(1200, 1000), IsEmpty());
  const std::string warning = WarningOfOpenFiles(1199, 1000);
  EXPECT_THAT(warning, HasSubstr("may have 1199"));
  EXPECT_THAT(warning, HasSubstr("limits.max_connections = 1000 takes 1200"));
  EXPECT_THAT(warning, HasSubstr("LimitNOFILE"));
}

}  // namespace
}  // namespace veilsum::aggregator
