// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/protocol/durable_session.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/protocol/conversation_testing.h"
#include "crypto/primitives/transcript_hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint32_t kClients = 3;

// Writes down what a session asks for, and does nothing of it by itself. The messages are those of
// a conversation beside it, which went through the same rounds.
class DurableSessionTest : public ::testing::Test {
 protected:
  explicit DurableSessionTest(Durability durability = Durability::kCheckpoint)
      : talk_(TestHeader(kClients)),
        session_(DurableSession::Create(talk_.Options(), durability).value()) {
    Do(session_.Start());
  }

  // ---- What happens ----

  void Step(Event event) { Do(session_.Step(std::move(event))); }
  void Commit(uint64_t batch) { Do(session_.Step(Committed{batch})); }
  void CommitAll() {
    while (committed_ < batches_) Commit(++committed_);
  }
  void Fold(uint32_t i, absl::Status status = absl::OkStatus()) {
    Do(session_.Step(Folded{Id(i), std::move(status)}));
  }
  void PassTimer() { Do(session_.Step(CheckpointDue{})); }
  void Write(uint64_t generation, absl::Status status = absl::OkStatus()) {
    if (status.ok()) stored_checkpoint_ = generation;
    Do(session_.Step(CheckpointWritten{generation, std::move(status)}));
  }

  void Advertise(uint32_t i) {
    talk_.Advertise(i);
    Step(AdvertiseKeysReceived{Id(i), talk_.Advertisement(i)});
  }
  void Upload(uint32_t i) {
    Step(UploadOpened{Id(i), talk_.OpenUpload(i, talk_.UploadBytes())});
    Step(
        UploadCompleted{Id(i), talk_.UploadDigest(i), talk_.CloseUpload(i, talk_.UploadDigest(i))});
  }
  void Unmask(uint32_t i) {
    const v1::Unmasking body = talk_.UnmaskingBody(i, std::vector<bool>(kClients, true));
    Step(UnmaskingReceived{
        Id(i), talk_.SignBody(i, crypto::ProtocolRound::kUnmasking, body.SerializeAsString())});
  }
  void ToMaskedInput() {
    for (uint32_t i = 0; i < kClients; ++i) Advertise(i);
    for (uint32_t i = 0; i < kClients; ++i) {
      Step(ShareKeysReceived{Id(i), talk_.SignBody(i, crypto::ProtocolRound::kShareKeys,
                                                   talk_.ShareKeysBody(i).SerializeAsString())});
    }
    CommitAll();
    did_.clear();
  }
  void ToUnmasking() {
    ToMaskedInput();
    for (uint32_t i = 0; i < kClients; ++i) Upload(i);
    for (uint32_t i = 0; i < kClients; ++i) Fold(i);
    Write(1);
    CommitAll();
    did_.clear();
  }

  // Gives the process up, and goes on with what is stored.
  absl::Status Restart() {
    auto restored = DurableSession::Restore(talk_.Options(), Stored());
    if (!restored.ok()) return restored.status();
    session_ = *std::move(restored);
    batches_ = committed_ = 0;
    did_.clear();
    Do(session_.Start());
    return absl::OkStatus();
  }
  StoredLog Stored() const {
    StoredLog log;
    for (const auto& [batch, operations] : operations_) {
      log.operations.insert(log.operations.end(), operations.begin(), operations.end());
    }
    log.checkpoint = stored_checkpoint_;
    for (const uint32_t i : in_checkpoint_) {
      log.included.push_back({talk_.client(i).id(), talk_.UploadDigest(i)});
    }
    return log;
  }

  // ---- What was done since: "commit 1", "reply 0 accepted", … ----

  void Do(Actions actions) {
    for (Action& action : actions) did_.push_back(Name(action));
  }
  std::string Name(Action& action) {
    if (auto* commit = std::get_if<aggregator::Commit>(&action)) {
      EXPECT_EQ(commit->batch, ++batches_);
      const size_t count = commit->operations.size();
      last_ = commit->operations;
      operations_.emplace_back(commit->batch, std::move(commit->operations));
      return "commit " + std::to_string(commit->batch) + " of " + std::to_string(count);
    }
    if (const auto* write = std::get_if<WriteCheckpoint>(&action)) {
      in_checkpoint_.clear();
      std::string name = "write " + std::to_string(write->generation) + ":";
      for (const CountedUpload& upload : write->included) {
        in_checkpoint_.push_back(IndexOf(upload.from));
        EXPECT_EQ(upload.digest, talk_.UploadDigest(in_checkpoint_.back()));
        name += " " + std::to_string(in_checkpoint_.back());
      }
      return name;
    }
    if (std::holds_alternative<StartCheckpointTimer>(action)) return "timer";
    return Name(std::get<Effect>(action));
  }
  std::string Name(const Effect& effect) {
    EXPECT_FALSE(std::holds_alternative<Persist>(effect));
    if (const auto* reply = std::get_if<Reply>(&effect)) {
      const std::string what = reply->upload_digest.has_value() ? "receipt " : "reply ";
      return what + std::to_string(IndexOf(reply->to)) + " " +
             (reply->reason == v1::REASON_UNSPECIFIED ? "ok" : v1::Reason_Name(reply->reason));
    }
    if (const auto* send = std::get_if<Send>(&effect)) {
      return "send " + std::to_string(IndexOf(send->to));
    }
    if (const auto* fold = std::get_if<aggregator::Fold>(&effect)) {
      return "fold " + std::to_string(IndexOf(fold->from));
    }
    if (std::holds_alternative<PhaseStarted>(effect)) return "started";
    if (std::holds_alternative<PhaseClosed>(effect)) return "closed";
    if (std::holds_alternative<Progress>(effect)) return "progress";
    if (std::holds_alternative<ClientDropped>(effect)) return "dropped";
    if (std::holds_alternative<aggregator::Unmask>(effect)) return "unmask";
    if (const auto* finished = std::get_if<Finished>(&effect)) {
      return "finished " + v1::Reason_Name(finished->reason);
    }
    return "other";
  }
  std::vector<std::string> Did() { return std::exchange(did_, {}); }
  // Without what only shows how far it is.
  std::vector<std::string> DidBesides(const std::string& left_out) {
    std::vector<std::string> kept;
    for (std::string& name : Did()) {
      if (name.rfind(left_out, 0) != 0 && name != "progress") kept.push_back(std::move(name));
    }
    return kept;
  }

  const IdentityPublicKey& Id(uint32_t i) { return talk_.client(i).id(); }
  uint32_t IndexOf(const IdentityPublicKey& identity) {
    uint32_t i = 0;
    while (Id(i) != identity) ++i;
    return i;
  }

  mutable Conversation talk_;
  uint64_t batches_ = 0;
  uint64_t committed_ = 0;
  std::vector<std::pair<uint64_t, std::vector<Operation>>> operations_;
  std::vector<Operation> last_;
  uint64_t stored_checkpoint_ = 0;
  std::vector<uint32_t> in_checkpoint_;  // Of the one that was asked for last.
  std::vector<std::string> did_;
  DurableSession session_;
};

TEST_F(DurableSessionTest, NothingLeavesBeforeItsCommit) {
  EXPECT_THAT(Did(), ElementsAre("started"));
  Advertise(0);
  EXPECT_THAT(Did(), ElementsAre("commit 1 of 1"));
  Advertise(1);
  EXPECT_THAT(Did(), ElementsAre("commit 2 of 1"));
  // What needs no commit waits for those before it.
  Step(ClientResumed{Id(0)});
  EXPECT_THAT(Did(), IsEmpty());
  Commit(1);
  EXPECT_THAT(Did(), ElementsAre("reply 0 ok", "progress"));
  Commit(2);
  EXPECT_THAT(Did(), ElementsAre("reply 1 ok", "progress", "send 0", "send 0"));
  // And there is nothing to wait for here.
  Step(ClientResumed{Id(1)});
  EXPECT_THAT(Did(), ElementsAre("send 1", "send 1"));
}

// Or what is told to everybody would come to a client that is back ahead of what it missed.
TEST_F(DurableSessionTest, WhoComesBackHearsFromTheBeginning) {
  for (uint32_t i = 0; i < 3; ++i) Advertise(i);
  Step(ClientResumed{Id(1)});
  Did();
  CommitAll();
  std::vector<std::string> told = Did();
  EXPECT_EQ(std::count(told.begin(), told.end(), "send 0"), 2);  // Roster and entries.
  // That its keys are in, the offer, roster and entries: after the phase started.
  EXPECT_EQ(std::count(told.begin(), told.end(), "send 1"), 4);
  told.resize(told.size() - 4);
  EXPECT_EQ(told.back(), "started");
  EXPECT_EQ(std::count(told.begin(), told.end(), "send 1"), 0);
}

TEST_F(DurableSessionTest, CommitsAStepAsAWhole) {
  Advertise(0);
  Advertise(1);
  CommitAll();
  Did();
  Advertise(2);
  EXPECT_THAT(Did(), ElementsAre("commit 3 of 2"));
  EXPECT_TRUE(std::holds_alternative<PutMessage>(last_[0]));
  EXPECT_EQ(std::get<ClosePhase>(last_[1]), (ClosePhase{Phase::kAdvertiseKeys, 3}));
  Commit(3);
  EXPECT_EQ(Did().back(), "started");
}

TEST_F(DurableSessionTest, ReceiptsComeWithTheCheckpoint) {
  ToMaskedInput();
  Upload(0);
  EXPECT_THAT(Did(), ElementsAre("reply 0 ok", "fold 0"));
  Fold(0);
  EXPECT_THAT(Did(), ElementsAre("timer"));
  Upload(1);
  EXPECT_THAT(Did(), ElementsAre("reply 1 ok", "fold 1"));
  PassTimer();
  EXPECT_THAT(Did(), ElementsAre("write 1: 0"));
  Fold(1);  // Too late for this one.
  EXPECT_THAT(Did(), IsEmpty());
  Write(1);
  EXPECT_THAT(Did(), ElementsAre("commit 7 of 1", "timer"));
  EXPECT_EQ(std::get<KeepCheckpoint>(last_[0]).generation, 1u);
  Commit(7);
  EXPECT_THAT(Did(), ElementsAre("receipt 0 ok", "progress"));
  PassTimer();
  EXPECT_THAT(Did(), ElementsAre("write 2: 0 1"));
  Write(2);
  EXPECT_THAT(Did(), ElementsAre("commit 8 of 1"));
  Commit(8);
  EXPECT_THAT(Did(), ElementsAre("receipt 1 ok", "progress"));
  PassTimer();  // Nothing is left for it.
  EXPECT_THAT(Did(), IsEmpty());
}

TEST_F(DurableSessionTest, WritesTheLastCheckpointAtOnceAndFreezesWhatItHolds) {
  ToMaskedInput();
  for (uint32_t i = 0; i < kClients; ++i) Upload(i);
  Did();
  Fold(0);
  EXPECT_THAT(Did(), ElementsAre("timer"));  // Two more are under way.
  Fold(2);
  EXPECT_THAT(Did(), IsEmpty());
  Fold(1);
  EXPECT_THAT(Did(), ElementsAre("write 1: 0 2 1"));
  Write(1);
  EXPECT_THAT(Did(), ElementsAre("commit 7 of 1", "commit 8 of 1"));
  const FreezeSurvivors& freeze = std::get<FreezeSurvivors>(last_[0]);
  EXPECT_EQ(freeze.checkpoint, 1u);
  EXPECT_EQ(freeze.survivors, "\x07");
  EXPECT_TRUE(freeze.survivor_root.has_value());
  Commit(7);
  EXPECT_THAT(Did(), ElementsAre("receipt 0 ok", "progress", "receipt 2 ok", "progress",
                                 "receipt 1 ok", "progress"));
  Commit(8);
  EXPECT_THAT(Did(), ElementsAre("closed", "send 0", "send 1", "send 2", "started"));
}

TEST_F(DurableSessionTest, AFailedCheckpointWaitsForTheNextTimer) {
  ToMaskedInput();
  Upload(0);
  Fold(0);
  PassTimer();
  Upload(1);
  Fold(1);
  Did();
  Write(1, absl::UnavailableError("disk"));
  EXPECT_THAT(Did(), ElementsAre("timer"));
  Upload(2);
  Fold(2);  // All are there, and still it is not tried at once.
  EXPECT_THAT(Did(), ElementsAre("reply 2 ok", "fold 2"));
  PassTimer();
  EXPECT_THAT(Did(), ElementsAre("write 2: 0 1 2"));
  Write(1);  // Of long ago.
  EXPECT_THAT(Did(), IsEmpty());
  Write(2);
  EXPECT_EQ(std::get<FreezeSurvivors>(last_[0]).checkpoint, 2u);
}

TEST_F(DurableSessionTest, AbortsIfTheLastCheckpointFails) {
  ToMaskedInput();
  Upload(0);
  Upload(1);
  Fold(0);
  Did();
  Step(DeadlinePassed{Phase::kMaskedInputCollection});
  EXPECT_THAT(Did(), IsEmpty());  // One fold is under way.
  Fold(1);
  EXPECT_THAT(Did(), ElementsAre("write 1: 0 1"));
  Write(1, absl::UnavailableError("disk"));
  // The uploads are told, behind the end.
  EXPECT_THAT(Did(), ElementsAre("commit 7 of 1"));
  EXPECT_EQ(std::get<FinishSession>(last_[0]).reason, v1::REASON_STORAGE_FAILED);
  Commit(7);
  EXPECT_THAT(DidBesides("send"), ElementsAre("finished REASON_STORAGE_FAILED",
                                              "reply 0 REASON_LATE", "reply 1 REASON_LATE"));
}

TEST_F(DurableSessionTest, TheLastCheckpointComesAfterTheOneThatIsBeingWritten) {
  ToMaskedInput();
  Upload(0);
  Fold(0);
  PassTimer();
  Upload(1);
  Fold(1);
  Step(DeadlinePassed{Phase::kMaskedInputCollection});
  Did();
  Write(1);
  EXPECT_THAT(Did(), ElementsAre("commit 7 of 1", "write 2: 0 1"));
  Write(2);
  EXPECT_EQ(std::get<FreezeSurvivors>(last_[0]).survivors, "\x03");
}

TEST_F(DurableSessionTest, AnAbortAnswersWhoeverWaits) {
  ToMaskedInput();
  Upload(0);
  Upload(1);
  Upload(2);
  Fold(0);
  PassTimer();
  Fold(1);
  Did();
  Step(AbortRequested{v1::REASON_ABORTED_BY_OPERATOR, "enough"});
  CommitAll();
  EXPECT_THAT(DidBesides("send"),
              ElementsAre("commit 7 of 1", "finished REASON_ABORTED_BY_OPERATOR",
                          "reply 0 REASON_LATE", "reply 1 REASON_LATE"));
  Fold(2);
  EXPECT_THAT(Did(), ElementsAre("reply 2 REASON_LATE"));
  Write(1);
  PassTimer();
  EXPECT_THAT(Did(), IsEmpty());
}

TEST_F(DurableSessionTest, AFoldThatFailedCostsTheSeatAtOnce) {
  ToMaskedInput();
  Upload(0);
  Did();
  Fold(0, absl::InvalidArgumentError("padding"));
  CommitAll();
  EXPECT_THAT(Did(), ElementsAre("commit 7 of 1", "reply 0 REASON_BAD_UPLOAD", "dropped", "send 0",
                                 "progress"));
}

TEST_F(DurableSessionTest, UnmaskingAndTheEndWaitForTheirCommits) {
  ToUnmasking();
  Unmask(0);
  Unmask(1);
  CommitAll();
  Did();
  Unmask(2);
  EXPECT_THAT(Did(), ElementsAre("commit 11 of 2"));
  CommitAll();
  EXPECT_THAT(Did(), ElementsAre("reply 2 ok", "progress", "closed", "unmask"));
  Step(UnmaskFinished{UnmaskOutcome{crypto::Sha256({}), 2}});
  EXPECT_THAT(Did(), ElementsAre("commit 12 of 1"));
  EXPECT_EQ(std::get<FinishSession>(last_[0]),
            (FinishSession{v1::REASON_UNSPECIFIED, "", std::nullopt, crypto::Sha256({}), 2}));
  CommitAll();
  EXPECT_THAT(DidBesides("send"), ElementsAre("finished REASON_UNSPECIFIED"));
}

class InMemorySessionTest : public DurableSessionTest {
 protected:
  InMemorySessionTest() : DurableSessionTest(Durability::kInMemory) {}
};

TEST_F(InMemorySessionTest, StoresNothing) {
  EXPECT_THAT(Did(), ElementsAre("started"));
  Advertise(0);
  EXPECT_THAT(Did(), ElementsAre("reply 0 ok", "progress"));
  Advertise(1);
  Advertise(2);
  for (uint32_t i = 0; i < kClients; ++i) {
    Step(ShareKeysReceived{Id(i), talk_.SignBody(i, crypto::ProtocolRound::kShareKeys,
                                                 talk_.ShareKeysBody(i).SerializeAsString())});
  }
  Upload(0);
  Did();
  Fold(0);
  EXPECT_THAT(Did(), ElementsAre("receipt 0 ok", "progress"));
}

// ---- Restarts ----

TEST_F(DurableSessionTest, GoesOnAfterARestart) {
  Advertise(0);
  Advertise(1);
  CommitAll();
  ASSERT_TRUE(Restart().ok());
  EXPECT_THAT(Did(), ElementsAre("started", "progress"));
  Step(ClientResumed{Id(0)});
  EXPECT_THAT(Did(), ElementsAre("send 0", "send 0"));
  Advertise(0);
  EXPECT_THAT(Did(), ElementsAre("reply 0 ok"));
  Advertise(2);
  EXPECT_THAT(Did(), ElementsAre("commit 1 of 2"));
}

TEST_F(DurableSessionTest, ACheckpointThatNobodyHeardOfCounts) {
  ToMaskedInput();
  for (uint32_t i = 0; i < kClients; ++i) Upload(i);
  for (uint32_t i = 0; i < kClients; ++i) Fold(i);
  stored_checkpoint_ = 1;  // And then the process died.
  ASSERT_TRUE(Restart().ok());
  EXPECT_THAT(Did(), ElementsAre("commit 1 of 1", "commit 2 of 1"));
  EXPECT_EQ(std::get<KeepCheckpoint>(operations_.end()[-2].second[0]).generation, 1u);
  EXPECT_EQ(std::get<FreezeSurvivors>(last_[0]).survivors, "\x07");
  EXPECT_EQ(std::get<FreezeSurvivors>(last_[0]).checkpoint, 1u);
  CommitAll();
  EXPECT_THAT(
      Did(), ElementsAre("started", "progress", "closed", "send 0", "send 1", "send 2", "started"));
  Step(UploadOpened{Id(1), talk_.OpenUpload(1, talk_.UploadBytes())});
  EXPECT_THAT(Did(), ElementsAre("receipt 1 ok"));
}

TEST_F(DurableSessionTest, WhatNoCheckpointHeldIsUploadedAgain) {
  ToMaskedInput();
  Upload(0);
  Fold(0);
  PassTimer();
  Write(1);
  Upload(1);
  Fold(1);
  ASSERT_TRUE(Restart().ok());
  EXPECT_THAT(Did(), ElementsAre("started", "progress"));
  Upload(0);
  EXPECT_THAT(Did(), ElementsAre("receipt 0 ok", "receipt 0 ok", "other"));
  Upload(1);
  Fold(1);
  EXPECT_THAT(Did(), ElementsAre("reply 1 ok", "fold 1", "timer"));
  PassTimer();
  EXPECT_THAT(Did(), ElementsAre("write 2: 0 1"));
}

// It would be taken for a session that nobody has uploaded to.
TEST_F(DurableSessionTest, MissesACheckpointThatIsGone) {
  ToMaskedInput();
  Upload(0);
  Fold(0);
  PassTimer();
  Write(1);
  Upload(1);
  Fold(1);
  PassTimer();
  Write(2);
  CommitAll();
  // A later one holds what the one that is kept does.
  stored_checkpoint_ = 3;
  EXPECT_TRUE(Restart().ok());
  stored_checkpoint_ = 1;
  in_checkpoint_ = {0};
  EXPECT_THAT(std::string(Restart().message()), HasSubstr("the newest one is 1"));
  stored_checkpoint_ = 0;
  in_checkpoint_.clear();
  const absl::Status gone = Restart();
  EXPECT_TRUE(absl::IsDataLoss(gone)) << gone;
  EXPECT_THAT(std::string(gone.message()), HasSubstr("there is none"));
}

TEST_F(DurableSessionTest, UnmasksAgainAfterARestart) {
  ToUnmasking();
  for (uint32_t i = 0; i < kClients; ++i) Unmask(i);
  ASSERT_TRUE(Restart().ok());
  EXPECT_THAT(Did(), ElementsAre("started", "progress", "unmask"));
  Step(UnmaskFinished{UnmaskOutcome{crypto::Sha256({}), 2}});
  CommitAll();
  EXPECT_THAT(DidBesides("send"), ElementsAre("commit 1 of 1", "finished REASON_UNSPECIFIED"));
}

TEST_F(DurableSessionTest, AnEndedSessionAnswersWithoutItsCheckpointAndShares) {
  ToUnmasking();
  for (uint32_t i = 0; i < kClients; ++i) Unmask(i);
  Step(UnmaskFinished{UnmaskOutcome{crypto::Sha256({}), 2}});
  for (auto& [batch, operations] : operations_) {
    for (Operation& operation : operations) {
      auto* put = std::get_if<PutMessage>(&operation);
      if (put != nullptr && put->phase != Phase::kAdvertiseKeys) put->bytes.clear();
    }
  }
  stored_checkpoint_ = 0;
  in_checkpoint_.clear();
  ASSERT_TRUE(Restart().ok());
  EXPECT_THAT(Did(), IsEmpty());
  EXPECT_TRUE(session_.protocol().finished());
  EXPECT_TRUE(std::holds_alternative<Finished>(session_.history().back()));
  Step(ClientResumed{Id(0), v1::OUTCOME_SHARES});
  EXPECT_THAT(Did(), ElementsAre("send 0", "send 0", "send 0"));  // Accepted, survivors, result.
  Step(UploadOpened{Id(1), talk_.OpenUpload(1, talk_.UploadBytes())});
  EXPECT_THAT(Did(), ElementsAre("reply 1 REASON_LATE"));
}

TEST_F(DurableSessionTest, RefusesAnotherCheckpointThanTheFrozenOne) {
  ToUnmasking();
  stored_checkpoint_ = 2;
  EXPECT_EQ(ReasonOf(Restart()), v1::REASON_STORAGE_FAILED);
  stored_checkpoint_ = 1;
  in_checkpoint_.pop_back();
  EXPECT_EQ(Restart().code(), absl::StatusCode::kDataLoss);
  stored_checkpoint_ = 0;
  EXPECT_EQ(Restart().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace veilsum::aggregator
