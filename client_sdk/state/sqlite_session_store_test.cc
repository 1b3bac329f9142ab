// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What only a store on disk can get wrong: crashes, failing disks, other openers, old, foreign and
// damaged files, and what is left in them.

#include "client_sdk/state/sqlite_session_store.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"
#include "third_party/sqlite/faulty_disk_testing.h"

namespace veilsum::client {
namespace {

namespace fs = std::filesystem;
using sqlite::FaultyDisk;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

int Mode(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

SavedSession Session(char id = 's') {
  return {"task",
          std::string(16, id),
          std::string(32, 'i'),
          crypto::SessionSecret::Generate([](absl::Span<uint8_t> out) {
            for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(200 + i);
          }),
          {"the offer"}};
}

using Step = absl::Status (*)(SessionStore&);

// A whole session.
const std::vector<Step> kSteps = {
    [](SessionStore& store) { return store.Begin(Session(), kNow); },
    [](SessionStore& store) { return store.Remember("task", "the roster", std::nullopt); },
    [](SessionStore& store) {
      return store.Remember("task", std::string(20'000, 'n'), std::nullopt);
    },
    [](SessionStore& store) { return store.Remember("task", "survivors", crypto::Digest{}); },
    [](SessionStore& store) { return store.End("task"); },
};

// All that a store says.
std::string Describe(SessionStore& store) {
  const auto session = store.Unfinished("task");
  const auto answered = store.IsAnswered("task", crypto::Digest{});
  const auto started = store.StartedAfter(absl::InfinitePast());
  if (!session.ok() || !answered.ok() || !started.ok()) return "error";
  return absl::StrCat(session->has_value() ? absl::StrJoin((*session)->journal, ", ") : "nothing",
                      *answered ? "; answered; " : "; open; ", *started);
}

class SqliteSessionStoreTest : public testing::Test {
 protected:
  SqliteSessionStoreTest() {
    FaultyDisk::Install();
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    base_ = fs::path(testing::TempDir()) / absl::StrReplaceAll(info->name(), {{"/", "-"}});
    fs::remove_all(base_);
    fs::create_directory(base_);
    directory_ = base_ / "state";
  }
  ~SqliteSessionStoreTest() override { FaultyDisk::before = nullptr; }

  void Open() {
    auto store = SqliteSessionStore::Open(directory_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Close() { store_ = nullptr; }
  void Take(size_t steps) {
    for (size_t i = 0; i < steps; ++i) {
      const absl::Status status = kSteps[i](*store_);
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  // Opens a directory that is refused.
  absl::Status Refusal(const fs::path& directory) {
    const absl::Status status = SqliteSessionStore::Open(directory).status();
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(ReasonOf(status), v1::REASON_STATE_REFUSED) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(directory.string()));
    return status;
  }
  std::string DescribeAt(const fs::path& directory) {
    auto store = SqliteSessionStore::Open(directory);
    return store.ok() ? Describe(**store) : std::string(store.status().message());
  }
  // What the state is after 0, 1, … steps.
  std::vector<std::string> Expected() {
    std::vector<std::string> states;
    auto store = SqliteSessionStore::Open(base_ / "expected");
    EXPECT_TRUE(store.ok());
    states.push_back(Describe(**store));
    for (const Step step : kSteps) {
      EXPECT_TRUE(step(**store).ok());
      states.push_back(Describe(**store));
    }
    fs::remove_all(base_ / "expected");
    return states;
  }
  // Runs one statement behind the store's back.
  void Tamper(const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(Database().c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
  }
  fs::path Database() const { return directory_ / "sessions.sqlite"; }
  fs::path Counter() const { return directory_ / "generation"; }

  fs::path base_;
  fs::path directory_;
  std::unique_ptr<SqliteSessionStore> store_;
};

TEST_F(SqliteSessionStoreTest, IsThereAfterAReopen) {
  const std::vector<std::string> expected = Expected();
  Open();
  for (size_t i = 0; i < kSteps.size(); ++i) {
    ASSERT_TRUE(kSteps[i](*store_).ok());
    Close();
    Open();
    EXPECT_EQ(Describe(*store_), expected[i + 1]);
  }
}

TEST_F(SqliteSessionStoreTest, CrashBetweenAnyTwoWritesLeavesTheStateBeforeOrAfter) {
  const std::vector<std::string> expected = Expected();
  size_t step = 0;
  std::vector<std::pair<fs::path, size_t>> crashes;
  FaultyDisk::before = [&] {
    crashes.emplace_back(base_ / absl::StrCat("crash", crashes.size()), step);
    fs::copy(directory_, crashes.back().first, fs::copy_options::recursive);
    return SQLITE_OK;
  };
  Open();
  const size_t opening = crashes.size();
  EXPECT_GT(opening, 4u);  // It is really in the way.
  for (step = 0; step < kSteps.size(); ++step) ASSERT_TRUE(kSteps[step](*store_).ok());
  FaultyDisk::before = nullptr;
  EXPECT_GT(crashes.size() - opening, 5 * kSteps.size());
  for (const auto& [directory, steps] : crashes) {
    EXPECT_THAT(DescribeAt(directory), AnyOf(expected[steps], expected[steps + 1])) << directory;
  }
}

TEST_F(SqliteSessionStoreTest, CrashBeforeTheCounterIsWrittenIsNoOldState) {
  Open();
  Take(1);
  const std::string counter = Read(Counter());
  ASSERT_TRUE(kSteps[1](*store_).ok());
  const std::string now = Describe(*store_);
  Close();
  EXPECT_NE(Read(Counter()), counter);
  Write(Counter(), counter);
  Open();
  EXPECT_EQ(Describe(*store_), now);
}

class FailingDiskTest : public SqliteSessionStoreTest, public testing::WithParamInterface<int> {};

// The n-th operation fails, and with it every later one.
TEST_P(FailingDiskTest, EveryFailureIsAStatusAndLeavesTheStateBeforeOrAfter) {
  const std::vector<std::string> expected = Expected();
  bool failed = true;
  for (int good = 0; failed; ++good) {
    fs::remove_all(directory_);
    Open();
    FaultyDisk::before = [left = good]() mutable { return left-- > 0 ? SQLITE_OK : GetParam(); };
    size_t step = 0;
    absl::Status status;
    while (step < kSteps.size() && (status = kSteps[step](*store_)).ok()) ++step;
    failed = !status.ok();
    if (failed) {
      EXPECT_EQ(ReasonOf(status), v1::REASON_STATE_REFUSED) << status;
      EXPECT_EQ(status.code(), GetParam() == SQLITE_FULL ? absl::StatusCode::kResourceExhausted
                                                         : absl::StatusCode::kInternal);
      // The store is still there to be asked.
      (void)Describe(*store_);
    }
    FaultyDisk::before = nullptr;
    Close();
    EXPECT_THAT(DescribeAt(directory_),
                AnyOf(expected[step], expected[std::min(step + 1, kSteps.size())]))
        << "after " << good;
    ASSERT_LT(good, 1000);
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, FailingDiskTest,
                         testing::Values(SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC));

TEST_F(SqliteSessionStoreTest, FullDiskThatHasRoomAgainIsUsable) {
  Open();
  FaultyDisk::before = [] { return SQLITE_FULL; };
  EXPECT_EQ(kSteps[0](*store_).code(), absl::StatusCode::kResourceExhausted);
  FaultyDisk::before = nullptr;
  Take(kSteps.size());
}

TEST_F(SqliteSessionStoreTest, CounterThatCannotBeWrittenIsAnError) {
  Open();
  Take(1);
  int operations = 0;
  FaultyDisk::before = [&] {
    ++operations;
    return SQLITE_OK;
  };
  ASSERT_TRUE(kSteps[1](*store_).ok());
  signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit none{0, old.rlim_max};
  // The last one deletes the journal, which is the commit. After that, nobody can write.
  FaultyDisk::before = [&] {
    if (--operations == 0) setrlimit(RLIMIT_FSIZE, &none);
    return SQLITE_OK;
  };
  const absl::Status status = kSteps[1](*store_);
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(operations, 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("counter"));
}

TEST_F(SqliteSessionStoreTest, SecondOpenerIsRefusedUntilTheFirstIsGone) {
  Open();
  Take(2);
  EXPECT_EQ(Refusal(directory_).code(), absl::StatusCode::kFailedPrecondition);
  const pid_t child = fork();
  if (child == 0) {
    const absl::Status status = SqliteSessionStore::Open(directory_).status();
    _exit(status.code() == absl::StatusCode::kFailedPrecondition &&
                  status.message().find("in use") != absl::string_view::npos
              ? 0
              : 1);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
  // A refused opener takes nothing away.
  EXPECT_TRUE(kSteps[2](*store_).ok());
  Close();
  Open();
}

TEST_F(SqliteSessionStoreTest, RestoredOlderDatabaseIsRefused) {
  Open();
  Take(2);
  Close();
  const std::string old = Read(Database());
  const std::string old_counter = Read(Counter());
  Open();
  ASSERT_TRUE(kSteps[3](*store_).ok());
  Close();
  const std::string present = Read(Database());
  Write(Database(), old);
  EXPECT_THAT(std::string(Refusal(directory_).message()), HasSubstr("older copy"));
  // Refused for good, not just once.
  EXPECT_EQ(Refusal(directory_).code(), absl::StatusCode::kFailedPrecondition);
  Write(Database(), present);
  Open();
  Close();
  fs::remove(Counter());
  EXPECT_THAT(std::string(Refusal(directory_).message()), HasSubstr("removed"));
  // What cannot be told from a true state: docs/protocol.md says so.
  Write(Database(), old);
  Write(Counter(), old_counter);
  Open();
}

TEST_F(SqliteSessionStoreTest, RemovedDatabaseIsRefused) {
  Open();
  Take(1);
  Close();
  fs::remove(Database());
  EXPECT_THAT(std::string(Refusal(directory_).message()), HasSubstr("removed"));
  EXPECT_EQ(Refusal(directory_).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SqliteSessionStoreTest, OtherSchemasAreRefused) {
  Open();
  Take(1);
  Close();
  Tamper("PRAGMA user_version = 2");
  const absl::Status newer = Refusal(directory_);
  EXPECT_EQ(newer.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(newer.message()), HasSubstr("version 2"));
  Tamper("PRAGMA user_version = 1");
  Tamper("PRAGMA application_id = 7");
  EXPECT_EQ(Refusal(directory_).code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqliteSessionStoreTest, DamagedSecretIsAnError) {
  Open();
  Take(1);
  Close();
  Tamper("UPDATE unfinished SET secret = x'00'");
  Open();
  EXPECT_EQ(store_->Unfinished("task").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqliteSessionStoreTest, DamagedFilesAreErrors) {
  Open();
  Take(4);
  Close();
  const std::string good = Read(Database());
  const std::string counter = Read(Counter());
  for (const std::string& bad :
       {std::string(good.size(), 'x'), good.substr(0, good.size() / 2), good.substr(0, 100)}) {
    Write(Database(), bad);
    EXPECT_EQ(Refusal(directory_).code(), absl::StatusCode::kDataLoss);
  }
  Write(Database(), good);
  for (const char* bad : {"7", "0000000000000000000x\n", "00000000000000000007\n\n"}) {
    Write(Counter(), bad);
    EXPECT_EQ(Refusal(directory_).code(), absl::StatusCode::kDataLoss);
  }
  Write(Counter(), counter);
  Open();
}

TEST_F(SqliteSessionStoreTest, NoFlippedByteCrashes) {
  Open();
  Take(2);
  Close();
  const std::string good = Read(Database());
  int refused = 0;
  for (size_t i = 0; i < good.size(); i += i < 100 ? 1 : 97) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0xff);
    Write(Database(), bad);
    auto store = SqliteSessionStore::Open(directory_);
    refused += store.ok() ? 0 : 1;
    if (store.ok()) (void)Describe(**store);
    if (store.ok()) store->get()->End("task").IgnoreError();
  }
  EXPECT_GT(refused, 20);
}

// Where `needle` is among the files of a directory.
std::string FilesWith(const fs::path& directory, const std::string& needle) {
  std::string files;
  for (const auto& file : fs::directory_iterator(directory)) {
    if (Read(file.path()).find(needle) != std::string::npos) {
      absl::StrAppend(&files, file.path().filename().string(), " ");
    }
  }
  return files;
}

TEST_F(SqliteSessionStoreTest, NothingSecretIsLeftWhenASessionHasEnded) {
  Open();
  Take(4);
  const SavedSession session = Session();
  const std::string secret = crypto::ToString(crypto::ExposeSecret(session.secret));
  const std::vector<std::string> needles = {secret.substr(0, 8), secret.substr(24),
                                            session.journal[0],  "the roster",
                                            "survivors",         std::string(100, 'n')};
  for (const std::string& needle : needles) {
    EXPECT_EQ(FilesWith(directory_, needle), "sessions.sqlite ") << needle;
  }
  ASSERT_TRUE(store_->End("task").ok());
  for (const std::string& needle : needles) EXPECT_EQ(FilesWith(directory_, needle), "") << needle;
  Close();
  for (const std::string& needle : needles) EXPECT_EQ(FilesWith(directory_, needle), "") << needle;
  EXPECT_EQ(FilesWith(directory_, session.session_id), "sessions.sqlite ");
}

TEST_F(SqliteSessionStoreTest, OnlyTheOwnerMayReadAnything) {
  const mode_t old = umask(0);
  int journals = 0;
  FaultyDisk::before = [&] {
    const fs::path journal = directory_ / "sessions.sqlite-journal";
    if (fs::exists(journal)) {
      EXPECT_EQ(Mode(journal), 0600);
      ++journals;
    }
    return SQLITE_OK;
  };
  Open();
  Take(1);
  FaultyDisk::before = nullptr;
  EXPECT_GT(journals, 0);
  EXPECT_EQ(Mode(directory_), 0700);
  EXPECT_EQ(Mode(Database()), 0600);
  EXPECT_EQ(Mode(Counter()), 0600);
  Close();
  // Copied by somebody careless.
  chmod(Database().c_str(), 0644);
  Open();
  EXPECT_EQ(Mode(Database()), 0600);
  Close();
  chmod(directory_.c_str(), 0770);
  EXPECT_THAT(std::string(Refusal(directory_).message()), HasSubstr("chmod 700"));
  umask(old);
}

TEST_F(SqliteSessionStoreTest, PlacesThatCannotHoldItAreErrors) {
  Write(base_ / "file", "");
  EXPECT_EQ(Refusal(base_ / "file").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Refusal(base_ / "file" / "state").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Refusal(base_ / "missing" / "state").code(), absl::StatusCode::kInternal);
  fs::create_directory(directory_);
  fs::create_symlink(base_ / "file", Database());
  EXPECT_EQ(Refusal(directory_).code(), absl::StatusCode::kInternal);
  if (geteuid() == 0) return;  // May write everywhere.
  fs::remove(Database());
  chmod(directory_.c_str(), 0500);
  EXPECT_THAT(std::string(Refusal(directory_).message()), HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace veilsum::client
