// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the tests of the stores on disk share.
#ifndef VEILSUM_AGGREGATOR_STORE_DISK_TESTING_H_
#define VEILSUM_AGGREGATOR_STORE_DISK_TESTING_H_

#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "aggregator/store/storage.h"
#include "gtest/gtest.h"
#include "third_party/sqlite/faulty_disk_testing.h"

namespace veilsum::aggregator {

inline std::string ReadBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteBytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// An empty place for the test that runs.
inline std::filesystem::path TestDirectory() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path base =
      std::filesystem::path(testing::TempDir()) /
      absl::StrReplaceAll(absl::StrCat(info->test_suite_name(), "-", info->name()), {{"/", "-"}});
  std::filesystem::remove_all(base);
  std::filesystem::create_directory(base);
  return base;
}

// Has a data directory, and the file system under SQLite in its hands.
class DiskTest : public testing::Test {
 protected:
  DiskTest() : base_(TestDirectory()), directory_(base_ / "data") {
    sqlite::FaultyDisk::Install();
    sqlite::FaultyDisk::without_sync = true;
  }
  ~DiskTest() override {
    Close();
    sqlite::FaultyDisk::before = nullptr;
    sqlite::FaultyDisk::before_sync = nullptr;
    sqlite::FaultyDisk::without_sync = false;
  }

  StorageOptions Options() const {
    StorageOptions options;
    options.directory = directory_;
    options.fatal = [](const absl::Status& status) { FAIL() << status; };
    return options;
  }
  void Open(StorageOptions options) {
    auto storage = OpenStorage(std::move(options));
    ASSERT_TRUE(storage.ok()) << storage.status();
    storage_ = *std::move(storage);
  }
  void Open() { Open(Options()); }
  void Close() { storage_ = {}; }
  // Runs one statement behind the store's back, while it is closed.
  void Tamper(const std::string& sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open_v2(Database().c_str(), &handle,
                              SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix"),
              SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    changed_rows_ = sqlite3_changes(handle);
    sqlite3_close(handle);
  }
  bool IsInAFile(const std::string& what) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
      if (entry.is_regular_file() && absl::StrContains(ReadBytes(entry.path()), what)) return true;
    }
    return false;
  }
  SessionStore& sessions() { return *storage_.sessions; }
  BlobStore& blobs() { return *storage_.blobs; }
  std::filesystem::path Database() const { return directory_ / "sessions.sqlite"; }

  std::filesystem::path base_;
  std::filesystem::path directory_;
  Storage storage_;
  int changed_rows_ = 0;  // By Tamper.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_DISK_TESTING_H_
