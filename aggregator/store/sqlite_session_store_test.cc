// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What only a store on disk can get wrong, crashes and damage apart: versions, other openers, disks
// that are full or broken, and what is left in the files.

#include "aggregator/store/sqlite_session_store.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/store/disk_testing.h"
#include "aggregator/store/session_store_conformance_testing.h"
#include "aggregator/store/store_testing.h"
#include "gmock/gmock.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

namespace fs = std::filesystem;
using sqlite::FaultyDisk;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Claim kFirst = {std::string(16, 'a'), 1};

std::shared_ptr<SessionStore> EmptyStore() {
  FaultyDisk::Install();
  StorageOptions options;
  options.directory = TestDirectory() / "data";
  auto storage = OpenStorage(options);
  EXPECT_TRUE(storage.ok()) << storage.status();
  return storage->sessions;
}

INSTANTIATE_TEST_SUITE_P(Sqlite, SessionStoreConformanceTest, testing::Values(EmptyStore));

// Lets a test wait until the store waits for the disk.
class Watcher : public metrics::Recorder {
 public:
  void StoreRetried(metrics::StoreRetry) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++retries_;
    changed_.notify_all();
  }
  // Until this many retries have been announced.
  void WaitForRetries(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return retries_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int retries_ = 0;
};

class SqliteStoreTest : public DiskTest {
 protected:
  // The disk does what a test's body says until the end.
  ~SqliteStoreTest() override { Close(); }

  absl::Status Refusal() {
    const absl::Status status = OpenStorage(Options()).status();
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(ReasonOf(status), v1::REASON_STORAGE_FAILED) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(directory_.string()));
    return status;
  }
  int Mode(const fs::path& path) {
    struct stat info {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  }
  // All bytes of all files.
  StorageOptions WatchedOptions() {
    StorageOptions options = Options();
    options.recorder = &watcher_;
    return options;
  }

  Watcher watcher_;
  std::atomic<int> fault_ = SQLITE_OK;
};

TEST_F(SqliteStoreTest, IsThereAfterAReopen) {
  Open();
  ASSERT_TRUE(PutTask(sessions(), {"task", "its words"}).ok());
  ASSERT_TRUE(Create(sessions(), MakeSession('a')).ok());
  ASSERT_TRUE(Store(sessions(), kFirst, {Message(Phase::kShareKeys, 1, "x")}).ok());
  ASSERT_TRUE(Report(sessions(), kFirst, "report").ok());
  Close();
  Open();
  EXPECT_EQ(sessions().Tasks()->front().task, "its words");
  EXPECT_EQ(sessions().Sessions()->front().report, "report");
  const auto taken = sessions().Take(kFirst.session_id);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->session, MakeSession('a'));
  EXPECT_THAT(OperationsOf(*taken), ElementsAre(Message(Phase::kShareKeys, 1, "x")));
  EXPECT_EQ(taken->claim.fence, 2u);
}

TEST_F(SqliteStoreTest, OnlyItsOwnerCanReadIt) {
  Open();
  EXPECT_EQ(Mode(directory_), 0700);
  EXPECT_EQ(Mode(Database()), 0600);
  EXPECT_EQ(Mode(directory_ / "blobs"), 0700);
  Close();
  fs::permissions(directory_, fs::perms::group_write, fs::perm_options::add);
  EXPECT_THAT(std::string(Refusal().message()), HasSubstr("chmod 700"));
}

// As a restored copy may come.
TEST_F(SqliteStoreTest, WhatIsThereAlreadyIsMadePrivate) {
  fs::create_directory(directory_);
  fs::permissions(directory_, fs::perms::owner_all);
  fs::create_directory(directory_ / "blobs");
  fs::permissions(directory_ / "blobs", fs::perms::all);
  Open();
  EXPECT_EQ(Mode(directory_ / "blobs"), 0700);
}

TEST_F(SqliteStoreTest, RefusesFilesWhereDirectoriesBelong) {
  WriteBytes(directory_, "a file");
  EXPECT_THAT(std::string(Refusal().message()), HasSubstr("something else than a directory"));
  fs::remove(directory_);
  fs::create_directory(directory_);
  fs::permissions(directory_, fs::perms::owner_all);
  WriteBytes(directory_ / "blobs", "a file");
  EXPECT_THAT(std::string(Refusal().message()), HasSubstr("blobs: Not a directory"));
}

TEST_F(SqliteStoreTest, SecondOpenerIsToldWho) {
  Open();
  const absl::Status here = Refusal();
  EXPECT_TRUE(absl::IsFailedPrecondition(here));
  EXPECT_THAT(std::string(here.message()), HasSubstr(absl::StrCat("process ", getpid())));
  const pid_t child = fork();
  if (child == 0) {
    const auto other = OpenStorage(Options());
    _exit(absl::IsFailedPrecondition(other.status()) ? 7 : 8);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  // Until both stores are gone.
  storage_.sessions.reset();
  EXPECT_TRUE(absl::IsFailedPrecondition(Refusal()));
  storage_.blobs.reset();
  Open();
}

TEST_F(SqliteStoreTest, RefusesANewerVersionAndLeavesIt) {
  Open();
  ASSERT_TRUE(Create(sessions(), MakeSession('a')).ok());
  Close();
  const size_t known = Migrations().size();
  Tamper(absl::StrCat("PRAGMA user_version = ", known + 1));
  const std::string before = ReadBytes(Database());
  const absl::Status refusal = Refusal();
  EXPECT_TRUE(absl::IsFailedPrecondition(refusal)) << refusal;
  EXPECT_THAT(std::string(refusal.message()), HasSubstr(absl::StrCat("version ", known + 1)));
  EXPECT_EQ(ReadBytes(Database()), before);
  Tamper(absl::StrCat("PRAGMA user_version = ", known));
  Open();
  EXPECT_THAT(sessions().Sessions().value(), SizeIs(1));
}

// SQLite would take it: the statements do not fit it any more.
TEST_F(SqliteStoreTest, RefusesTablesThatAreNotItsOwn) {
  Open();
  Close();
  Tamper("ALTER TABLE operations RENAME COLUMN digest TO digesu");
  const absl::Status refusal = Refusal();
  EXPECT_TRUE(absl::IsDataLoss(refusal)) << refusal;
  EXPECT_THAT(std::string(refusal.message()), HasSubstr("tables"));
}

TEST_F(SqliteStoreTest, BringsAnOldVersionForward) {
  Open();
  ASSERT_TRUE(Create(sessions(), MakeSession('a')).ok());
  Close();
  const auto directory = DataDirectory::Open(directory_);
  ASSERT_TRUE(directory.ok());
  std::vector<Migration> migrations = Migrations();
  migrations.push_back({"CREATE TABLE extra (number INTEGER)", "INSERT INTO extra VALUES (5)"});
  // A step that fails leaves the version before it, whole.
  std::vector<Migration> broken = migrations;
  broken.push_back({"UPDATE extra SET number = 6", "this is no SQL"});
  EXPECT_FALSE(OpenDatabase(Database(), broken).ok());
  {
    auto database = OpenDatabase(Database(), migrations);
    ASSERT_TRUE(database.ok()) << database.status();
    EXPECT_EQ(database->Number("SELECT number FROM extra").value(), 5);
    EXPECT_EQ(database->Number("SELECT count(*) FROM sessions").value(), 1);
  }
  // Once.
  auto again = OpenDatabase(Database(), migrations);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->Number("SELECT count(*) FROM extra").value(), 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenDatabase(Database(), Migrations()).status()));
}

TEST_F(SqliteStoreTest, RefusesWhatIsNotItsOwn) {
  fs::create_directory(directory_);
  Tamper("CREATE TABLE other (number INTEGER)");
  EXPECT_TRUE(absl::IsDataLoss(Refusal()));
  WriteBytes(Database(), std::string(5000, 'x'));
  const absl::Status refusal = Refusal();
  EXPECT_TRUE(absl::IsDataLoss(refusal));
  EXPECT_THAT(std::string(refusal.message()), HasSubstr("start with an empty data directory"));
  WriteBytes(Database(), "");
  Open();
}

TEST_F(SqliteStoreTest, ErasedSharesAreInNoFile) {
  Open();
  ASSERT_TRUE(Create(sessions(), MakeSession('a')).ok());
  const std::string secret = "the share of a client, in a message";
  for (Phase phase : {Phase::kShareKeys, Phase::kUnmasking}) {
    for (size_t size : {size_t{1}, size_t{3000}}) {  // In the page itself, and outside.
      std::string bytes;
      for (size_t i = 0; i < size; ++i) bytes += secret;
      ASSERT_TRUE(
          Store(sessions(), kFirst, {Message(phase, static_cast<uint8_t>(size), bytes)}).ok());
    }
  }
  EXPECT_TRUE(IsInAFile(secret));
  ASSERT_TRUE(Store(sessions(), kFirst, {FinishSession{}}).ok());
  EXPECT_TRUE(sessions().Sessions()->front().ended);  // Behind the cutting of the log.
  EXPECT_FALSE(IsInAFile(secret));
}

TEST_F(SqliteStoreTest, FullDiskWaitsAndLosesNothing) {
  FaultyDisk::before = [this] { return fault_.load(); };
  Open(WatchedOptions());
  ASSERT_TRUE(Create(sessions(), MakeSession('a')).ok());

  fault_ = SQLITE_FULL;
  std::atomic<int> answered = 0;
  std::promise<void> last;
  for (uint8_t i = 0; i < 3; ++i) {
    sessions().Commit(kFirst, {Message(Phase::kShareKeys, i, "x")}, At(0), [&](absl::Status got) {
      EXPECT_TRUE(got.ok()) << got;
      if (++answered == 3) last.set_value();
    });
  }
  watcher_.WaitForRetries(3);
  EXPECT_EQ(answered, 0);
  EXPECT_THAT(std::string(sessions().healthy().message()), HasSubstr("full"));
  EXPECT_GT(sessions().queued_bytes(), 0u);
  fault_ = SQLITE_OK;
  last.get_future().wait();
  EXPECT_THAT(sessions().Take(kFirst.session_id)->operations, SizeIs(3));
  EXPECT_TRUE(sessions().healthy().ok());
  EXPECT_EQ(sessions().queued_bytes(), 0u);
  Close();
  Open();
  EXPECT_THAT(sessions().Take(kFirst.session_id)->operations, SizeIs(3));
}

// What a disk says that will take writes again one day: code, errno.
class PassingFaultTest : public SqliteStoreTest,
                         public testing::WithParamInterface<std::pair<int, int>> {};

TEST_P(PassingFaultTest, IsWaitedFor) {
  FaultyDisk::before = [this] {
    errno = GetParam().second;
    return fault_.load();
  };
  Open(WatchedOptions());
  fault_ = GetParam().first;
  std::promise<absl::Status> created;
  sessions().CreateSession(MakeSession('a'),
                           [&](absl::Status status) { created.set_value(status); });
  watcher_.WaitForRetries(1);
  EXPECT_FALSE(sessions().healthy().ok());
  fault_ = SQLITE_OK;
  EXPECT_TRUE(created.get_future().get().ok());
  EXPECT_THAT(sessions().Sessions().value(), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(Faults, PassingFaultTest,
                         testing::Values(std::pair(SQLITE_FULL, 0), std::pair(SQLITE_READONLY, 0),
                                         std::pair(SQLITE_IOERR_WRITE, ENOSPC),
                                         std::pair(SQLITE_IOERR_WRITE, EDQUOT),
                                         std::pair(SQLITE_IOERR_WRITE, EROFS)));

TEST_F(SqliteStoreTest, DestroyedWhileTheDiskIsFull) {
  FaultyDisk::before = [this] { return fault_.load(); };
  Open(WatchedOptions());
  fault_ = SQLITE_FULL;
  absl::Status answer;
  sessions().CreateSession(MakeSession('a'), [&](absl::Status status) { answer = status; });
  watcher_.WaitForRetries(2);
  Close();
  EXPECT_TRUE(absl::IsUnavailable(answer)) << answer;
  fault_ = SQLITE_OK;
  Open();
  EXPECT_THAT(sessions().Sessions().value(), IsEmpty());
}

TEST_F(SqliteStoreTest, FullDiskAtTheCuttingOfTheLogIsTriedAgain) {
  std::atomic<bool> full = false;
  // Of a commit, there is one sync; the cutting begins after it.
  std::atomic<int> syncs = 0;
  FaultyDisk::before_sync = [&] { return ++syncs, SQLITE_OK; };
  FaultyDisk::before = [&] { return full && syncs > 0 ? SQLITE_FULL : SQLITE_OK; };
  Open(WatchedOptions());
  ASSERT_TRUE(Create(sessions(), MakeSession('a')).ok());
  syncs = -1;
  full = true;
  EXPECT_TRUE(Store(sessions(), kFirst, {FinishSession{}}).ok());
  watcher_.WaitForRetries(2);
  EXPECT_FALSE(sessions().healthy().ok());
  full = false;
  EXPECT_TRUE(sessions().Sessions()->front().ended);
  EXPECT_TRUE(sessions().Sessions().ok());  // The first may have come before the cutting.
  EXPECT_TRUE(sessions().healthy().ok());
  EXPECT_EQ(fs::file_size(Database().string() + "-wal"), 0u);
  Close();
}

// Runs `body` in a child of its own, since it ends there.
template <class Body>
int ExitCodeOf(Body&& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The operation at which a sync fails.
class FailedSyncTest : public SqliteStoreTest, public testing::WithParamInterface<int> {};

TEST_P(FailedSyncTest, EndsTheProcessAtOnce) {
  const int good = GetParam();
  EXPECT_EQ(ExitCodeOf([&] {
              static int syncs = 0;
              static int last_good = 1000;
              FaultyDisk::before_sync = [] {
                if (++syncs <= last_good) return SQLITE_OK;
                errno = EIO;
                return SQLITE_IOERR_FSYNC;
              };
              StorageOptions options = Options();
              options.fatal = [](const absl::Status& status) {
                _exit(syncs != last_good + 1                          ? 2
                      : ReasonOf(status) != v1::REASON_STORAGE_FAILED ? 3
                                                                      : 42);
              };
              const auto storage = OpenStorage(options);
              if (!storage.ok()) _exit(4);
              last_good = syncs + good;
              Create(*storage->sessions, MakeSession('a')).IgnoreError();
              Store(*storage->sessions, kFirst, {FinishSession{}}).IgnoreError();
              storage->sessions->Sessions().status().IgnoreError();
            }),
            42);
}

// Of the first commit, of the second, and while the log is cut.
INSTANTIATE_TEST_SUITE_P(Syncs, FailedSyncTest, testing::Values(0, 1, 2));

TEST_F(SqliteStoreTest, LeavesWithTheCodeOfABrokenDisk) {
  EXPECT_EQ(ExitCodeOf([&] {
              StorageOptions options;
              options.directory = directory_;
              const auto storage = OpenStorage(options);
              FaultyDisk::before = [] {
                errno = EIO;
                return SQLITE_IOERR_WRITE;
              };
              Create(*storage->sessions, MakeSession('a')).IgnoreError();
            }),
            74);
}

}  // namespace
}  // namespace veilsum::aggregator
