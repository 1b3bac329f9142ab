// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Whole sessions of the real client SDK with the real server, over TLS.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "aggregator/transport/server_testing.h"
#include "client_sdk/veilsum.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/roster_file.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr float kTolerance = 1e-3f;  // Of 16 bits on [-1, 1].

std::unique_ptr<Client> MakeClient(const TestServer& server, uint8_t number,
                                   const std::string& identities = "") {
  ClientOptions options;
  options.target = server.participant_target();
  options.task = "task";
  options.identity_pem =
      crypto::ToString(crypto::ExposeSecret(crypto::FormatIdentityPem(TestIdentity(number))));
  options.root_certificates_pem = server.authority_pem();
  if (identities.empty()) {
    options.policy.least_tier = Tier::kSemiHonest;
    options.policy.least_n_min = 2;
  }
  options.identities = identities;
  auto client = Client::Create(std::move(options));
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

// What each of `clients` gets, in its order.
std::vector<absl::StatusOr<AggregateResult>> AggregateAll(
    const std::vector<std::unique_ptr<Client>>& clients) {
  std::vector<std::future<absl::StatusOr<AggregateResult>>> pending;
  for (size_t i = 0; i < clients.size(); ++i) {
    const auto promise = std::make_shared<std::promise<absl::StatusOr<AggregateResult>>>();
    pending.push_back(promise->get_future());
    AggregateOptions options;
    options.weight = i + 1;
    options.timeout = absl::Seconds(60);
    clients[i]->AggregateAsync(
        std::vector<float>(10, 0.1f * static_cast<float>(i)), std::move(options),
        [promise](absl::StatusOr<AggregateResult> result) { promise->set_value(result); });
  }
  std::vector<absl::StatusOr<AggregateResult>> results;
  for (auto& one : pending) results.push_back(one.get());
  return results;
}

v1::Session StartSession(const TestServer& server, const std::string& model_hash) {
  grpc::ClientContext context;
  v1::StartSessionRequest request;
  request.set_task_id("task");
  request.set_model_hash(model_hash);
  v1::Session session;
  EXPECT_TRUE(server.Operator()->StartSession(&context, request, &session).ok());
  return session;
}

v1::Session GetSession(const TestServer& server, const std::string& session_id) {
  grpc::ClientContext context;
  v1::GetSessionRequest request;
  request.set_session_id(session_id);
  v1::Session session;
  EXPECT_TRUE(server.Operator()->GetSession(&context, request, &session).ok());
  return session;
}

// Weighted by 1, 2, 3: (0·1 + 0.1·2 + 0.2·3) / 6.
const std::vector<float> kMean(10, 0.8f / 6);

TEST(ServerSessionTest, RunsOneSessionAfterAnother) {
  TestServer server;
  std::vector<std::unique_ptr<Client>> clients;
  for (uint8_t i = 1; i <= 3; ++i) clients.push_back(MakeClient(server, i));
  std::set<std::string> sessions;
  for (int round = 0; round < 3; ++round) {
    for (const auto& result : AggregateAll(clients)) {
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->participants, 3u);
      EXPECT_EQ(result->weight_sum, 6u);
      EXPECT_THAT(result->mean, Pointwise(FloatNear(kTolerance), kMean));
      sessions.insert(result->session_id);
    }
  }
  EXPECT_EQ(sessions.size(), 3u);

  const auto operators = server.Operator();
  grpc::ClientContext context;
  v1::GetTaskRequest request;
  request.set_task_id("task");
  v1::Task task;
  ASSERT_TRUE(operators->GetTask(&context, request, &task).ok());
  EXPECT_EQ(task.sessions_started(), 3u);
  EXPECT_EQ(task.sessions_completed(), 3u);
}

TEST(ServerSessionTest, TheOperatorWatchesASessionAndGetsTheSameSum) {
  TestServerOptions options;
  options.tasks[0].set_sessions_on_demand(false);
  TestServer server(options);
  const auto operators = server.Operator();
  grpc::ClientContext start_context;
  v1::StartSessionRequest start;
  start.set_task_id("task");
  v1::Session session;
  ASSERT_TRUE(operators->StartSession(&start_context, start, &session).ok());

  grpc::ClientContext watch_context;
  v1::GetSessionRequest watch;
  watch.set_session_id(session.session_id());
  const auto states = operators->WatchSession(&watch_context, watch);
  ASSERT_TRUE(states->Read(&session));
  EXPECT_EQ(session.state(), v1::SESSION_STATE_ADVERTISE_KEYS);
  EXPECT_EQ(session.expected(), 3u);

  std::vector<std::unique_ptr<Client>> clients;
  for (uint8_t i = 1; i <= 3; ++i) clients.push_back(MakeClient(server, i));
  for (const auto& result : AggregateAll(clients)) ASSERT_TRUE(result.ok()) << result.status();

  while (states->Read(&session)) {
  }
  EXPECT_TRUE(states->Finish().ok());
  EXPECT_EQ(session.state(), v1::SESSION_STATE_COMPLETED);
  EXPECT_EQ(session.included(), 3u);
  EXPECT_EQ(session.included_identities_size(), 3);
  EXPECT_EQ(session.clients(), 3u);
  EXPECT_EQ(session.threshold(), 2u);
  EXPECT_EQ(session.phases_size(), 4);

  for (const uint64_t offset : {uint64_t{0}, uint64_t{5}, session.result_bytes()}) {
    grpc::ClientContext result_context;
    v1::GetResultRequest request;
    request.set_session_id(session.session_id());
    request.set_offset(offset);
    const auto chunks = operators->GetResult(&result_context, request);
    std::string sum;
    v1::ResultChunk chunk;
    while (chunks->Read(&chunk)) sum += chunk.payload();
    EXPECT_TRUE(chunks->Finish().ok());
    EXPECT_EQ(sum.size(), session.result_bytes() - offset);
  }
}

class MessageCounter : public metrics::Recorder {
 public:
  void Message(v1::Round phase, metrics::MessageResult result) override {
    if (phase != v1::ROUND_CONSISTENCY_CHECK) return;
    if (result == metrics::MessageResult::kAccepted) ++accepted;
  }
  std::atomic<int> accepted{0};
};

// Four clients that believe in one roster, and a fifth that trained another model.
TEST(ServerSessionTest, TheMaliciousTierSignsItsSurvivorsAndTellsTheOperatorWhoRefused) {
  MessageCounter counter;
  TestServerOptions options;
  options.tasks = {TestTask("task", 4)};
  v1::Task& task = options.tasks[0];
  task.set_tier(v1::TIER_MALICIOUS);
  task.set_corruption_rate(0.1);
  task.set_min_survivors(3);
  task.set_sessions_on_demand(false);
  options.roster_version = 3;
  options.recorder = &counter;
  TestServer server(options);
  crypto::RosterFile roster;
  roster.version = 3;
  for (uint8_t i = 1; i <= 5; ++i) {
    roster.names[TestIdentity(i).public_key()] = "client-" + std::to_string(i);
  }
  const std::string identities = crypto::FormatRosterFile(roster);
  const std::string session_id = StartSession(server, std::string(32, 'm')).session_id();

  std::array<uint8_t, 32> model;
  model.fill('m');
  std::array<uint8_t, 32> another_model;
  another_model.fill('a');
  const auto aggregate = [](Client& client, const std::array<uint8_t, 32>& hash) {
    AggregateOptions one;
    one.timeout = absl::Seconds(60);
    one.model_hash = hash;
    return client.Aggregate(std::vector<float>(10, 0.5f), one);
  };
  const auto refused = aggregate(*MakeClient(server, 5, identities), another_model);
  EXPECT_EQ(ReasonOf(refused.status()), v1::REASON_MODEL_MISMATCH) << refused.status();

  std::vector<std::future<absl::StatusOr<AggregateResult>>> results;
  for (uint8_t i = 1; i <= 4; ++i) {
    results.push_back(std::async(std::launch::async, [&, i] {
      return aggregate(*MakeClient(server, i, identities), model);
    }));
  }
  for (auto& pending : results) {
    const auto result = pending.get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->participants, 4u);
    EXPECT_NEAR(result->mean[0], 0.5f, kTolerance);
  }

  const v1::Session session = GetSession(server, session_id);
  EXPECT_EQ(session.state(), v1::SESSION_STATE_COMPLETED);
  EXPECT_EQ(session.header().roster_version(), 3u);
  EXPECT_EQ(session.threshold(), 3u);
  ASSERT_EQ(session.phases_size(), 5);
  EXPECT_EQ(session.phases(3).round(), v1::ROUND_CONSISTENCY_CHECK);
  EXPECT_EQ(session.phases(3).answered(), 4u);
  EXPECT_EQ(counter.accepted, 4);
  EXPECT_EQ(session.refusals_total(), 1u);
  ASSERT_EQ(session.refusals_size(), 1);
  EXPECT_EQ(session.refusals(0).reason(), v1::REASON_MODEL_MISMATCH);
  EXPECT_EQ(session.refusals(0).identity(), crypto::ToString(TestIdentity(5).public_key().bytes()));
}

// ---- Downloads that do not come to an end ----

// A completed session whose sum is larger than what a connection holds.
std::string LargeSession(const TestServer& server) {
  const std::string session_id = StartSession(server, "").session_id();
  std::vector<std::future<absl::StatusOr<AggregateResult>>> results;
  for (uint8_t i = 1; i <= 2; ++i) {
    results.push_back(std::async(std::launch::async, [&server, i] {
      return MakeClient(server, i)->Aggregate(std::vector<float>(400'000, 0.5f),
                                              {.timeout = absl::Seconds(60)});
    }));
  }
  for (auto& pending : results) {
    const auto result = pending.get();
    EXPECT_TRUE(result.ok()) << result.status();
  }
  return session_id;
}

TestServerOptions LargeSessions() {
  TestServerOptions options;
  options.tasks = {TestTask("task", 2)};
  options.tasks[0].mutable_vector()->set_dimension(400'000);
  options.tasks[0].set_sessions_on_demand(false);
  options.pending_upload_bytes = 8 << 20;
  return options;
}

// Begins to download and takes nothing.
struct IdleDownload {
  IdleDownload(v1::OperatorService::Stub& stub, const std::string& session_id) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    v1::GetResultRequest request;
    request.set_session_id(session_id);
    chunks = stub.GetResult(&context, request);
  }
  // Reads to the end, whatever it is.
  absl::Status End() {
    v1::ResultChunk chunk;
    while (chunks->Read(&chunk)) {
    }
    return FromGrpcStatus(chunks->Finish());
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::ResultChunk>> chunks;
};

class DownloadCounter : public metrics::Recorder {
 public:
  void RpcHandled(metrics::Method method, int code, double /*seconds*/) override {
    if (method == metrics::Method::kGetResult) ended.set_value(code);
  }
  std::promise<int> ended;
};

TEST(ServerSessionTest, AStalledDownloadIsEnded) {
  DownloadCounter counter;
  TestServerOptions options = LargeSessions();
  options.recorder = &counter;
  options.stall_time = std::chrono::milliseconds(20);
  TestServer server(options);
  const std::string session_id = LargeSession(server);
  const auto stub = server.Operator();
  IdleDownload download(*stub, session_id);
  EXPECT_EQ(counter.ended.get_future().get(), static_cast<int>(absl::StatusCode::kAborted));
  EXPECT_FALSE(download.End().ok());
}

TEST(ServerSessionTest, OnlySoManyDownloadsAtATime) {
  TestServer server(LargeSessions());
  const std::string session_id = LargeSession(server);
  const auto stub = server.Operator();
  std::vector<std::unique_ptr<IdleDownload>> downloads;
  for (int i = 0; i < 64; ++i) {
    downloads.push_back(std::make_unique<IdleDownload>(*stub, session_id));
    v1::ResultChunk chunk;
    ASSERT_TRUE(downloads.back()->chunks->Read(&chunk));
  }
  EXPECT_EQ(ReasonOf(IdleDownload(*stub, session_id).End()), v1::REASON_OVERLOADED);
  for (const auto& download : downloads) download->context.TryCancel();
}

void ExpectAllInTheSum(const TestServer& server, uint8_t count, size_t dimension) {
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::future<absl::StatusOr<AggregateResult>>> results;
  for (uint8_t i = 1; i <= count; ++i) {
    clients.push_back(MakeClient(server, i));
    results.push_back(std::async(std::launch::async, [dimension, &client = *clients.back()] {
      return client.Aggregate(std::vector<float>(dimension, 0.5f), {.timeout = absl::Seconds(60)});
    }));
  }
  for (auto& pending : results) {
    const auto result = pending.get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->participants, count);
    EXPECT_NEAR(result->mean[dimension - 1], 0.5f, kTolerance);
  }
}

TEST(ServerSessionTest, AFullUploadBudgetDelaysClientsAndLosesNone) {
  TestServerOptions options;
  options.tasks = {TestTask("task", 8)};
  options.tasks[0].mutable_vector()->set_dimension(2000);
  options.pending_upload_bytes = 7000;  // One upload of 2001 · 26 bits.
  TestServer server(options);
  ExpectAllInTheSum(server, 8, 2000);
}

TEST(ServerSessionTest, LargeMessagesThatLeaveOneByOneReachEverybody) {
  TestServerOptions options;
  options.tasks = {TestTask("task", 8)};
  options.tasks[0].mutable_vector()->set_dimension(200'000);
  options.large_writes_under_way = 1;
  options.longest_write_turn = std::chrono::hours(1);
  TestServer server(options);
  ExpectAllInTheSum(server, 8, 200'000);
}

TEST(ServerSessionTest, WhoWaitsForRoomInVainIsToldAndComesBack) {
  class Counter : public metrics::Recorder {
   public:
    void OverloadRejection(metrics::Overload which) override {
      if (which == metrics::Overload::kMemory) ++refused;
    }
    std::atomic<int> refused = 0;
  } counter;
  TestServerOptions options;
  options.tasks = {TestTask("task", 8)};
  options.tasks[0].mutable_vector()->set_dimension(400'000);
  options.pending_upload_bytes = 1'500'000;  // One upload of 400,001 · 26 bits.
  options.room_time = std::chrono::milliseconds(1);
  options.recorder = &counter;
  TestServer server(options);
  ExpectAllInTheSum(server, 8, 400'000);
  EXPECT_GT(counter.refused, 0);
}

TEST(ServerSessionTest, ADrainThatWaitsTooLongAbortsAndTellsWhy) {
  TestServer server;
  TestStream inside(server);
  inside.Join(TestIdentity(9), "task");
  ASSERT_TRUE(inside.Read().has_offer());
  std::future<void> drained =
      std::async(std::launch::async, [&] { server->Drain(absl::Milliseconds(1)); });
  const v1::ServerMessage last = inside.Read();
  EXPECT_EQ(last.refused().reason(), v1::REASON_SHUTDOWN);
  EXPECT_EQ(last.refused().scope(), v1::Refused::SCOPE_SESSION);
  inside.Cancel();
  drained.get();

  TestStream late(server);
  late.Join(TestIdentity(1), "task");
  EXPECT_EQ(late.Read().refused().reason(), v1::REASON_DRAINING);
}

TEST(ServerSessionTest, ADrainLetsTheRunningSessionEndWithItsResult) {
  TestServer server;
  std::vector<std::unique_ptr<Client>> clients;
  for (uint8_t i = 1; i <= 3; ++i) clients.push_back(MakeClient(server, i));
  std::promise<void> begun;
  std::vector<std::future<absl::StatusOr<AggregateResult>>> results;
  for (const auto& client : clients) {
    AggregateOptions options;
    options.timeout = absl::Seconds(60);
    // The first client to be past the advertisements starts the drain.
    if (client == clients.front()) {
      options.on_progress = [&begun, told = false](const veilsum::Progress& progress) mutable {
        if (progress.stage != veilsum::Progress::Stage::kUploading || std::exchange(told, true))
          return;
        begun.set_value();
      };
    }
    results.push_back(std::async(std::launch::async, [&client, options] {
      return client->Aggregate(std::vector<float>(10, 0.5f), options);
    }));
  }
  begun.get_future().get();
  server->Drain(absl::Seconds(30));
  for (auto& pending : results) {
    const auto result = pending.get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->participants, 3u);
  }
}

}  // namespace
}  // namespace veilsum::aggregator
