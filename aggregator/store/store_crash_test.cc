// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A child writes and says through a pipe what was acknowledged; it is killed at each failpoint, at
// its first passing and later ones, and at random moments. Whatever was acknowledged is there
// afterwards, nothing is there in part, and the next process goes on.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "aggregator/store/disk_testing.h"
#include "aggregator/store/failpoint.h"
#include "aggregator/store/store_testing.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

const std::string kId(16, 'a');
constexpr int kBatches = 12;
constexpr int kPerBatch = 3;
constexpr uint64_t kCheckpoints = 4;

// Batch 0 to kBatches - 1, and the end.
std::vector<Operation> Batch(int number) {
  std::vector<Operation> operations;
  for (int i = 0; i < kPerBatch; ++i) {
    operations.push_back(Message(Phase::kAdvertiseKeys,
                                 static_cast<uint8_t>(kPerBatch * number + i),
                                 std::string(static_cast<size_t>(1500 * i + number), 'm')));
  }
  if (number == kBatches) operations = {FinishSession{}};
  return operations;
}

std::string CheckpointBytes(uint64_t generation) {
  return std::string(100'000 + static_cast<size_t>(generation), static_cast<char>(generation));
}

// Where the child dies.
const char* death_point = "";
std::atomic<int> death_passing = 0;
int passed_pipe = -1;
void DieHere(const char* name) {
  if (passed_pipe >= 0) {
    const std::string line = std::string(name) + "\n";
    if (write(passed_pipe, line.data(), line.size()) < 0) _exit(3);
  }
  if (std::strcmp(name, death_point) == 0 && --death_passing == 0) raise(SIGKILL);
}

// Up to three writes at a time, so that batches of more than one come about; a byte for each
// acknowledgement, 's' or 'b'.
void Work(const std::string& directory, int pipe) {
  StorageOptions options;
  options.directory = directory;
  auto storage = OpenStorage(options);
  if (!storage.ok()) _exit(2);
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  auto acknowledged = [&](char what) {
    return [&, what](absl::Status status) {
      if (!status.ok() || write(pipe, &what, 1) != 1) _exit(3);
      const std::lock_guard<std::mutex> lock(mutex);
      --waiting;
      changed.notify_all();
    };
  };
  auto wait_for_less_than = [&](int count) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return waiting < count; });
    ++waiting;
  };
  wait_for_less_than(1);
  storage->sessions->CreateSession(MakeSession('a'), acknowledged('s'));
  uint64_t generation = 0;
  for (int number = 0; number <= kBatches; ++number) {
    wait_for_less_than(3);
    storage->sessions->Commit({kId, 1}, Batch(number), At(number), acknowledged('s'));
    if (number % 3 != 2) continue;
    wait_for_less_than(3);
    auto bytes = std::make_shared<const std::string>(CheckpointBytes(++generation));
    storage->blobs->Write({kId, BlobKind::kCheckpoint, generation}, bytes, acknowledged('b'));
    if (generation > 2) storage->blobs->RemoveCheckpointsBefore(kId, generation - 1);
  }
  wait_for_less_than(1);
  *storage = {};
  _exit(0);
}

class CrashTest : public DiskTest {
 protected:
  // Without its syncs SQLite would do other things between two failpoints.
  CrashTest() { sqlite::FaultyDisk::without_sync = false; }

  struct Life {
    int stored = 0;        // Acknowledged by the session store: the creation, then the batches.
    uint64_t written = 0;  // By the blob store.
    bool killed = false;
    std::set<std::string> passed;
  };

  // Kills it once this many acknowledgements have come, if they come; -1: only the failpoint does.
  Life RunChild(int kill_after) {
    std::filesystem::remove_all(directory_);
    int acknowledgements[2];
    int passed[2];
    EXPECT_EQ(pipe(acknowledgements) + pipe(passed), 0);
    const pid_t child = fork();
    if (child == 0) {
      passed_pipe = passed[1];
      failpoint_hook = DieHere;
      Work(directory_, acknowledgements[1]);
    }
    close(acknowledgements[1]);
    close(passed[1]);
    Life life;
    char what = 0;
    int count = 0;
    while (count != kill_after && read(acknowledgements[0], &what, 1) == 1) {
      ++count;
      what == 's' ? void(++life.stored) : void(++life.written);
    }
    if (kill_after >= 0) kill(child, SIGKILL);
    // What it said between the last look and its death counts too.
    while (read(acknowledgements[0], &what, 1) == 1) {
      what == 's' ? void(++life.stored) : void(++life.written);
    }
    std::string names;
    char buffer[4096];
    for (ssize_t got; (got = read(passed[0], buffer, sizeof(buffer))) > 0;) {
      names.append(buffer, static_cast<size_t>(got));
    }
    for (size_t from = 0, to; (to = names.find('\n', from)) != std::string::npos; from = to + 1) {
      life.passed.insert(names.substr(from, to - from));
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    life.killed = WIFSIGNALED(status);
    EXPECT_TRUE(life.killed || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
    close(acknowledgements[0]);
    close(passed[0]);
    return life;
  }

  void Check(const Life& life) {
    Open();
    CheckOperations(life);
    CheckCheckpoints(life);
    if (storage_.sessions != nullptr) GoOn();
    Close();
  }

  void CheckOperations(const Life& life) {
    const auto taken = sessions().Take(kId);
    if (life.stored == 0 && absl::IsNotFound(taken.status())) return;
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_EQ(taken->session, MakeSession('a'));
    std::vector<Operation> expected;
    int batches = 0;
    for (; batches <= kBatches && expected.size() < taken->operations.size(); ++batches) {
      for (const Operation& operation : Batch(batches)) expected.push_back(operation);
    }
    EXPECT_EQ(OperationsOf(*taken), expected);  // Whole batches, in order.
    EXPECT_GE(batches + 1, life.stored);
  }

  void CheckCheckpoints(const Life& life) {
    blobs().RemoveOthers({kId});
    const auto latest = blobs().LatestCheckpoint(kId);
    ASSERT_TRUE(latest.ok()) << latest.status();
    EXPECT_GE(latest->has_value() ? (*latest)->generation : 0, life.written);
    if (latest->has_value()) {
      EXPECT_EQ((*latest)->bytes, CheckpointBytes((*latest)->generation));
    }
  }

  // All that the child had to do is asked for again, as if nobody knew how far it got.
  void GoOn() {
    EXPECT_TRUE(Create(sessions(), MakeSession('a')).ok());
    const auto taken = sessions().Take(kId);
    ASSERT_TRUE(taken.ok());
    for (int number = 0; number <= kBatches; ++number) {
      EXPECT_TRUE(Store(sessions(), taken->claim, Batch(number)).ok());
    }
    EXPECT_EQ(sessions().Take(kId)->operations.size(), size_t{kBatches * kPerBatch + 1});
    EXPECT_TRUE(
        Write(blobs(), {kId, BlobKind::kCheckpoint, kCheckpoints + 1}, CheckpointBytes(9)).ok());
  }
};

TEST_F(CrashTest, EveryFailpointIsPassedAndListed) {
  const Life life = RunChild(-1);
  EXPECT_FALSE(life.killed);
  EXPECT_EQ(life.stored, kBatches + 2);
  EXPECT_EQ(life.written, kCheckpoints);
  EXPECT_EQ(life.passed,
            std::set<std::string>(std::begin(kStoreFailpoints), std::end(kStoreFailpoints)));
  Check(life);
}

class FailpointTest : public CrashTest, public testing::WithParamInterface<const char*> {};

TEST_P(FailpointTest, KilledThere) {
  death_point = GetParam();
  int deaths = 0;
  for (int passing = 1; passing <= 4; ++passing) {
    death_passing = passing;
    const Life life = RunChild(-1);
    deaths += life.killed ? 1 : 0;
    Check(life);
  }
  EXPECT_GE(deaths, 2);
  death_point = "";
}

INSTANTIATE_TEST_SUITE_P(All, FailpointTest, testing::ValuesIn(kStoreFailpoints));

TEST_F(CrashTest, KilledAtRandom) {
  std::mt19937 random(1);
  int killed = 0;
  for (int i = 0; i < 40; ++i) {
    const Life life = RunChild(static_cast<int>(random() % (kBatches + kCheckpoints + 2)));
    killed += life.killed ? 1 : 0;
    Check(life);
  }
  EXPECT_GT(killed, 20);
}

}  // namespace
}  // namespace veilsum::aggregator
