// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Floods, and memory that runs short, over real connections: whoever is too much is told when to
// come back, and everybody else is served.

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "absl/time/clock.h"
#include "aggregator/transport/few_files_testing.h"
#include "aggregator/transport/server_testing.h"
#include "aggregator/transport/stranger_testing.h"
#include "metrics/recorder.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

class RejectionCounter : public metrics::Recorder {
 public:
  void OverloadRejection(metrics::Overload reason) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++counts_[reason];
  }
  int count(metrics::Overload reason) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return counts_[reason];
  }

 private:
  std::mutex mutex_;
  std::map<metrics::Overload, int> counts_;
};

void ExpectServed(const TestServer& server, uint8_t identity) {
  TestStream stream(server);
  stream.Join(TestIdentity(identity), "task");
  EXPECT_TRUE(stream.Read().has_offer());
}

TEST(ServerOverloadTest, AFloodOfMessagesEndsItsStreamAlone) {
  RejectionCounter counter;
  TestServerOptions options;
  options.recorder = &counter;
  TestServer server(options);
  TestStream other(server);
  other.Join(TestIdentity(2), "task");
  ASSERT_TRUE(other.Read().has_offer());

  TestStream flood(server);
  flood.Join(TestIdentity(1), "task");
  ASSERT_TRUE(flood.Read().has_offer());
  v1::ServerMessage answer;
  int answers = 0;
  do {
    flood.Write(v1::ClientMessage());
    answer = flood.Read();
    ++answers;
  } while (answer.refused().reason() == v1::REASON_MALFORMED);
  EXPECT_GE(answers, 64);  // Nobody who follows the protocol comes near.
  EXPECT_EQ(answer.refused().reason(), v1::REASON_OVERLOADED) << answer.DebugString();
  EXPECT_GT(answer.refused().retry_after_ms(), 0u);
  const absl::Status end = flood.Finish();
  EXPECT_EQ(ReasonOf(end), v1::REASON_OVERLOADED) << end;
  EXPECT_EQ(counter.count(metrics::Overload::kRate), 1);

  other.Write(v1::ClientMessage());
  EXPECT_EQ(other.Read().refused().reason(), v1::REASON_MALFORMED);
}

TEST(ServerOverloadTest, TooManyCallsOnOneConnectionAreRefusedThere) {
  RejectionCounter counter;
  TestServerOptions options;
  options.recorder = &counter;
  options.call_rate = {0, 3};
  TestServer server(options);
  const auto stub = server.Participant();
  const auto download = [&stub] {
    grpc::ClientContext context;
    const auto chunks = stub->DownloadResult(&context, {});
    v1::ResultChunk chunk;
    while (chunks->Read(&chunk)) {
    }
    return FromGrpcStatus(chunks->Finish());
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ReasonOf(download()), v1::REASON_MALFORMED);
  const absl::Status refused = download();
  EXPECT_EQ(ReasonOf(refused), v1::REASON_OVERLOADED) << refused;
  EXPECT_GT(RetryAfterOf(refused), absl::ZeroDuration());
  for (const bool upload : {false, true}) {
    grpc::ClientContext context;
    absl::Status end;
    if (upload) {
      end = FromGrpcStatus(stub->UploadMaskedInput(&context)->Finish());
    } else {
      end = FromGrpcStatus(stub->Participate(&context)->Finish());
    }
    EXPECT_EQ(ReasonOf(end), v1::REASON_OVERLOADED) << end;
  }
  EXPECT_EQ(counter.count(metrics::Overload::kRate), 3);
  ExpectServed(server, 1);
}

// What the process holds, as the test says.
class Memory {
 public:
  MemoryGuardOptions Options() {
    MemoryGuardOptions options;
    options.limit_bytes = 1000;
    options.used = [this] { return Read(); };
    options.reclaim = [] {};
    options.interval = std::chrono::milliseconds(1);
    return options;
  }

  // Returns when the server knows.
  void Set(uint64_t used) {
    std::unique_lock<std::mutex> lock(mutex_);
    used_ = used;
    // A measurement reads at most twice: after the fourth time one has come to its end.
    const int until = reads_ + 4;
    changed_.wait(lock, [&] { return reads_ >= until; });
  }

 private:
  uint64_t Read() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++reads_;
    changed_.notify_all();
    return used_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t used_ = 0;
  int reads_ = 0;
};

TEST(ServerOverloadTest, WhereMemoryIsShortNoSessionBeginsUntilItIsNot) {
  RejectionCounter counter;
  Memory memory;
  TestServerOptions options;
  options.tasks = {TestTask("task", 3), TestTask("started", 3)};
  options.tasks[1].set_sessions_on_demand(false);
  options.recorder = &counter;
  options.memory = memory.Options();
  TestServer server(options);
  memory.Set(900);

  TestStream waiting(server);
  waiting.Join(TestIdentity(1), "task");
  EXPECT_TRUE(waiting.ReadAny().has_waiting());
  const auto operators = server.Operator();
  v1::StartSessionRequest start;
  start.set_task_id("started");
  v1::Session session;
  {
    grpc::ClientContext context;
    const absl::Status refused = FromGrpcStatus(operators->StartSession(&context, start, &session));
    EXPECT_EQ(ReasonOf(refused), v1::REASON_OVERLOADED) << refused;
    EXPECT_GT(RetryAfterOf(refused), absl::ZeroDuration());
  }
  EXPECT_EQ(counter.count(metrics::Overload::kMemory), 2);

  memory.Set(899);
  EXPECT_TRUE(waiting.Read().has_offer());
  grpc::ClientContext context;
  EXPECT_TRUE(operators->StartSession(&context, start, &session).ok());
}

// gRPC's own listener takes nobody in any more after that.
TEST(ServerOverloadTest, StrangersWhoTakeEveryDescriptorShutNobodyOutAfterwards) {
  RejectionCounter counter;
  TestServerOptions options;
  options.recorder = &counter;
  TestServer server(options);
  std::deque<Stranger> strangers(300);
  const FewFiles few(200);
  for (Stranger& stranger : strangers) {
    ASSERT_TRUE(stranger.Connect((*server).ports().participants));
  }
  EXPECT_TRUE(strangers.back().IsTurnedAway());
  EXPECT_GE(NextDescriptor(), 0);  // Stores find one still.
  EXPECT_EQ(counter.count(metrics::Overload::kInflight), 300 - (200 - 64));
  // So do operators.
  {
    grpc::ClientContext context;
    v1::ListTasksResponse tasks;
    EXPECT_TRUE(server.Operator()->ListTasks(&context, {}, &tasks).ok());
  }

  strangers.clear();
  for (int i = 0; i < 1000 && NextDescriptor() > few.first() + 20; ++i) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  ExpectServed(server, 1);
}

}  // namespace
}  // namespace veilsum::aggregator
