// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Random sessions on a store that takes its time, fails and is cut off anywhere. What must hold:
//   1. What a client or the operator hears is stored, and a receipt's input is in a checkpoint.
//   2. Whatever is stored can be restored; who got a receipt is in the sum, and the survivors of a
//      completed session are exactly those in it, though a checkpoint may hold more than was told.
//   3. The survivors never change.
//   4. Every session ends.

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/protocol/conversation_testing.h"
#include "aggregator/protocol/durable_session.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/bitmap.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

constexpr uint32_t kClients = 5;

class RandomSession {
 public:
  RandomSession(const v1::SessionHeader& header, uint32_t seed)
      : random_(seed), talk_(header, 0.1 * (5 + Below(6))), lossy_(Below(2) == 0) {
    session_.emplace(DurableSession::Create(talk_.Options(), Durability::kCheckpoint).value());
    for (uint32_t i = 0; i < kClients; ++i) talk_.Advertise(i);  // Now it can speak for all.
    Do(session_->Start());
  }

  void Run() {
    for (int i = 0; i < 250 && !Failed(); ++i) Act(Below(100));
    // No more faults; whoever has not spoken is silent.
    lossy_ = false;
    for (int i = 0; i < 400 && !finished_ && !Failed(); ++i) {
      if (!Work()) Step(DeadlinePassed{phase_});
    }
    EXPECT_TRUE(finished_);
    if (!completed_ || Failed()) return;
    const FreezeSurvivors* freeze = Stored<FreezeSurvivors>();
    ASSERT_NE(freeze, nullptr);
    const auto survivors = crypto::DecodeBitmap(crypto::AsBytes(freeze->survivors), kClients);
    for (const uint32_t i : receipts_) EXPECT_TRUE((*survivors)[i]) << "client " << i;
    // Those whose masks are removed are those who are in the sum.
    std::vector<bool> in_sum(kClients);
    for (const CountedUpload& one : checkpoint_.included) in_sum[IndexOf(one.from)] = true;
    EXPECT_EQ(*survivors, in_sum);
  }

  bool completed() const { return completed_; }
  int restarts() const { return restarts_; }
  int more() const { return more_; }

 private:
  static bool Failed() { return ::testing::Test::HasFailure(); }
  uint32_t Below(uint32_t bound) { return random_() % bound; }

  void Act(uint32_t action) {
    if (action < 45) {
      Speak(Below(kClients));
    } else if (action < 92) {
      Work();
    } else if (action < 95) {
      Step(LeastTimePassed{phase_});
    } else if (action < 96 && phase_ != Phase::kAdvertiseKeys && Below(2) == 0) {
      Step(DeadlinePassed{phase_});
    } else if (action >= 97 && lossy_) {
      Crash();
    }
  }

  // What it would say now, or has said: a resend is always fine.
  void Speak(uint32_t i) {
    const IdentityPublicKey from = Id(i);
    if (phase_ >= Phase::kConsistencyCheck && !survivors_.has_value()) return;
    if (Below(150) == 0) return Step(ClientWithdrew{from, v1::Withdraw()});
    switch (phase_) {
      case Phase::kAdvertiseKeys:
        return Step(AdvertiseKeysReceived{from, talk_.Advertisement(i)});
      case Phase::kShareKeys:
        if (shares_[i].body().empty()) {
          shares_[i] = talk_.SignBody(i, crypto::ProtocolRound::kShareKeys,
                                      talk_.ShareKeysBody(i).SerializeAsString());
        }
        return Step(ShareKeysReceived{from, shares_[i]});
      case Phase::kMaskedInputCollection:
        Step(UploadOpened{from, talk_.OpenUpload(i, talk_.UploadBytes())});
        return Step(UploadCompleted{from, talk_.UploadDigest(i),
                                    talk_.CloseUpload(i, talk_.UploadDigest(i))});
      case Phase::kConsistencyCheck:
        return Step(ConsistencyCheckReceived{from, talk_.ConsistencyCheck(i, Survivors())});
      case Phase::kUnmasking:
        return Step(UnmaskingReceived{
            from, talk_.SignBody(i, crypto::ProtocolRound::kUnmasking,
                                 talk_.UnmaskingBody(i, Survivors()).SerializeAsString())});
    }
  }
  std::vector<bool> Survivors() const {
    return *crypto::DecodeBitmap(crypto::AsBytes(survivors_.value()), kClients);
  }

  // One thing that the process or its disk does by itself. False: there is nothing to do.
  bool Work() {
    const bool fails = lossy_ && Below(4) == 0;
    if (!commits_.empty() && Below(3) != 0) {
      const uint64_t batch = commits_.front().batch;
      StoreCommit();
      Do(session_->Step(Committed{batch}));
    } else if (!folds_.empty() && Below(3) != 0) {
      const uint32_t i = folds_.back();
      folds_.pop_back();
      Do(session_->Step(Folded{Id(i)}));
    } else if (write_.has_value()) {
      const WriteCheckpoint write = *std::exchange(write_, std::nullopt);
      if (!fails) Save(write);
      Do(session_->Step(CheckpointWritten{
          write.generation, fails ? absl::UnavailableError("disk") : absl::OkStatus()}));
    } else if (std::exchange(timer_, false)) {
      Do(session_->Step(CheckpointDue{}));
    } else if (std::exchange(unmask_, false)) {
      Step(UnmaskFinished{UnmaskOutcome{crypto::Sha256({}), 2}});
    } else {
      return !commits_.empty() || !folds_.empty();
    }
    return true;
  }

  // Some of what was under way may be stored, in order.
  void Crash() {
    ++restarts_;
    while (!commits_.empty() && Below(2) == 0) StoreCommit();
    if (write_.has_value() && Below(2) == 0) Save(*write_);
    commits_.clear();
    folds_.clear();
    unreported_.clear();
    write_.reset();
    timer_ = unmask_ = false;
    StoredLog log{log_, checkpoint_.generation, checkpoint_.included};
    if (ended() && Below(2) == 0) {  // It went with the end.
      log.checkpoint = 0;
      log.included.clear();
    }
    auto restored = DurableSession::Restore(talk_.Options(), std::move(log));
    ASSERT_TRUE(restored.ok()) << restored.status();
    session_.emplace(*std::move(restored));
    for (const Effect& effect : session_->history()) Note(effect);
    if (!ended()) {
      for (const uint32_t i : receipts_) {
        bool saved = false;
        for (const CountedUpload& one : checkpoint_.included) saved |= one.from == Id(i);
        EXPECT_TRUE(saved) << "client " << i;
      }
    }
    Do(session_->Start());
    for (uint32_t i = 0; i < kClients; ++i) Step(ClientResumed{Id(i)});
  }

  void StoreCommit() {
    for (Operation& operation : commits_.front().operations) log_.push_back(std::move(operation));
    commits_.pop_front();
  }
  void Save(const WriteCheckpoint& write) {
    EXPECT_GT(write.generation, checkpoint_.generation);
    EXPECT_EQ(Stored<FreezeSurvivors>(), nullptr);
    checkpoint_ = write;
  }

  // What is in the sum by now, though nobody has said so: it stays there.
  void AddUnreported(WriteCheckpoint& write) {
    for (const uint32_t i : folds_) {
      if (Below(3) == 0) unreported_.insert(i);
    }
    for (const uint32_t i : unreported_) {
      const CountedUpload upload{Id(i), talk_.UploadDigest(i)};
      if (std::find(write.included.begin(), write.included.end(), upload) != write.included.end()) {
        continue;
      }
      write.included.push_back(upload);
      ++more_;
    }
  }

  void Step(Event event) { Do(session_->Step(std::move(event))); }
  void Do(Actions actions) {
    for (Action& action : actions) {
      if (auto* commit = std::get_if<Commit>(&action)) {
        commits_.push_back(std::move(*commit));
      } else if (const auto* write = std::get_if<WriteCheckpoint>(&action)) {
        EXPECT_FALSE(write_.has_value());
        write_ = *write;
        AddUnreported(*write_);
      } else if (std::holds_alternative<StartCheckpointTimer>(action)) {
        EXPECT_FALSE(timer_);
        timer_ = true;
      } else {
        Note(std::get<Effect>(action));
      }
    }
  }

  // ---- 1: what is heard is stored ----

  void Note(const Effect& effect) {
    if (const auto* reply = std::get_if<Reply>(&effect)) {
      NoteReply(*reply);
    } else if (const auto* send = std::get_if<Send>(&effect)) {
      NoteMessage(*send->Message());
    } else if (const auto* started = std::get_if<PhaseStarted>(&effect)) {
      phase_ = started->phase;
    } else if (const auto* closed = std::get_if<PhaseClosed>(&effect)) {
      EXPECT_TRUE(IsClosed(closed->phase));
    } else if (const auto* fold = std::get_if<Fold>(&effect)) {
      folds_.push_back(IndexOf(fold->from));
    } else if (std::holds_alternative<Unmask>(effect)) {
      EXPECT_TRUE(IsClosed(Phase::kUnmasking));
      unmask_ = true;
    } else if (const auto* finished = std::get_if<Finished>(&effect)) {
      EXPECT_TRUE(ended());
      finished_ = true;
      completed_ = finished->reason == v1::REASON_UNSPECIFIED;
    }
  }

  void NoteReply(const Reply& reply) {
    if (reply.result != MessageResult::kAccepted || reply.dropped) return;
    if (reply.upload_digest.has_value()) {
      receipts_.insert(IndexOf(reply.to));
      bool saved = false;
      for (const CountedUpload& one : checkpoint_.included) saved |= one.from == reply.to;
      EXPECT_TRUE(saved);
    }
    // The end of what is remembered.
    if (reply.answers != Answers::kMessage || ended()) return;
    bool stored = false;
    for (const Operation& operation : log_) {
      const auto* put = std::get_if<PutMessage>(&operation);
      stored |= put != nullptr && put->phase == reply.phase && put->from == reply.to;
    }
    EXPECT_TRUE(stored) << "a message of phase " << static_cast<int>(reply.phase);
  }

  void NoteMessage(const v1::ServerMessage& message) {
    if (message.has_survivors()) {
      const std::string& survivors = message.survivors().survivors();
      EXPECT_EQ(survivors_.value_or(survivors), survivors);
      survivors_ = survivors;
      ASSERT_NE(Stored<FreezeSurvivors>(), nullptr);
      EXPECT_EQ(Stored<FreezeSurvivors>()->survivors, survivors);
      EXPECT_EQ(Stored<FreezeSurvivors>()->checkpoint, checkpoint_.generation);
    }
    if (message.has_result()) {
      EXPECT_TRUE(ended());
    }
  }

  template <class T>
  const T* Stored() const {
    for (const Operation& operation : log_) {
      if (const T* found = std::get_if<T>(&operation)) return found;
    }
    return nullptr;
  }
  bool ended() const { return Stored<FinishSession>() != nullptr; }
  bool IsClosed(Phase phase) const {
    if (phase == Phase::kMaskedInputCollection) return Stored<FreezeSurvivors>() != nullptr;
    for (const Operation& operation : log_) {
      const auto* close = std::get_if<ClosePhase>(&operation);
      if (close != nullptr && close->phase == phase) return true;
    }
    return false;
  }
  const IdentityPublicKey& Id(uint32_t i) { return talk_.client(i).id(); }
  uint32_t IndexOf(const IdentityPublicKey& identity) {
    uint32_t i = 0;
    while (Id(i) != identity) ++i;
    return i;
  }

  std::mt19937 random_;
  Conversation talk_;
  bool lossy_;
  std::optional<DurableSession> session_;
  std::map<uint32_t, v1::SignedMessage> shares_;
  // The store, and what is on the way to it.
  std::vector<Operation> log_;
  WriteCheckpoint checkpoint_{0, {}};
  std::deque<Commit> commits_;
  std::optional<WriteCheckpoint> write_;
  // The process.
  std::vector<uint32_t> folds_;
  std::set<uint32_t> unreported_;  // In the sum, and once in folds_.
  int more_ = 0;                   // Of them, how many were in a checkpoint that was not told.
  bool timer_ = false;
  bool unmask_ = false;
  // What was heard.
  Phase phase_ = Phase::kAdvertiseKeys;
  std::set<uint32_t> receipts_;
  std::optional<std::string> survivors_;
  bool finished_ = false;
  bool completed_ = false;
  int restarts_ = 0;
};

void PlayMany(const v1::SessionHeader& header) {
  int completed = 0;
  int restarts = 0;
  int more = 0;
  for (uint32_t seed = 0; seed < 60 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    RandomSession session(header, seed);
    session.Run();
    completed += session.completed();
    restarts += session.restarts();
    more += session.more();
  }
  // Or the test does not get far.
  EXPECT_GT(completed, 10);
  EXPECT_GT(restarts, 60);
  EXPECT_GT(more, 20);
}

TEST(DurableSessionRandomTest, LosesNothing) { PlayMany(TestHeader(kClients)); }

TEST(DurableSessionRandomTest, LosesNothingInTheMaliciousTier) {
  PlayMany(MaliciousHeader(kClients));
}

}  // namespace
}  // namespace veilsum::aggregator
