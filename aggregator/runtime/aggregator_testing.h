// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// An Aggregator without a network: connections are queues. For tests only.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_AGGREGATOR_TESTING_H_
#define VEILSUM_AGGREGATOR_RUNTIME_AGGREGATOR_TESTING_H_

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "aggregator/config/task_rules.h"
#include "aggregator/runtime/aggregator.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {

class FakeConnection : public ParticipantConnection {
 public:
  explicit FakeConnection(uint64_t number) : number_(number) {}

  void Send(EncodedMessage message) override {
    v1::ServerMessage parsed;
    ASSERT_TRUE(parsed.ParseFromString(*message.bytes));
    if (parsed.has_progress()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    messages_.push_back(std::move(parsed));
    changed_.notify_all();
  }
  void Close(absl::Status status) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!closed_.has_value()) closed_ = std::move(status);
    changed_.notify_all();
  }

  void Dismiss(EncodedMessage last_word, absl::Status status) override {
    Send(std::move(last_word));
    Close(std::move(status));
  }
  uint64_t number() const override { return number_; }

  // The next message, once it is there; an empty one if the connection was closed instead.
  v1::ServerMessage Next() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !messages_.empty() || closed_.has_value(); });
    if (messages_.empty()) return {};
    v1::ServerMessage message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }
  absl::Status Closed() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return closed_.has_value(); });
    return *closed_;
  }

 private:
  const uint64_t number_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::ServerMessage> messages_;
  std::optional<absl::Status> closed_;
};

inline v1::Task MakeTask(const std::string& task_id, bool on_demand, uint64_t dimension = 1) {
  v1::Task task;
  SetDefaultPolicies(task);
  task.set_task_id(task_id);
  task.mutable_vector()->set_dimension(dimension);
  task.mutable_vector()->set_clip(1);
  task.mutable_vector()->set_quantisation_bits(8);
  task.mutable_vector()->set_max_weight(1);
  task.set_tier(v1::TIER_SEMI_HONEST);
  task.set_graph(v1::GRAPH_RULE_COMPLETE);
  task.set_min_survivors(2);
  task.set_max_clients(10);
  task.set_audience(v1::AUDIENCE_BOTH);
  task.set_sessions_on_demand(on_demand);
  const absl::StatusOr<v1::Task> checked = CheckTask(task);
  EXPECT_TRUE(checked.ok()) << checked.status();
  return *checked;
}

class AggregatorTest : public ::testing::Test {
 protected:
  AggregatorTest() : AggregatorTest(Storage()) {}
  explicit AggregatorTest(Storage storage) {
    AggregatorOptions options;
    options.tasks = {MakeTask("demand", true), MakeTask("started", false)};
    options.admits = [](const IdentityPublicKey&) { return true; };
    options.roster_version = 7;
    options.pending_upload_bytes = 10'000;
    options.accumulator_bytes = 7'000;
    options.max_sessions = 2;
    options.storage = std::move(storage);
    options.random = [this](absl::Span<uint8_t> out) {
      for (uint8_t& byte : out) byte = next_byte_++;
    };
    aggregator_ = std::make_shared<Aggregator>(std::move(options), executors_, recorder_);
  }

  ~AggregatorTest() override {
    std::promise<void> idle;
    aggregator_->AbortAll(v1::REASON_SHUTDOWN, "the test is over");
    aggregator_->Drain([&] { idle.set_value(); });
    idle.get_future().get();
    executors_.Join();
  }

  static IdentityPublicKey Identity(char digit) {
    return *IdentityPublicKey::FromHex(std::string(64, digit));
  }

  std::shared_ptr<FakeConnection> Connect(char identity, const std::string& task_id,
                                          const std::string& session_id = "") {
    return ConnectAs(++connections_, identity, task_id, session_id);
  }
  std::shared_ptr<FakeConnection> ConnectAs(uint64_t number, char identity,
                                            const std::string& task_id,
                                            const std::string& session_id = "") {
    const auto connection = std::make_shared<FakeConnection>(number);
    v1::Hello hello;
    hello.set_task_id(task_id);
    hello.set_session_id(session_id);
    aggregator_->Connect(Identity(identity), hello, connection);
    return connection;
  }

  template <class T, class Call>
  absl::StatusOr<T> Ask(Call call) {
    std::promise<absl::StatusOr<T>> promise;
    call([&](absl::StatusOr<T> answer) { promise.set_value(std::move(answer)); });
    return promise.get_future().get();
  }
  absl::StatusOr<v1::Session> StartSession(const std::string& task_id) {
    v1::StartSessionRequest request;
    request.set_task_id(task_id);
    return Ask<v1::Session>(
        [&](Answer<v1::Session> answer) { aggregator_->StartSession(request, answer); });
  }
  absl::StatusOr<v1::Session> AbortSession(const std::string& session_id) {
    v1::AbortSessionRequest request;
    request.set_session_id(session_id);
    return Ask<v1::Session>(
        [&](Answer<v1::Session> answer) { aggregator_->AbortSession(request, answer); });
  }

  static std::string SessionOf(const v1::ServerMessage& offer) {
    v1::SessionHeader header;
    EXPECT_TRUE(offer.has_offer()) << offer.DebugString();
    EXPECT_TRUE(header.ParseFromString(offer.offer().header()));
    return header.session_id();
  }

  uint8_t next_byte_ = 1;
  uint64_t connections_ = 0;
  metrics::NullRecorder recorder_;
  Executors executors_{2};
  std::shared_ptr<Aggregator> aggregator_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_AGGREGATOR_TESTING_H_
