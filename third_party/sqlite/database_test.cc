// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "third_party/sqlite/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "third_party/sqlite/faulty_disk_testing.h"

namespace veilsum::sqlite {
namespace {

using testing::HasSubstr;

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() {
    FaultyDisk::Install();
    path_ = testing::TempDir() + "/" +
            testing::UnitTest::GetInstance()->current_test_info()->name() + ".sqlite";
    std::ofstream(path_, std::ios::trunc).flush();
    auto database = Database::Open(path_);
    EXPECT_TRUE(database.ok()) << database.status();
    database_.emplace(*std::move(database));
    EXPECT_TRUE(database_->Run("CREATE TABLE numbers (number INTEGER PRIMARY KEY)").ok());
  }
  ~DatabaseTest() override { FaultyDisk::before = nullptr; }

  absl::Status Insert(int64_t number) {
    return database_->Run("INSERT INTO numbers VALUES (?)", {number});
  }
  int64_t Count() {
    const auto count = database_->Number("SELECT count(*) FROM numbers");
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(-1);
  }

  std::string path_;
  std::optional<Database> database_;
};

TEST_F(DatabaseTest, BindsAnewEachTime) {
  for (int64_t number : {3, 1, 2}) ASSERT_TRUE(Insert(number).ok());
  EXPECT_EQ(database_->changes(), 1);
  std::string seen;
  ASSERT_TRUE(database_
                  ->Run("SELECT number, 'text', NULL FROM numbers WHERE number > ? ORDER BY number",
                        {int64_t{1}},
                        [&](const Row& row) {
                          seen += std::to_string(row.Integer(0)) + row.Text(1);
                          EXPECT_TRUE(row.IsNull(2));
                        })
                  .ok());
  EXPECT_EQ(seen, "2text3text");
  // What was bound before is not there any more.
  EXPECT_EQ(database_->Number("SELECT ? IS NULL", {int64_t{1}}).value(), 0);
  EXPECT_EQ(database_->Number("SELECT ? IS NULL").value(), 1);
}

TEST_F(DatabaseTest, SavepointUndoesItsOwnPartOnly) {
  ASSERT_TRUE(database_
                  ->Transaction([&] {
                    EXPECT_TRUE(Insert(1).ok());
                    const absl::Status undone = database_->Savepoint([&] {
                      EXPECT_TRUE(Insert(2).ok());
                      return absl::AbortedError("no");
                    });
                    EXPECT_TRUE(absl::IsAborted(undone));
                    return database_->Savepoint([&] { return Insert(3); });
                  })
                  .ok());
  EXPECT_EQ(Count(), 2);
  EXPECT_TRUE(absl::IsAborted(database_->Transaction([&] {
    EXPECT_TRUE(Insert(4).ok());
    return absl::AbortedError("no");
  })));
  EXPECT_EQ(Count(), 2);
}

TEST_F(DatabaseTest, SaysWhatSqliteSaid) {
  ASSERT_TRUE(Insert(1).ok());
  const absl::Status twice = Insert(1);
  ASSERT_TRUE(FailureOf(twice).has_value());
  EXPECT_EQ(FailureOf(twice)->code, SQLITE_CONSTRAINT_PRIMARYKEY);
  EXPECT_THAT(std::string(twice.message()), HasSubstr(path_));
  EXPECT_FALSE(FailureOf(absl::OkStatus()).has_value());
  EXPECT_FALSE(FailureOf(absl::InternalError("else")).has_value());
}

TEST_F(DatabaseTest, TellsAFullDiskFromABrokenOne) {
  FaultyDisk::before = [] { return SQLITE_FULL; };
  EXPECT_TRUE(absl::IsResourceExhausted(Insert(1)));
  FaultyDisk::before = [] {
    errno = EROFS;
    return SQLITE_IOERR_WRITE;
  };
  const absl::Status broken = Insert(1);
  EXPECT_TRUE(absl::IsInternal(broken));
  ASSERT_TRUE(FailureOf(broken).has_value());
  EXPECT_EQ(FailureOf(broken)->code, SQLITE_IOERR_WRITE);
  EXPECT_EQ(FailureOf(broken)->system_error, EROFS);
  FaultyDisk::before = nullptr;
  EXPECT_TRUE(Insert(1).ok());
  EXPECT_EQ(Count(), 1);
}

}  // namespace
}  // namespace veilsum::sqlite
