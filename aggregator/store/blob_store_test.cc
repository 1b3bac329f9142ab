// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Both blob stores alike, and what only files can get wrong.

#include "aggregator/store/blob_store.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "aggregator/store/disk_testing.h"
#include "aggregator/store/file_blob_store.h"
#include "aggregator/store/store_testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kA(16, 'a');
const std::string kB(16, '\xbb');

BlobName Checkpoint(const std::string& id, uint64_t generation) {
  return {id, BlobKind::kCheckpoint, generation};
}
BlobName Result(const std::string& id) { return {id, BlobKind::kResult}; }

// Removals are carried out behind earlier calls: after this they have been.
void Settle(BlobStore& store) { EXPECT_TRUE(Write(store, Result("settled id here!"), "").ok()); }

class BlobStoreTest : public DiskTest, public testing::WithParamInterface<bool> {
 protected:
  BlobStoreTest() {
    if (GetParam()) {
      Open();
    } else {
      storage_ = MemoryStorage();
    }
  }
  uint64_t Latest(const std::string& id) {
    const auto latest = blobs().LatestCheckpoint(id);
    EXPECT_TRUE(latest.ok()) << latest.status();
    return latest->has_value() ? (*latest)->generation : 0;
  }
};

TEST_P(BlobStoreTest, GivesBackWhatItTook) {
  ASSERT_TRUE(Write(blobs(), Checkpoint(kA, 1), "one").ok());
  ASSERT_TRUE(Write(blobs(), Checkpoint(kA, 12), std::string("t\0o", 3)).ok());
  ASSERT_TRUE(Write(blobs(), Checkpoint(kA, 9), "nine").ok());
  ASSERT_TRUE(Write(blobs(), Result(kA), "").ok());
  EXPECT_EQ(blobs().Read(Checkpoint(kA, 1)).value(), "one");
  EXPECT_EQ(blobs().Read(Result(kA)).value(), "");
  const auto latest = blobs().LatestCheckpoint(kA);
  EXPECT_EQ((*latest)->generation, 12u);
  EXPECT_EQ((*latest)->bytes, std::string("t\0o", 3));
  EXPECT_EQ(Latest(kB), 0u);
  for (const BlobName& missing : {Checkpoint(kA, 2), Checkpoint(kB, 1), Result(kB)}) {
    EXPECT_TRUE(absl::IsNotFound(blobs().Read(missing).status()));
    EXPECT_EQ(ReasonOf(blobs().Read(missing).status()), v1::REASON_STORAGE_FAILED);
  }
  EXPECT_TRUE(blobs().healthy().ok());
}

TEST_P(BlobStoreTest, ReplacesWhatIsThere) {
  ASSERT_TRUE(Write(blobs(), Result(kA), "first").ok());
  ASSERT_TRUE(Write(blobs(), Result(kA), "2nd").ok());
  EXPECT_EQ(blobs().Read(Result(kA)).value(), "2nd");
}

TEST_P(BlobStoreTest, RemovesWhatItIsTold) {
  for (uint64_t generation : {1, 2, 3}) {
    ASSERT_TRUE(Write(blobs(), Checkpoint(kA, generation), "a").ok());
    ASSERT_TRUE(Write(blobs(), Checkpoint(kB, generation), "b").ok());
  }
  ASSERT_TRUE(Write(blobs(), Result(kA), "r").ok());
  blobs().RemoveCheckpointsBefore(kA, 3);
  Settle(blobs());
  EXPECT_FALSE(blobs().Read(Checkpoint(kA, 2)).ok());
  EXPECT_EQ(Latest(kA), 3u);
  EXPECT_TRUE(blobs().Read(Checkpoint(kB, 1)).ok());
  blobs().RemoveOthers({kA});
  Settle(blobs());
  EXPECT_EQ(Latest(kB), 0u);
  EXPECT_EQ(blobs().Read(Result(kA)).value(), "r");
  blobs().RemoveSession(kA);
  Settle(blobs());
  EXPECT_FALSE(blobs().Read(Result(kA)).ok());
  EXPECT_EQ(Latest(kA), 0u);
}

INSTANTIATE_TEST_SUITE_P(Both, BlobStoreTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Files" : "Memory"; });

// Of the last write that is to be tried again.
struct RetryRecorder : metrics::Recorder {
  void StoreRetried(metrics::StoreRetry reason) override { why = reason; }
  std::optional<metrics::StoreRetry> why;  // Written before the write's `done`.
};

class FileBlobStoreTest : public DiskTest {
 protected:
  fs::path FileOf(const BlobName& name) {
    return directory_ / "blobs" / absl::BytesToHexString(name.session_id) / BlobFileName(name);
  }
  // A store over `calls` instead of the one that Open gives.
  void OpenOver(const DiskCalls& calls, std::function<void(const absl::Status&)> fatal) {
    auto directory = DataDirectory::Open(directory_);
    ASSERT_TRUE(directory.ok());
    auto store = FileBlobStore::Open({*directory, std::move(fatal), &recorder_, calls});
    ASSERT_TRUE(store.ok());
    storage_.blobs = *std::move(store);
  }

  RetryRecorder recorder_;
};

TEST_F(FileBlobStoreTest, IsThereAfterAReopenAndUnfinishedOnesGo) {
  Open();
  ASSERT_TRUE(Write(blobs(), Checkpoint(kA, 1), "one").ok());
  const std::string unfinished = FileOf(Checkpoint(kA, 2)).string() + ".tmp";
  WriteBytes(unfinished, "half");
  WriteBytes(directory_ / "blobs" / "notes", "not ours");
  Close();
  Open();
  EXPECT_EQ(blobs().LatestCheckpoint(kA)->value().generation, 1u);
  blobs().RemoveOthers({kA});
  Settle(blobs());
  EXPECT_FALSE(fs::exists(unfinished));
  EXPECT_TRUE(fs::exists(directory_ / "blobs" / "notes"));
  EXPECT_EQ(blobs().Read(Checkpoint(kA, 1)).value(), "one");
  EXPECT_GT(blobs().free_bytes().value(), 0u);
}

TEST_F(FileBlobStoreTest, EveryFlippedOrMissingByteIsFound) {
  Open();
  const BlobName name = Checkpoint(kA, 2);
  ASSERT_TRUE(Write(blobs(), Checkpoint(kA, 1), "before").ok());
  ASSERT_TRUE(Write(blobs(), name, "the bytes of the accumulator").ok());
  const std::string good = ReadBytes(FileOf(name));
  for (size_t offset = 0; offset < good.size(); ++offset) {
    for (const int bits : {0x01, 0x80}) {
      std::string bad = good;
      bad[offset] = static_cast<char>(bad[offset] ^ bits);
      WriteBytes(FileOf(name), bad);
      EXPECT_TRUE(absl::IsDataLoss(blobs().Read(name).status())) << offset;
    }
    WriteBytes(FileOf(name), good.substr(0, offset));
    EXPECT_TRUE(absl::IsDataLoss(blobs().Read(name).status())) << offset;
    // Not the one before, which lacks inputs whose clients were told that they are in the sum.
    EXPECT_TRUE(absl::IsDataLoss(blobs().LatestCheckpoint(kA).status())) << offset;
  }
  WriteBytes(FileOf(name), good + "x");
  EXPECT_TRUE(absl::IsDataLoss(blobs().Read(name).status()));
  // Whole, but another one.
  WriteBytes(FileOf(name), ReadBytes(FileOf(Checkpoint(kA, 1))));
  EXPECT_TRUE(absl::IsDataLoss(blobs().Read(name).status()));
  WriteBytes(FileOf(name), good);
  EXPECT_EQ(blobs().Read(name).value(), "the bytes of the accumulator");
}

// Sparse, so that the disk has room for it and no memory has.
TEST_F(FileBlobStoreTest, AWrongSizeIsDamageWhateverItIs) {
  Open();
  ASSERT_TRUE(Write(blobs(), Checkpoint(kA, 1), "one").ok());
  for (const int bits : {10, 40}) {
    fs::resize_file(FileOf(Checkpoint(kA, 1)), uintmax_t{1} << bits);
    const absl::Status status = blobs().LatestCheckpoint(kA).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("size"));
  }
}

// What the system does not let us read now may be whole.
TEST_F(FileBlobStoreTest, WhatCannotBeReadIsNotCalledDamagedOrMissing) {
  Open();
  ASSERT_TRUE(Write(blobs(), Checkpoint(kA, 1), "one").ok());
  const fs::path file = FileOf(Checkpoint(kA, 1));
  fs::rename(file, base_ / "away");
  fs::create_symlink(base_ / "away", file);
  const absl::Status no_open = blobs().Read(Checkpoint(kA, 1)).status();
  EXPECT_TRUE(absl::IsInternal(no_open)) << no_open;
  EXPECT_THAT(std::string(no_open.message()), HasSubstr(file.string()));
  fs::remove(file);
  fs::create_directory(file);
  const absl::Status no_read = blobs().LatestCheckpoint(kA).status();
  EXPECT_TRUE(absl::IsInternal(no_read)) << no_read;
  EXPECT_THAT(std::string(no_read.message()), HasSubstr("Is a directory"));
  // Nor is there no checkpoint where nobody knows.
  fs::rename(file.parent_path(), base_ / "session");
  WriteBytes(file.parent_path(), "");
  const absl::Status no_list = blobs().LatestCheckpoint(kA).status();
  EXPECT_TRUE(absl::IsInternal(no_list)) << no_list;
  EXPECT_EQ(ReasonOf(no_list), v1::REASON_STORAGE_FAILED);
}

// Lets the process open no file more, for its life.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(STDERR_FILENO);
    close(next);
    const rlimit none = {static_cast<rlim_t>(next), before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoMoreFiles() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(FileBlobStoreTest, TooManyOpenFilesPass) {
  OpenOver(kSystemCalls, [](const absl::Status& status) { FAIL() << status; });
  ASSERT_TRUE(Write(blobs(), Result(kA), "old").ok());
  {
    const NoMoreFiles none;
    const absl::Status refused = Write(blobs(), Result(kA), "new");
    EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
    EXPECT_TRUE(absl::IsResourceExhausted(blobs().Read(Result(kA)).status()));
  }
  EXPECT_EQ(recorder_.why, metrics::StoreRetry::kTooManyFiles);
  EXPECT_EQ(blobs().Read(Result(kA)).value(), "old");
  EXPECT_TRUE(Write(blobs(), Result(kA), "new").ok());
}

TEST_F(FileBlobStoreTest, ReadOnlyIsSaidToBe) {
  DiskCalls calls = kSystemCalls;
  calls.write = [](int, const void*, size_t) -> ssize_t {
    errno = EROFS;
    return -1;
  };
  calls.free_bytes = [](const std::string&) -> std::optional<uint64_t> { return std::nullopt; };
  OpenOver(calls, [](const absl::Status& status) { FAIL() << status; });
  EXPECT_TRUE(absl::IsResourceExhausted(Write(blobs(), Result(kA), "x")));
  EXPECT_EQ(recorder_.why, metrics::StoreRetry::kReadOnly);
  EXPECT_THAT(std::string(blobs().healthy().message()), HasSubstr("make it writable"));
}

// The disk has room for this many bytes more.
std::atomic<int64_t> room = 0;
ssize_t WriteIntoRoom(int file, const void* bytes, size_t size) {
  const auto fits = std::min<int64_t>(static_cast<int64_t>(size), room);
  room -= fits;
  if (fits > 0) return ::write(file, bytes, static_cast<size_t>(fits));
  errno = ENOSPC;
  return -1;
}

TEST_F(FileBlobStoreTest, FullDiskIsReportedAndMayBeTriedAgain) {
  DiskCalls calls = kSystemCalls;
  calls.write = WriteIntoRoom;
  OpenOver(calls, [](const absl::Status& status) { FAIL() << status; });
  room = 1000;
  ASSERT_TRUE(Write(blobs(), Result(kA), "old").ok());
  for (const int64_t left : {0, 10, 100, 499}) {
    room = left;
    const absl::Status full = Write(blobs(), Result(kA), std::string(500, 'x'));
    EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
    EXPECT_EQ(ReasonOf(full), v1::REASON_STORAGE_FAILED);
    EXPECT_FALSE(fs::exists(FileOf(Result(kA)).string() + ".tmp"));
    EXPECT_EQ(blobs().Read(Result(kA)).value(), "old");
    // The disk that the test is on has room.
    EXPECT_TRUE(blobs().healthy().ok());
  }
  EXPECT_EQ(recorder_.why, metrics::StoreRetry::kFull);
  room = 10'000;
  EXPECT_TRUE(Write(blobs(), Result(kA), std::string(500, 'x')).ok());
  EXPECT_EQ(blobs().Read(Result(kA)).value(), std::string(500, 'x'));
}

TEST_F(FileBlobStoreTest, NotHealthyUntilThereIsRoom) {
  DiskCalls calls = kSystemCalls;
  calls.write = WriteIntoRoom;
  calls.free_bytes = [](const std::string&) -> std::optional<uint64_t> { return room; };
  OpenOver(calls, [](const absl::Status& status) { FAIL() << status; });
  EXPECT_TRUE(blobs().healthy().ok());
  room = 100;
  EXPECT_TRUE(absl::IsResourceExhausted(Write(blobs(), Result(kA), std::string(500, 'x'))));
  EXPECT_THAT(std::string(blobs().healthy().message()), HasSubstr("full"));
  // Nobody has written since: whether it is worth it, is a matter of the disk.
  room = 501;
  EXPECT_TRUE(blobs().healthy().ok());
}

// A disk that is broken in one call.
struct Fault {
  const char* name;
  DiskCalls calls;
};
int syncs = 0;
int FailToSync(int) {
  ++syncs;
  errno = ENOSPC;  // Even that: after a failed fsync nobody knows.
  return -1;
}
const Fault kFaults[] = {
    {"write",
     {[](int, const void*, size_t) -> ssize_t {
        errno = EIO;
        return -1;
      },
      kSystemCalls.fsync, kSystemCalls.rename, kSystemCalls.free_bytes}},
    {"sync", {kSystemCalls.write, FailToSync, kSystemCalls.rename, kSystemCalls.free_bytes}},
    {"rename",
     {kSystemCalls.write, kSystemCalls.fsync,
      [](const char*, const char*) {
        errno = EIO;
        return -1;
      },
      kSystemCalls.free_bytes}},
};

TEST_F(FileBlobStoreTest, BrokenDiskEndsTheProcess) {
  for (const Fault& fault : kFaults) {
    const pid_t child = fork();
    if (child == 0) {
      OpenOver(fault.calls, [](const absl::Status& status) {
        _exit(syncs <= 1 && ReasonOf(status) == v1::REASON_STORAGE_FAILED ? 42 : 3);
      });
      Write(blobs(), Result(kA), "x").IgnoreError();
      _exit(1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 42) << fault.name;
    // What was not finished is not there.
    Open();
    EXPECT_TRUE(absl::IsNotFound(blobs().Read(Result(kA)).status())) << fault.name;
    Close();
  }
}

}  // namespace
}  // namespace veilsum::aggregator
