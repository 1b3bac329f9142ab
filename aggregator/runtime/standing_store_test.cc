// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A store that answers nobody, as when its disk is full or an fsync hangs: what waits for it is
// bounded, whatever clients do meanwhile.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/runtime/aggregator_testing.h"

namespace veilsum::aggregator {
namespace {

constexpr std::chrono::seconds kPatience{60};

class StandingStore : public SessionStore {
 public:
  absl::StatusOr<std::vector<StoredTask>> Tasks() override { return store_->Tasks(); }
  absl::StatusOr<std::vector<SessionSummary>> Sessions() override { return store_->Sessions(); }
  absl::StatusOr<StoredSession> Take(const std::string& id) override { return store_->Take(id); }
  void PutTask(StoredTask task, Done done) override { store_->PutTask(task, done); }
  void CreateSession(NewSession session, Done done) override {
    store_->CreateSession(session, done);
  }
  // As if stored at once; the caller hears of it once the store goes on.
  void Commit(const Claim& claim, std::vector<Operation> operations, absl::Time now,
              Done done) override {
    store_->Commit(claim, std::move(operations), now, [this, done](absl::Status status) {
      std::unique_lock<std::mutex> lock(mutex_);
      if (standing_) return waiting_.emplace_back([done, status] { done(status); }), void();
      lock.unlock();
      done(status);
    });
  }
  void PutReport(const Claim& claim, std::string report, Done done) override {
    store_->PutReport(claim, report, done);
  }
  void ForgetSession(const Claim& claim, Done done) override { store_->ForgetSession(claim, done); }
  void EndDamaged(const std::string& id, std::string report, Done done) override {
    store_->EndDamaged(id, report, done);
  }
  void EraseSession(const std::string& id, Done done) override { store_->EraseSession(id, done); }
  absl::Status healthy() const override { return store_->healthy(); }
  uint64_t queued_bytes() const override { return 0; }

  void Stand() {
    const std::lock_guard<std::mutex> lock(mutex_);
    standing_ = true;
  }
  void GoOn() {
    std::unique_lock<std::mutex> lock(mutex_);
    standing_ = false;
    const auto waiting = std::exchange(waiting_, {});
    lock.unlock();
    for (const auto& one : waiting) one();
  }

  const Storage good = MemoryStorage();

 private:
  const std::shared_ptr<SessionStore> store_ = good.sessions;
  std::mutex mutex_;
  bool standing_ = false;
  std::vector<std::function<void()>> waiting_;
};

class StandingStoreTest : public AggregatorTest {
 protected:
  StandingStoreTest() : StandingStoreTest(std::make_shared<StandingStore>()) {}

  // A session of identity '2' whose end waits for the store.
  std::string SessionThatWaits() {
    const auto first = Connect('2', "demand");
    v1::ServerMessage offer = first->Next();
    if (offer.has_waiting()) offer = first->Next();  // For the session to be stored.
    const std::string session_id = SessionOf(offer);
    store_->Stand();
    v1::AbortSessionRequest request;
    request.set_session_id(session_id);
    aggregator_->AbortSession(
        request, [this](absl::StatusOr<v1::Session> ended) { ended_.set_value(std::move(ended)); });
    return session_id;
  }

  void GoOn() {
    store_->GoOn();
    const absl::StatusOr<v1::Session> ended = ended_.get_future().get();
    ASSERT_TRUE(ended.ok()) << ended.status();
    EXPECT_EQ(ended->abort_reason(), v1::REASON_ABORTED_BY_OPERATOR);
  }

  const std::shared_ptr<StandingStore> store_;

 private:
  explicit StandingStoreTest(std::shared_ptr<StandingStore> store)
      : AggregatorTest({store, store->good.blobs}), store_(std::move(store)) {}

  std::promise<absl::StatusOr<v1::Session>> ended_;
};

TEST_F(StandingStoreTest, KeepsOneMessageOfAClientThatComesBackAgainAndAgain) {
  const std::string session_id = SessionThatWaits();
  v1::ClientMessage message;
  message.mutable_advertise_keys();
  std::shared_ptr<FakeConnection> last;
  std::future<void> let_go;
  for (int i = 0; i < 20; ++i) {
    last = Connect('2', "demand", session_id);
    if (i > 0) {
      ASSERT_EQ(let_go.wait_for(kPatience), std::future_status::ready)
          << "a message of a connection that was given up is kept, number " << i;
    }
    const auto done = std::make_shared<std::promise<void>>();
    let_go = done->get_future();
    aggregator_->Receive(last, message, [done] { done->set_value(); });
  }
  GoOn();
  EXPECT_EQ(last->Next().refused().scope(), v1::Refused::SCOPE_CLIENT);
}

TEST_F(StandingStoreTest, KeepsOneMessageOfAConnection) {
  const auto connection = Connect('2', "demand", SessionThatWaits());
  v1::ClientMessage message;
  message.mutable_advertise_keys();
  aggregator_->Receive(connection, message, [] {});
  const auto let_go = std::make_shared<std::promise<void>>();
  aggregator_->Receive(connection, message, [let_go] { let_go->set_value(); });
  ASSERT_EQ(let_go->get_future().wait_for(kPatience), std::future_status::ready)
      << "the second message is kept";
  EXPECT_EQ(connection->Next().refused().reason(), v1::REASON_EARLY);
  GoOn();
}

TEST_F(StandingStoreTest, KeepsNoMessageOfAClientThatHasGone) {
  const auto connection = Connect('2', "demand", SessionThatWaits());
  v1::ClientMessage message;
  message.mutable_advertise_keys();
  const auto let_go = std::make_shared<std::promise<void>>();
  aggregator_->Receive(connection, message, [let_go] { let_go->set_value(); });
  aggregator_->Disconnected(connection);
  EXPECT_EQ(let_go->get_future().wait_for(kPatience), std::future_status::ready);
  GoOn();
}

TEST_F(StandingStoreTest, KeepsNothingElseOfAClientWithoutASeat) {
  const auto connection = Connect('2', "demand", SessionThatWaits());
  v1::ClientMessage message;
  message.mutable_share_keys()->set_body(std::string(1 << 20, 'x'));
  aggregator_->Receive(connection, message, [] {});
  const v1::Refused refused = connection->Next().refused();
  EXPECT_EQ(refused.reason(), v1::REASON_EARLY);
  EXPECT_EQ(refused.round(), v1::ROUND_SHARE_KEYS);
  GoOn();
}

TEST_F(StandingStoreTest, MoreUploadsThanClientsAreAskedToComeBack) {
  v1::UploadOpen open;
  open.set_session_id(SessionThatWaits());
  open.set_identity(crypto::ToString(Identity('2').bytes()));
  open.set_total_bytes(9);
  open.set_signature(std::string(64, 's'));
  struct Answers {
    std::promise<absl::Status> first;
    std::atomic<int> count{0};
  };
  const auto answers = std::make_shared<Answers>();
  for (int i = 0; i < 100; ++i) {
    aggregator_->OpenUpload(open, {}, [answers](const auto& opened) {
      if (answers->count++ == 0) answers->first.set_value(opened.status());
    });
  }
  auto first = answers->first.get_future();
  ASSERT_EQ(first.wait_for(kPatience), std::future_status::ready) << "all of them wait";
  EXPECT_EQ(ReasonOf(first.get()), v1::REASON_OVERLOADED);
  GoOn();
}

}  // namespace
}  // namespace veilsum::aggregator
