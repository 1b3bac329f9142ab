// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/files.h"

#include <sys/stat.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

using testing::HasSubstr;

std::string Path(const std::string& name) { return testing::TempDir() + "/" + name; }

TEST(FilesTest, ReadsWhatWasWritten) {
  const std::string contents(100'000, '\0');
  ASSERT_TRUE(WriteFile(Path("written"), contents).ok());
  const auto read = ReadFile(Path("written"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, contents);
}

TEST(FilesTest, WhatCannotBeReadIsAnErrorThatNamesIt) {
  // A folder opens like a file.
  const auto folder = ReadFile(testing::TempDir());
  EXPECT_EQ(folder.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("Is a directory"));
  const auto missing = ReadFile(Path("missing"));
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr(Path("missing")));
}

TEST(FilesTest, NewFilesOverwriteNothingAndSecretsAreTheOwners) {
  ASSERT_TRUE(WriteNewFile(Path("secret"), "a", Access::kOwner).ok());
  struct stat status {};
  ASSERT_EQ(stat(Path("secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(WriteNewFile(Path("secret"), "b", Access::kOwner).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadFile(Path("secret")).value(), "a");
}

}  // namespace
}  // namespace veilsum::aggregator
