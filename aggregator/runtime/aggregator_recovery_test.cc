// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What an aggregator makes of a data directory that something has happened to. That sessions go on
// with their clients is tested over gRPC.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "aggregator/config/task_rules.h"
#include "aggregator/runtime/aggregator.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

v1::Task MakeTask() {
  v1::Task task;
  SetDefaultPolicies(task);
  task.set_task_id("task");
  task.mutable_vector()->set_dimension(1);
  task.mutable_vector()->set_clip(1);
  task.mutable_vector()->set_quantisation_bits(8);
  task.mutable_vector()->set_max_weight(1);
  task.set_tier(v1::TIER_SEMI_HONEST);
  task.set_graph(v1::GRAPH_RULE_COMPLETE);
  task.set_min_survivors(2);
  task.set_max_clients(10);
  task.set_audience(v1::AUDIENCE_BOTH);
  const absl::StatusOr<v1::Task> checked = CheckTask(task);
  EXPECT_TRUE(checked.ok()) << checked.status();
  return *checked;
}

class AggregatorRecoveryTest : public ::testing::Test {
 protected:
  AggregatorRecoveryTest()
      : directory_(fs::path(::testing::TempDir()) /
                   ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(directory_);
  }
  ~AggregatorRecoveryTest() override { Stop(); }

  absl::StatusOr<Aggregator::Recovered> Start() {
    StorageOptions storage;
    storage.directory = directory_;
    auto opened = OpenStorage(std::move(storage));
    EXPECT_TRUE(opened.ok()) << opened.status();
    AggregatorOptions options;
    options.tasks = {MakeTask()};
    options.admits = [](const IdentityPublicKey&) { return true; };
    options.pending_upload_bytes = 10'000;
    options.kept_results = kept_results_;
    options.storage = *std::move(opened);
    options.random = [this](absl::Span<uint8_t> out) {
      std::fill(out.begin(), out.end(), ++byte_);
    };
    executors_ = std::make_unique<Executors>(2);
    aggregator_ = std::make_shared<Aggregator>(std::move(options), *executors_, recorder_);
    return aggregator_->Recover();
  }
  void Stop() {
    if (aggregator_ == nullptr) return;
    std::promise<void> stopped;
    aggregator_->Stop([&] { stopped.set_value(); });
    stopped.get_future().get();
    executors_->Join();
    aggregator_ = nullptr;
    executors_ = nullptr;
  }

  template <class T>
  absl::StatusOr<T> Ask(const std::function<void(Answer<T>)>& call) {
    std::promise<absl::StatusOr<T>> promise;
    call([&](absl::StatusOr<T> answer) { promise.set_value(std::move(answer)); });
    return promise.get_future().get();
  }
  std::string StartSession() {
    v1::StartSessionRequest request;
    request.set_task_id("task");
    const auto session = Ask<v1::Session>(
        [&](Answer<v1::Session> answer) { aggregator_->StartSession(request, answer); });
    EXPECT_TRUE(session.ok()) << session.status();
    return session->session_id();
  }
  // Ended, with this in its report.
  std::string AbortedSession(const std::string& detail) {
    v1::AbortSessionRequest request;
    request.set_session_id(StartSession());
    request.set_detail(detail);
    const auto session = Ask<v1::Session>(
        [&](Answer<v1::Session> answer) { aggregator_->AbortSession(request, answer); });
    EXPECT_TRUE(session.ok()) << session.status();
    return session->session_id();
  }
  v1::Session GetSession(const std::string& session_id) {
    const auto session = Ask<v1::Session>(
        [&](Answer<v1::Session> answer) { aggregator_->GetSession(session_id, answer); });
    EXPECT_TRUE(session.ok()) << session.status();
    return *session;
  }
  // But for the time that it took, which is measured by another clock than what is stored.
  static std::string Untimed(v1::Session session) {
    session.clear_elapsed_ms();
    return session.DebugString();
  }

  // Another report that parses, in the place of the one that is stored: of its reason, one letter.
  // The operations, which say the same, stay.
  void TamperWithTheReport(const std::string& report, const std::string& word) {
    ChangeAByte(report, report.find(word));
  }
  // Of the database, in the place of what it holds once.
  void ChangeAByte(const std::string& what, size_t offset) {
    const fs::path database = directory_ / "sessions.sqlite";
    std::string bytes = ReadFile(database);
    const size_t at = bytes.find(what);
    ASSERT_NE(at, std::string::npos);
    ++bytes[at + offset];
    std::ofstream(database, std::ios::binary | std::ios::trunc) << bytes;
  }
  static std::string ReadFile(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool IsInAFile(const std::string& what) {
    for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
      if (entry.is_regular_file() && absl::StrContains(ReadFile(entry.path()), what)) return true;
    }
    return false;
  }

  // What an aggregator that was killed since would have stored of a session besides.
  struct Stored {
    std::vector<Operation> operations = {};
    v1::Session report = {};
    std::vector<BlobName> blobs = {};
  };
  void Store(const std::string& session_id, Stored stored) {
    StorageOptions options;
    options.directory = directory_;
    const auto storage = OpenStorage(std::move(options));
    ASSERT_TRUE(storage.ok()) << storage.status();
    const auto expect_ok = [](const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; };
    const Claim claim = storage->sessions->Take(session_id)->claim;
    storage->sessions->Commit(claim, std::move(stored.operations), absl::Now(), expect_ok);
    if (!stored.report.session_id().empty()) {
      storage->sessions->PutReport(claim, stored.report.SerializeAsString(), expect_ok);
    }
    for (const BlobName& blob : stored.blobs) {
      storage->blobs->Write(blob, std::make_shared<const std::string>("a blob"), expect_ok);
    }
  }
  fs::path BlobsOf(const std::string& session_id) {
    return directory_ / "blobs" / absl::BytesToHexString(session_id);
  }

  const fs::path directory_;
  uint64_t kept_results_ = 16;
  uint8_t byte_ = 0;
  metrics::NullRecorder recorder_;
  std::unique_ptr<Executors> executors_;
  std::shared_ptr<Aggregator> aggregator_;
};

TEST_F(AggregatorRecoveryTest, ADamagedReportIsMadeAgainFromTheOperations) {
  ASSERT_TRUE(Start().ok());
  const std::string session_id = AbortedSession("enough of it");
  const v1::Session before = GetSession(session_id);
  EXPECT_THAT(before.abort_detail(), HasSubstr("enough of it"));
  Stop();
  TamperWithTheReport(before.SerializeAsString(), "enough of it");
  auto recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->ended, 1u);
  EXPECT_EQ(Untimed(GetSession(session_id)), Untimed(before));
  // And is stored so: with nothing to make it from, it is still there.
  Stop();
  kept_results_ = 0;
  ASSERT_TRUE(Start().ok());
  Stop();
  recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->ended, 1u);
  EXPECT_EQ(Untimed(GetSession(session_id)), Untimed(before));
}

TEST_F(AggregatorRecoveryTest, ADamagedReportWithNothingToMakeItFromIsLost) {
  kept_results_ = 0;
  ASSERT_TRUE(Start().ok());
  const std::string session_id = AbortedSession("enough of it");
  const std::string report = GetSession(session_id).SerializeAsString();
  Stop();
  TamperWithTheReport(report, "enough of it");
  const auto recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->lost, 1u);
  const v1::Session lost = GetSession(session_id);
  EXPECT_EQ(lost.session_id(), session_id);
  EXPECT_EQ(lost.state(), v1::SESSION_STATE_ABORTED);
  EXPECT_EQ(lost.abort_reason(), v1::REASON_STORAGE_FAILED);
}

// Its receipts may be in it.
TEST_F(AggregatorRecoveryTest, WithoutKnowingItsCheckpointNoSessionGoesOnOrEnds) {
  ASSERT_TRUE(Start().ok());
  const std::string session_id = StartSession();
  Stop();
  const fs::path checkpoints = BlobsOf(session_id);
  std::ofstream(checkpoints) << "no directory";
  const absl::Status refused = Start().status();
  EXPECT_TRUE(absl::IsInternal(refused)) << refused;
  EXPECT_EQ(ReasonOf(refused), v1::REASON_STORAGE_FAILED);
  EXPECT_THAT(std::string(refused.message()), HasSubstr(checkpoints.string()));
  Stop();
  fs::remove(checkpoints);
  const auto recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->running, 1u);
}

PutMessage ShareOf(const std::string& bytes) {
  std::array<uint8_t, IdentityPublicKey::kSize> identity = {};
  identity.back() = 7;
  return {Phase::kShareKeys, *IdentityPublicKey::Parse(identity),
          crypto::Sha256(crypto::AsBytes(bytes)), bytes};
}

TEST_F(AggregatorRecoveryTest, ADamagedSessionIsLostOnceAndLeavesNoShare) {
  ASSERT_TRUE(Start().ok());
  const std::string session_id = StartSession();
  Stop();
  const std::string share = "the share of a client, in a message";
  Store(session_id, {.operations = {ShareOf(share + share)},
                     .blobs = {{session_id, BlobKind::kCheckpoint, 1}}});
  ChangeAByte(share + share, share.size());
  ASSERT_TRUE(IsInAFile(share));
  auto recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->lost, 1u);
  const v1::Session lost = GetSession(session_id);
  EXPECT_EQ(lost.state(), v1::SESSION_STATE_ABORTED);
  EXPECT_EQ(lost.abort_reason(), v1::REASON_STORAGE_FAILED);
  Stop();
  EXPECT_FALSE(IsInAFile(share));
  EXPECT_FALSE(fs::exists(BlobsOf(session_id)));
  recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->lost, 0u);
  EXPECT_EQ(recovered->ended, 1u);
  EXPECT_EQ(GetSession(session_id).DebugString(), lost.DebugString());
}

TEST_F(AggregatorRecoveryTest, ASessionWithADamagedCheckpointIsLostOnce) {
  ASSERT_TRUE(Start().ok());
  const std::string session_id = StartSession();
  Stop();
  Store(session_id, {.blobs = {{session_id, BlobKind::kCheckpoint, 1}}});
  auto recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->lost, 1u);
  const v1::Session lost = GetSession(session_id);
  Stop();
  EXPECT_FALSE(fs::exists(BlobsOf(session_id)));
  recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->ended, 1u);
  EXPECT_EQ(GetSession(session_id).DebugString(), lost.DebugString());
}

// Not to be taken for one that nobody has uploaded to yet: receipts were given.
TEST_F(AggregatorRecoveryTest, ASessionWhoseCheckpointIsGoneIsLost) {
  ASSERT_TRUE(Start().ok());
  const std::string session_id = StartSession();
  Stop();
  Store(session_id, {.operations = {KeepCheckpoint{2}}});
  const auto recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->lost, 1u);
  const v1::Session lost = GetSession(session_id);
  EXPECT_EQ(lost.abort_reason(), v1::REASON_STORAGE_FAILED);
  EXPECT_THAT(lost.abort_detail(), HasSubstr("checkpoint 2"));
}

// As if the process had been killed between their ends and the removal.
TEST_F(AggregatorRecoveryTest, WhatLedToTheEndOfASessionGoesAtTheNextStart) {
  ASSERT_TRUE(Start().ok());
  const std::string aborted = AbortedSession("enough of it");
  const std::string completed = StartSession();
  v1::Session report = GetSession(completed);
  report.set_state(v1::SESSION_STATE_COMPLETED);
  Stop();
  Store(aborted, {.blobs = {{aborted, BlobKind::kCheckpoint, 3}, {aborted, BlobKind::kResult}}});
  // It is damaged, too: its operations do not lead to this end.
  Store(completed,
        {.operations = {FinishSession{}},
         .report = report,
         .blobs = {{completed, BlobKind::kCheckpoint, 3}, {completed, BlobKind::kResult}}});
  const auto recovered = Start();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->ended, 1u);
  EXPECT_EQ(recovered->lost, 1u);
  EXPECT_EQ(GetSession(completed).state(), v1::SESSION_STATE_COMPLETED);
  Stop();
  EXPECT_FALSE(fs::exists(BlobsOf(aborted)));
  EXPECT_FALSE(fs::exists(BlobsOf(completed) / "checkpoint-3"));
  EXPECT_TRUE(fs::exists(BlobsOf(completed) / "result"));
}

}  // namespace
}  // namespace veilsum::aggregator
