// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Whole sessions of the real client SDK with the real server, over TLS.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/transport/server_testing.h"
#include "client_sdk/veilsum.h"
#include "crypto/certificates/identity_pem.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr float kTolerance = 1e-3f;  // Of 16 bits on [-1, 1].

std::unique_ptr<Client> MakeClient(const TestServer& server, uint8_t number) {
  ClientOptions options;
  options.target = server.participant_target();
  options.task = "task";
  options.identity_pem =
      crypto::ToString(crypto::ExposeSecret(crypto::FormatIdentityPem(TestIdentity(number))));
  options.root_certificates_pem = server.authority_pem();
  options.policy.least_tier = Tier::kSemiHonest;
  options.policy.least_n_min = 2;
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

TEST(ServerSessionTest, AFullUploadBudgetDelaysClientsAndLosesNone) {
  TestServerOptions options;
  options.tasks = {TestTask("task", 8)};
  options.tasks[0].mutable_vector()->set_dimension(2000);
  options.pending_upload_bytes = 7000;  // One upload of 2001 · 26 bits.
  TestServer server(options);
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::future<absl::StatusOr<AggregateResult>>> results;
  for (uint8_t i = 1; i <= 8; ++i) {
    clients.push_back(MakeClient(server, i));
    results.push_back(std::async(std::launch::async, [&client = *clients.back()] {
      return client.Aggregate(std::vector<float>(2000, 0.5f), {.timeout = absl::Seconds(60)});
    }));
  }
  for (auto& pending : results) {
    const auto result = pending.get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->participants, 8u);
    EXPECT_NEAR(result->mean[1999], 0.5f, kTolerance);
  }
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
