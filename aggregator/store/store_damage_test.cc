// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Flipped and missing bytes, in the database and in blobs: loud, or without effect; never something
// else than was written.

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/store/disk_testing.h"
#include "aggregator/store/store_testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

namespace fs = std::filesystem;
using testing::SizeIs;

const std::vector<std::string> kIds = {std::string(16, 'a'), std::string(16, 'b'),
                                       std::string(16, 'c')};

// A part of many shares of the session b.
const std::string kShare(100, 'b');

std::vector<Operation> OperationsFor(const std::string& id) {
  std::vector<Operation> operations;
  for (uint8_t i = 0; i < 12; ++i) {
    operations.push_back(Message(Phase::kShareKeys, i, std::string(size_t{200} * i, id[0])));
  }
  operations.push_back(DropClient{Client(1), Phase::kShareKeys, v1::REASON_LATE, "late"});
  operations.push_back(ClosePhase{Phase::kShareKeys});
  operations.push_back(KeepCheckpoint{2});
  operations.push_back(FreezeSurvivors{"\x07", crypto::Digest{1}, 2});
  return operations;
}

class DamageTest : public DiskTest {
 protected:
  void Fill() {
    Open();
    for (const std::string& id : kIds) {
      ASSERT_TRUE(PutTask(sessions(), {"task " + id, "words " + id}).ok());
      ASSERT_TRUE(Create(sessions(), MakeSession(id[0], id[0])).ok());
      ASSERT_TRUE(Store(sessions(), {id, 1}, OperationsFor(id)).ok());
      ASSERT_TRUE(Report(sessions(), {id, 1}, "report " + id).ok());
    }
    Close();
  }

  // How many sessions were given back as they were written; -1: the directory was refused.
  int CountWhole() {
    auto storage = OpenStorage(Options());
    if (!storage.ok()) return -1;
    SessionStore& store = *storage->sessions;
    CheckTasks(store);
    const auto summaries = store.Sessions();
    if (summaries.ok()) {
      EXPECT_THAT(*summaries, SizeIs(kIds.size()));
      for (const SessionSummary& summary : *summaries) {
        if (summary.damaged) continue;
        EXPECT_EQ(summary.report, "report " + summary.session_id);
        EXPECT_FALSE(summary.ended || summary.forgotten);
      }
    }
    int whole = 0;
    for (const std::string& id : kIds) {
      const auto taken = store.Take(id);
      if (!taken.ok()) continue;
      ++whole;
      EXPECT_EQ(taken->session, MakeSession(id[0], id[0]));
      EXPECT_EQ(OperationsOf(*taken), OperationsFor(id));
      EXPECT_EQ(taken->claim.fence, 2u);
    }
    return whole;
  }

  // Ends every session that is damaged, and looks for its shares.
  void EndTheDamaged() {
    Open();
    const auto listed = sessions().Sessions();
    for (const SessionSummary& summary : *listed) {
      if (!absl::IsDataLoss(sessions().Take(summary.session_id).status())) continue;
      const absl::Status ended = EndDamaged(sessions(), summary.session_id, "");
      EXPECT_TRUE(ended.ok()) << ended;
    }
    std::string gone;
    for (const std::string& id : kIds) {
      if (!sessions().Take(id).ok()) gone += id[0];
    }
    Close();
    for (const char id : gone) EXPECT_FALSE(IsInAFile(std::string(100, id))) << id;
  }

  // A damaged session of which shares are there, which nobody has ended; the others are whole.
  void EndAndErase(const std::string& id) {
    Open();
    ASSERT_FALSE(sessions().Take(id).ok());
    ASSERT_TRUE(IsInAFile(kShare));
    ASSERT_TRUE(EndDamaged(sessions(), id, "it is damaged").ok());
    const auto summary = [&]() -> std::optional<SessionSummary> {
      const auto listed = sessions().Sessions();
      for (const SessionSummary& one : *listed) {
        if (one.session_id == id) return one;
      }
      return std::nullopt;
    };
    EXPECT_EQ(summary(), (SessionSummary{id, true, true, "it is damaged"}));
    EXPECT_FALSE(Report(sessions(), {id, 1}, "goes on").ok());
    EXPECT_FALSE(IsInAFile(kShare));
    Close();
    Open();
    EXPECT_EQ(summary(), (SessionSummary{id, true, true, "it is damaged"}));
    EXPECT_TRUE(Erase(sessions(), id).ok());
    EXPECT_EQ(summary(), std::nullopt);
    for (const std::string& whole : {kIds[0], kIds[2]}) {
      EXPECT_EQ(OperationsOf(*sessions().Take(whole)), OperationsFor(whole));
    }
  }

  void CheckTasks(SessionStore& store) {
    const auto tasks = store.Tasks();
    if (!tasks.ok()) return;
    EXPECT_THAT(*tasks, SizeIs(kIds.size()));
    for (const StoredTask& task : *tasks) {
      if (task.damaged) continue;
      EXPECT_EQ("words " + task.task_id.substr(5), task.task);
    }
  }
};

TEST_F(DamageTest, FlippedBytesOfTheDatabase) {
  Fill();
  const std::string good = ReadBytes(Database());
  ASSERT_EQ(CountWhole(), 3);
  int counts[5] = {};
  // Dense where the header of the file is, and a prime step everywhere. (With a step of 37, 5 of
  // 3,000 offsets leave shares in the file: those of a row that SQLite does not know of any more, or
  // cannot erase.)
  for (size_t offset = 0; offset < good.size(); offset += offset < 100 ? 7 : 211) {
    std::string bad = good;
    bad[offset] = static_cast<char>(bad[offset] ^ (offset % 2 == 0 ? 0xff : 0x01));
    fs::remove(Database().string() + "-wal");
    WriteBytes(Database(), bad);
    SCOPED_TRACE(offset);
    const int whole = CountWhole();
    ++counts[whole + 1];
    if (whole == 2) EndTheDamaged();
    if (HasFailure()) break;
  }
  // All of it really happens: refused, one session lost, none lost.
  EXPECT_GT(counts[0], 0);
  EXPECT_GT(counts[3], 10);
  EXPECT_GT(counts[4], 0);
  EXPECT_EQ(counts[1] + counts[2], 0);
}

TEST_F(DamageTest, CutOffDatabase) {
  Fill();
  const std::string good = ReadBytes(Database());
  for (size_t size = 1; size < good.size(); size += 4096 - 1) {
    fs::remove(Database().string() + "-wal");
    WriteBytes(Database(), good.substr(0, size));
    const int whole = CountWhole();
    // The end of the last page may be empty.
    if (size + 4096 < good.size()) {
      EXPECT_EQ(whole, -1) << size;
    }
  }
}

// A statement that changes something which SQLite has no checksum of.
class TamperTest : public DamageTest, public testing::WithParamInterface<const char*> {};

TEST_P(TamperTest, CostsThatSessionAlone) {
  Fill();
  Tamper(GetParam());
  ASSERT_GT(changed_rows_, 0);
  EXPECT_EQ(CountWhole(), 2);
  Open();
  const std::string id = kIds[1];
  EXPECT_TRUE(absl::IsDataLoss(sessions().Take(id).status())) << sessions().Take(id).status();
}

TEST_P(TamperTest, ThatSessionCanBeEndedAndErased) {
  Fill();
  Tamper(GetParam());
  EndAndErase(kIds[1]);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, TamperTest,
    testing::Values(
        "UPDATE operations SET bytes = x'00' WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB) "
        "AND sequence = 3",
        "UPDATE operations SET bytes = NULL WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB) "
        "AND sequence = 3",
        "DELETE FROM operations WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB) "
        "AND sequence = 14",
        "DELETE FROM operations WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB) "
        "AND sequence = 0",
        "UPDATE operations SET stored = stored + 1 "
        "WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB)",
        // Rows of two sessions, mixed up.
        "UPDATE operations SET bytes = x'', bytes_checksum = (SELECT bytes_checksum FROM "
        "operations WHERE session_id = CAST('aaaaaaaaaaaaaaaa' AS BLOB) AND sequence = 0) "
        "WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB) AND sequence = 0",
        "UPDATE headers SET header = x'11' WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB)",
        "DELETE FROM headers WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB)",
        "UPDATE sessions SET ended = 1 WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB)",
        // No slot of a share any more, though it holds one.
        "UPDATE operations SET slot = x'07' || slot "
        "WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB) AND sequence = 11",
        "UPDATE sessions SET created = 'x', fence = 'x' "
        "WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB)",
        "UPDATE sessions SET fence = 9 WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB)"));

// Then its rows are not found by the session's id.
TEST_F(DamageTest, SharesUnderADamagedIdGoWithTheSession) {
  Fill();
  Tamper(
      "UPDATE operations SET session_id = CAST('bbbbbbbbbbbbbbbc' AS BLOB) "
      "WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB) AND sequence = 11");
  EndAndErase(kIds[1]);
}

TEST_F(DamageTest, SharesOfASessionWhoseIdIsDamagedGoWithIt) {
  Fill();
  const std::string renamed = "bbbbbbbbbbbbbbbc";
  Tamper(
      "UPDATE sessions SET session_id = CAST('bbbbbbbbbbbbbbbc' AS BLOB) "
      "WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB)");
  EndAndErase(renamed);
}

TEST_F(DamageTest, AFlippedByteInAShareLeavesNoShareBehind) {
  Fill();
  std::string bytes = ReadBytes(Database());
  const size_t share = bytes.find(kShare);
  ASSERT_NE(share, std::string::npos);
  bytes[share + 50] ^= 0x01;
  WriteBytes(Database(), bytes);
  fs::remove(Database().string() + "-wal");
  EndAndErase(kIds[1]);
}

TEST_F(DamageTest, DamagedSessionsAreListedAndCanBeErased) {
  Fill();
  Tamper("UPDATE sessions SET operations = 1 WHERE session_id = CAST('bbbbbbbbbbbbbbbb' AS BLOB)");
  Tamper("UPDATE reports SET report = x'01' WHERE session_id = CAST('aaaaaaaaaaaaaaaa' AS BLOB)");
  Tamper("UPDATE sessions SET forgotten = 1 WHERE session_id = CAST('cccccccccccccccc' AS BLOB)");
  Tamper("UPDATE tasks SET task = x'01' WHERE task_id LIKE 'task a%'");
  Open();
  std::string damaged;
  const auto listed = sessions().Sessions();
  for (const SessionSummary& summary : *listed) {
    if (!summary.damaged) continue;
    damaged += summary.session_id[0];
    // Whatever else was read of it may be wrong.
    EXPECT_EQ(summary, (SessionSummary{summary.session_id, false, false, "", true}));
  }
  EXPECT_EQ(damaged, "cba");
  EXPECT_TRUE(sessions().Tasks()->front().damaged);
  EXPECT_TRUE(absl::IsDataLoss(Store(sessions(), {kIds[1], 1}, {FinishSession{}})));
  EXPECT_TRUE(Erase(sessions(), kIds[1]).ok());
  EXPECT_TRUE(Create(sessions(), MakeSession('b')).ok());
}

// The log that a killed process leaves has only SQLite's checksums: what is behind the damage is
// gone, in whole batches.
TEST_F(DamageTest, FlippedBytesOfTheLogCostWholeBatches) {
  Open();
  ASSERT_TRUE(Create(sessions(), MakeSession('a')).ok());
  std::vector<Operation> all;
  for (uint8_t i = 0; i < 6; ++i) {
    const std::vector<Operation> pair = {Message(Phase::kShareKeys, i, "x"),
                                         Message(Phase::kAdvertiseKeys, i, "y")};
    ASSERT_TRUE(Store(sessions(), {kIds[0], 1}, pair).ok());
    all.insert(all.end(), pair.begin(), pair.end());
  }
  // As a killed process would leave it.
  fs::create_directory(base_ / "killed");
  const std::string database = ReadBytes(Database());
  const std::string log = ReadBytes(Database().string() + "-wal");
  ASSERT_GT(log.size(), 10'000u);
  Close();
  directory_ = base_ / "killed";
  fs::permissions(directory_, fs::perms::owner_all);
  int kept_all = 0;
  int kept_some = 0;
  for (size_t offset = 0; offset <= log.size(); offset += 997) {
    std::string bad = log;
    if (offset > 0) bad[offset] = static_cast<char>(bad[offset] ^ 0x10);
    WriteBytes(Database(), database);
    WriteBytes(Database().string() + "-wal", bad);
    auto storage = OpenStorage(Options());
    ASSERT_TRUE(storage.ok()) << storage.status();
    const auto taken = storage->sessions->Take(kIds[0]);
    if (!taken.ok()) {
      EXPECT_TRUE(absl::IsNotFound(taken.status())) << taken.status();
      continue;
    }
    const std::vector<Operation> operations = OperationsOf(*taken);
    ASSERT_LE(operations.size(), all.size());
    EXPECT_EQ(operations.size() % 2, 0u);
    EXPECT_TRUE(std::equal(operations.begin(), operations.end(), all.begin()));
    ++(operations.size() == all.size() ? kept_all : kept_some);
  }
  EXPECT_GT(kept_all, 0);
  EXPECT_GT(kept_some, 0);
}

}  // namespace
}  // namespace veilsum::aggregator
