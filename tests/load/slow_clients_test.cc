// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Clients that are slow on purpose, among others that are not: they hold nobody up for longer than
// the least rate and the phase allow.

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "aggregator/config/task_rules.h"
#include "aggregator/server.h"
#include "client_sdk/transport/channel.h"
#include "client_sdk/transport/participant_runner.h"
#include "crypto/primitives/random.h"
#include "metrics/recorder.h"
#include "proto/limits.h"
#include "proto/participant.grpc.pb.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum {
namespace {

constexpr uint64_t kDimension = 1000;

class UploadCounter : public metrics::Recorder {
 public:
  void RpcHandled(metrics::Method method, int code, double) override {
    if (method != metrics::Method::kUploadMaskedInput) return;
    if (code != static_cast<int>(absl::StatusCode::kAborted)) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    ++too_slow_;
    changed_.notify_all();
  }
  void OverloadRejection(metrics::Overload reason) override {
    if (reason == metrics::Overload::kRate) ++floods;
  }

  void AwaitTooSlow() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return too_slow_ > 0; });
  }
  int too_slow() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return too_slow_;
  }
  std::atomic<int> floods = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int too_slow_ = 0;
};

v1::Task ThreeClients() {
  v1::Task task;
  aggregator::SetDefaultPolicies(task);
  task.set_task_id("task");
  task.mutable_vector()->set_dimension(kDimension);
  task.mutable_vector()->set_clip(1);
  task.mutable_vector()->set_quantisation_bits(16);
  task.mutable_vector()->set_max_weight(1);
  task.set_tier(v1::TIER_SEMI_HONEST);
  task.set_graph(v1::GRAPH_RULE_COMPLETE);
  task.set_min_survivors(2);
  task.set_max_clients(3);
  task.set_audience(v1::AUDIENCE_PARTICIPANTS);
  task.set_sessions_on_demand(true);
  return task;
}

using Result = absl::StatusOr<client::RunnerResult>;

class SlowClientsTest : public ::testing::Test {
 protected:
  // Waits that long for a chunk, or what is missing.
  void Serve(const v1::Task& task, std::chrono::milliseconds patience) {
    aggregator::ServerOptions options;
    options.participants = {"127.0.0.1:0", std::nullopt};
    options.aggregator.tasks = {task};
    options.aggregator.pending_upload_bytes = 1 << 20;
    options.aggregator.admits = [](const auto&) { return true; };
    options.least_upload_bytes_per_second = limits::kChunkBytes * 1000 / patience.count();
    options.recorder = &counter_;
    auto started = aggregator::AggregatorServer::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }

  std::shared_ptr<grpc::Channel> Connect() const {
    client::ChannelOptions options;
    options.target = absl::StrCat("127.0.0.1:", server_->ports().participants);
    options.insecure = true;
    return client::MakeChannel(options);
  }

  std::future<Result> Begin(client::Hooks hooks = {}) {
    client::RunnerOptions options(crypto::SessionSecret::Generate(crypto::RandomBytes));
    options.channel = Connect();
    options.pool = &pool_;
    options.identity = std::make_shared<const crypto::IdentityKeyPair>(
        crypto::IdentityKeyPair::Generate(crypto::RandomBytes));
    options.policy.least_tier = v1::TIER_SEMI_HONEST;
    options.policy.least_min_survivors = 2;
    options.task_id = "task";
    options.update = update_;
    options.timeout = absl::Seconds(60);
    options.hooks = std::move(hooks);
    auto runner = client::ParticipantRunner::Create(std::move(options));
    if (!runner.ok()) ADD_FAILURE() << runner.status();
    runners_.push_back(*runner);
    const auto result = std::make_shared<std::promise<Result>>();
    (*runner)->Start([result](Result ended) { result->set_value(std::move(ended)); });
    return result->get_future();
  }

  const std::vector<float> update_ = std::vector<float>(kDimension, 0.5f);
  UploadCounter counter_;
  std::unique_ptr<aggregator::AggregatorServer> server_;
  asio::thread_pool pool_{4};  // A hook may block one.
  std::vector<std::shared_ptr<client::ParticipantRunner>> runners_;
};

TEST_F(SlowClientsTest, WhoStallsIsCutOffAndMayGoOn) {
  Serve(ThreeClients(), std::chrono::milliseconds(300));
  client::Hooks stalls_once;
  stalls_once.outgoing_upload =
      [this](v1::UploadRequest request) -> std::optional<v1::UploadRequest> {
    if (request.has_data()) counter_.AwaitTooSlow();
    return request;
  };
  std::array<std::future<Result>, 3> results = {Begin(stalls_once), Begin(), Begin()};
  for (auto& pending : results) {
    const Result result = pending.get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->participants, 3u);
  }
  EXPECT_GE(counter_.too_slow(), 1);
}

TEST_F(SlowClientsTest, WhoNeverClosesItsUploadIsLeftOut) {
  v1::Task task = ThreeClients();
  task.mutable_masked_input()->set_deadline_ms(5000);
  Serve(task, std::chrono::milliseconds(200));
  std::promise<void> others_done;
  client::Hooks never_closes;
  never_closes.outgoing_upload =
      [until = others_done.get_future().share()](
          v1::UploadRequest request) -> std::optional<v1::UploadRequest> {
    if (request.has_close()) until.wait();
    return request;
  };
  auto slow = Begin(never_closes);
  std::array<std::future<Result>, 2> others = {Begin(), Begin()};
  for (auto& pending : others) {
    const Result result = pending.get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->participants, 2u);
  }
  EXPECT_GE(counter_.too_slow(), 1);
  others_done.set_value();
  runners_[0]->Cancel();
  slow.wait();
}

// A client of three whose upload the test writes, a byte at a time.
class ByteByByteTest : public SlowClientsTest {
 protected:
  void Open(std::chrono::milliseconds patience) {
    Serve(ThreeClients(), patience);
    client::Hooks says_nothing;
    const auto opened = std::make_shared<std::promise<v1::UploadRequest>>();
    const auto told = std::make_shared<std::atomic<bool>>(false);
    says_nothing.outgoing_upload =
        [opened, told](v1::UploadRequest request) -> std::optional<v1::UploadRequest> {
      if (request.has_open() && !told->exchange(true)) opened->set_value(request);
      return std::nullopt;
    };
    results_ = {Begin(says_nothing), Begin(), Begin()};
    const v1::UploadRequest open = opened->get_future().get();
    ASSERT_GT(open.open().total_bytes(), 1000u);
    stub_ = v1::ParticipantService::NewStub(Connect());
    upload_ = stub_->UploadMaskedInput(&context_);
    ASSERT_TRUE(upload_->Write(open));
    v1::UploadReply reply;
    ASSERT_TRUE(upload_->Read(&reply));
    ASSERT_TRUE(reply.has_proceed()) << reply.DebugString();
  }

  // False once the server has ended the call.
  bool WriteByte() {
    v1::UploadRequest byte;
    byte.mutable_data()->set_payload("x");
    byte.mutable_data()->set_offset(written_++);
    return upload_->Write(byte);
  }

  absl::Status End() {
    upload_->WritesDone();
    v1::UploadReply reply;
    while (upload_->Read(&reply)) {
    }
    const absl::Status end = FromGrpcStatus(upload_->Finish());
    for (const auto& runner : runners_) runner->Cancel();
    for (auto& result : results_) result.wait();
    return end;
  }

 private:
  std::array<std::future<Result>, 3> results_;
  std::unique_ptr<v1::ParticipantService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::UploadRequest, v1::UploadReply>> upload_;
  uint64_t written_ = 0;
};

TEST_F(ByteByByteTest, AtOnceIsAFlood) {
  ASSERT_NO_FATAL_FAILURE(Open(std::chrono::milliseconds(60'000)));
  for (int i = 0; i < 1000 && WriteByte(); ++i) {
  }
  const absl::Status end = End();
  EXPECT_EQ(ReasonOf(end), v1::REASON_OVERLOADED) << end;
  EXPECT_GT(RetryAfterOf(end), absl::ZeroDuration());
  EXPECT_EQ(counter_.floods, 1);
}

// No byte buys more time than all of them together had.
TEST_F(ByteByByteTest, NowAndThenIsTooSlow) {
  ASSERT_NO_FATAL_FAILURE(Open(std::chrono::milliseconds(300)));
  for (int i = 0; i < 40 && WriteByte(); ++i) absl::SleepFor(absl::Milliseconds(100));
  const absl::Status end = End();
  EXPECT_EQ(ReasonOf(end), v1::REASON_TOO_SLOW) << end;
  EXPECT_GT(RetryAfterOf(end), absl::ZeroDuration());
}

}  // namespace
}  // namespace veilsum
