// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A real aggregator on a disk that is full, that fails, whose bytes have changed, or that another
// one uses. What needs root or a tool that is not there says so and is skipped.

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/reliability/world.h"

namespace veilsum::reliability {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kIoError = 74;  // EX_IOERR: the disk said what nobody may go on after.

std::string aggregator_binary;

InstallationOptions Small(const std::string& data_directory = "data") {
  InstallationOptions options;
  options.least = absl::ZeroDuration();
  options.data_directory = data_directory;
  return options;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Log(const World& world) {
  return ReadAll(world.installation.folder() + "/aggregator.log");
}

bool BecomesReady(World& world, bool ready) {
  const absl::Time last = absl::Now() + absl::Minutes(1);
  while ((world.process.Readiness() == 200) != ready) {
    if (absl::Now() > last || !world.process.running()) return false;
    Pause(absl::Milliseconds(20));
  }
  return true;
}

void ExpectAnotherSession(World& world) {
  const absl::Status ended = world.WaitForSessions(world.auditor.sessions().size() + 1);
  EXPECT_TRUE(ended.ok()) << ended << "\n" << Log(world);
}

// A small disk of its own; gone with this.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path) : path_(path) {
    fs::create_directory(path);
    mounted_ = mount("tmpfs", path.c_str(), "tmpfs", 0, "size=4m,mode=0700") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

  // To the last byte.
  void Fill() {
    std::ofstream file(filler());
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void Free() { fs::remove(filler()); }

 private:
  std::string filler() const { return path_ + "/filler"; }
  const std::string path_;
  bool mounted_ = false;
};

TEST(DiskFaultsTest, FullDiskIsWaitedForAndNothingIsLost) {
  World world(aggregator_binary, "full", Small("disk/data"));
  SmallDisk disk(world.installation.folder() + "/disk");
  if (!disk.mounted()) GTEST_SKIP() << "a disk of its own needs root: tmpfs cannot be mounted";
  ASSERT_TRUE(world.Start().ok()) << Log(world);
  world.population.Start();
  ExpectAnotherSession(world);
  disk.Fill();
  EXPECT_TRUE(BecomesReady(world, false)) << Log(world);
  // A killed one comes back to the full disk, and either waits too or says why it does not.
  world.process.Kill();
  world.history.Killed();
  world.process.Start();
  const absl::Time last = absl::Now() + absl::Minutes(1);
  while (world.process.running() && world.process.Readiness() == 0 && absl::Now() < last) {
    Pause(absl::Milliseconds(20));
  }
  if (world.process.running()) {
    disk.Fill();  // The start may have made some room.
    EXPECT_TRUE(BecomesReady(world, false)) << Log(world);
    disk.Free();
  } else {
    EXPECT_GT(world.process.ending()->exit_code, 0);
    EXPECT_THAT(Log(world), HasSubstr(world.installation.data_directory()));
    disk.Free();
    world.process.Start();
  }
  EXPECT_TRUE(BecomesReady(world, true)) << Log(world);
  ExpectAnotherSession(world);
  world.Finish();
  EXPECT_THAT(world.Judged(), IsEmpty());
  world.process.Kill();
}

TEST(DiskFaultsTest, AFullDiskKeepsNobodyFromStopping) {
  World world(aggregator_binary, "full-stop", Small("disk/data"));
  SmallDisk disk(world.installation.folder() + "/disk");
  if (!disk.mounted()) GTEST_SKIP() << "a disk of its own needs root: tmpfs cannot be mounted";
  ASSERT_TRUE(world.Start({"VEILSUM_SERVER_DRAIN_SECONDS=2"}).ok()) << Log(world);
  world.population.Start();
  ExpectAnotherSession(world);
  disk.Fill();
  // What was on its way waits now, and goes on waiting while the time to drain passes.
  const absl::Time last = absl::Now() + absl::Minutes(1);
  while (!absl::StrContains(Log(world), "not ready: the store") && absl::Now() < last) {
    Pause(absl::Milliseconds(20));
  }
  world.process.Signal(SIGTERM);
  const auto ending = world.process.WaitForEnd(absl::Seconds(45));
  ASSERT_TRUE(ending.ok()) << "SIGTERM does not end it\n" << Log(world);
  EXPECT_EQ(ending->exit_code, 0) << Log(world);
  world.history.Killed();
  disk.Free();
  ASSERT_TRUE(world.Start().ok()) << Log(world);
  ExpectAnotherSession(world);
  world.Finish();
  EXPECT_THAT(world.Judged(), IsEmpty());
}

TEST(DiskFaultsTest, FailedFsyncEndsTheProcessAndTheNextOneGoesOn) {
  if (access("/usr/bin/strace", X_OK) != 0) GTEST_SKIP() << "strace is not installed";
  // -D: the aggregator stays this process's child.
  World broken(aggregator_binary, "fsync", Small(),
               {"/usr/bin/strace", "-D", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
                "-e", "inject=fsync,fdatasync:error=EIO:when=30+"});
  const absl::Status ready = broken.Start();
  if (absl::StrContains(Log(broken), "ptrace")) GTEST_SKIP() << "no process may be traced here";
  ASSERT_TRUE(ready.ok()) << ready << Log(broken);
  broken.population.Start();
  const auto ending = broken.process.WaitForEnd(absl::Minutes(1));
  ASSERT_TRUE(ending.ok()) << "it goes on after fsync has failed\n" << Log(broken);
  EXPECT_EQ(ending->exit_code, kIoError) << Log(broken);
  EXPECT_EQ(ending->signal, 0);
  EXPECT_THAT(Log(broken), HasSubstr("the disk failed"));
  AggregatorProcess good({aggregator_binary,
                          broken.installation.config_file(),
                          broken.installation.admin_port(),
                          broken.installation.folder() + "/aggregator.log",
                          {},
                          {}});
  good.Start();
  ASSERT_TRUE(good.WaitUntilReady().ok()) << Log(broken);
  ExpectAnotherSession(broken);
  broken.Finish();
  EXPECT_THAT(broken.Judged(), IsEmpty());
}

TEST(DiskFaultsTest, SecondProcessOnOneDirectoryIsRefused) {
  World world(aggregator_binary, "shared", Small());
  ASSERT_TRUE(world.Start().ok()) << Log(world);
  const std::string log = world.installation.folder() + "/second.log";
  AggregatorProcess second(
      {aggregator_binary,
       world.installation.config_file(),
       world.installation.admin_port(),
       log,
       {},
       {"VEILSUM_SERVER_ADDRESS=127.0.0.1:0", "VEILSUM_OPERATOR_ADDRESS=127.0.0.1:0",
        "VEILSUM_ADMIN_ADDRESS=127.0.0.1:0"}});
  second.Start();
  const auto ending = second.WaitForEnd(absl::Seconds(30));
  ASSERT_TRUE(ending.ok()) << "two aggregators share a directory";
  EXPECT_GT(ending->exit_code, 0);
  EXPECT_THAT(ReadAll(log), HasSubstr(world.installation.data_directory()));
  world.population.Start();
  ExpectAnotherSession(world);
  world.Finish();
  EXPECT_THAT(world.Judged(), IsEmpty());
  // Whoever was killed holds it no longer.
  world.process.Kill();
  EXPECT_TRUE(world.Start().ok()) << Log(world);
}

std::vector<std::string> FilesOf(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    const bool counts = entry.is_regular_file() && entry.file_size() > 0;
    // The lock's contents are for people.
    if (counts && entry.path().filename() != "lock") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void Flip(const std::string& path, uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

// One bit somewhere, with a session under way and others that have ended: the aggregator may refuse
// to start, lose sessions or not give a sum any more, and each time it says so, but for SQLite's
// write-ahead log (docs/testing.md); and no sum is wrong.
TEST(DiskFaultsTest, FlippedBitNeverGivesAWrongSum) {
  std::mt19937_64 random(7);
  int noticed = 0;
  int sums_compared = 0;
  constexpr int kTrials = 6;
  for (int trial = 0; trial < kTrials; ++trial) {
    InstallationOptions options = Small();
    options.deadline =
        absl::Seconds(4);  // Clients that are told of an earlier time may wait for it.
    World world(aggregator_binary, "flipped", options);
    ASSERT_TRUE(world.Start().ok()) << Log(world);
    world.population.Start();
    ExpectAnotherSession(world);
    world.process.Kill();
    const std::vector<std::string> files = FilesOf(world.installation.data_directory());
    ASSERT_FALSE(files.empty());
    // Each file has its turn.
    const std::string& file = files[trial % files.size()];
    const uint64_t offset = random() % fs::file_size(file);
    Flip(file, offset);
    SCOPED_TRACE(absl::StrCat(file, " at ", offset));

    const absl::Status ready = world.Start();
    // What the first auditor knows may be gone now; this one begins with what is left.
    History seen_after;
    Auditor after(world.installation.operator_port(), false, seen_after);
    if (!ready.ok()) {
      ++noticed;
      EXPECT_GT(world.process.ending()->exit_code, 0) << Log(world);
      EXPECT_THAT(Log(world), HasSubstr(world.installation.data_directory()));
      continue;
    }
    const absl::Time last = absl::Now() + absl::Seconds(60);
    do {
      Pause(absl::Milliseconds(50));
      after.Read(false).IgnoreError();
    } while (after.running() > 0 && absl::Now() < last && after.sessions().size() < 3);
    world.population.Stop(absl::Minutes(3));
    // Sums that are given are right, and clients' and operator's views agree. But SQLite takes a
    // bit in its log for the end of the log, as after a crash: a session may then be aborted, with
    // a reason, after clients had its result, which was right.
    std::vector<std::string> found = Judge(world.installation, world.history, after, false);
    const auto known = std::remove_if(found.begin(), found.end(), [](const std::string& one) {
      return absl::StrContains(one, "aborted, and a client has its result");
    });
    if (known != found.end()) ++noticed;
    found.erase(known, found.end());
    EXPECT_THAT(found, IsEmpty());
    if (!seen_after.violations().empty()) ++noticed;  // A sum that cannot be read any more.
    for (const auto& [id, view] : world.auditor.sessions()) {
      const auto now = after.sessions().find(id);
      if (now == after.sessions().end()) {
        ++noticed;
      } else if (!now->second.packed_sum.empty()) {
        EXPECT_EQ(now->second.packed_sum, view.packed_sum);
        ++sums_compared;
      }
    }
  }
  EXPECT_GT(sums_compared, 0);
  EXPECT_GT(noticed, 0);
  std::printf("%d of %d flipped bits were noticed; the others stood where nothing is\n", noticed,
              kTrials);
}

}  // namespace
}  // namespace veilsum::reliability

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 2) return 2;
  veilsum::reliability::aggregator_binary = argv[1];
  return RUN_ALL_TESTS();
}
