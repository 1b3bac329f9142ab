// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A server that ends at any moment and starts again, with the clients of the SDK over real TLS: who
// comes back finds everything as it was.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/store/storage.h"
#include "aggregator/transport/server_testing.h"
#include "client_sdk/veilsum.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/roster_file.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

constexpr uint8_t kClients = 4;

std::unique_ptr<Client> MakeClient(const TestServer& server, uint8_t number,
                                   const std::string& identities) {
  ClientOptions options;
  options.target = server.participant_target();
  options.task = "task";
  options.identity_pem =
      crypto::ToString(crypto::ExposeSecret(crypto::FormatIdentityPem(TestIdentity(number))));
  options.root_certificates_pem = server.authority_pem();
  options.identities = identities;
  options.policy.accept_unbound_model = true;
  auto client = Client::Create(std::move(options));
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

std::string RosterText() {
  crypto::RosterFile roster;
  roster.version = 1;
  for (uint8_t i = 1; i <= kClients; ++i) {
    roster.names[TestIdentity(i).public_key()] = "client-" + std::to_string(i);
  }
  return crypto::FormatRosterFile(roster);
}

// Tells when something has happened for the first time.
class Moment {
 public:
  void Now() {
    if (!happened_.exchange(true)) promise_.set_value();
  }
  void Await() { promise_.get_future().get(); }

 private:
  std::atomic<bool> happened_{false};
  std::promise<void> promise_;
};

// Of the first message, receipt or end of a kind.
class MomentRecorder : public metrics::Recorder {
 public:
  explicit MomentRecorder(v1::Round round) : round_(round) {}

  void Message(v1::Round phase, metrics::MessageResult result) override {
    if (phase == round_ && result == metrics::MessageResult::kAccepted) moment.Now();
  }
  void SessionFinished(v1::Reason reason, v1::Round /*present*/, double /*seconds*/) override {
    if (round_ == v1::ROUND_UNSPECIFIED) moment.Now();
    if (reason != v1::REASON_UNSPECIFIED) ADD_FAILURE() << v1::Reason_Name(reason);
  }

  Moment moment;

 private:
  const v1::Round round_;
};

TestServerOptions Malicious(std::function<Storage()> open_storage) {
  TestServerOptions options;
  options.tasks = {TestTask("task", kClients)};
  options.tasks[0].set_tier(v1::TIER_MALICIOUS);
  options.tasks[0].set_corruption_rate(0.1);
  options.tasks[0].set_min_survivors(3);
  options.roster_version = 1;
  options.open_storage = std::move(open_storage);
  return options;
}

std::function<Storage()> InDirectory(const std::string& name) {
  const std::string directory = std::string(getenv("TEST_TMPDIR")) + "/" + name;
  return [directory] {
    StorageOptions options;
    options.directory = directory;
    absl::StatusOr<Storage> storage = OpenStorage(std::move(options));
    EXPECT_TRUE(storage.ok()) << storage.status();
    return *std::move(storage);
  };
}

// Every client adds its number times 0.1 to each element, weighted by its number.
std::vector<std::future<absl::StatusOr<AggregateResult>>> StartClients(const TestServer& server) {
  std::vector<std::future<absl::StatusOr<AggregateResult>>> results;
  for (uint8_t i = 1; i <= kClients; ++i) {
    // Made here: while the server starts again there is nobody to ask for its port.
    results.push_back(
        std::async(std::launch::async, [client = MakeClient(server, i, RosterText()), i]() mutable {
          AggregateOptions options;
          options.weight = i;
          options.timeout = absl::Seconds(120);
          return client->Aggregate(std::vector<float>(10, 0.1f * static_cast<float>(i)), options);
        }));
  }
  return results;
}

v1::ListSessionsResponse ListSessions(const TestServer& server) {
  grpc::ClientContext context;
  v1::ListSessionsResponse response;
  EXPECT_TRUE(server.Operator()->ListSessions(&context, {}, &response).ok());
  return response;
}

v1::Session GetSession(const TestServer& server, const std::string& session_id) {
  grpc::ClientContext context;
  v1::GetSessionRequest request;
  request.set_session_id(session_id);
  v1::Session session;
  EXPECT_TRUE(server.Operator()->GetSession(&context, request, &session).ok());
  return session;
}

absl::StatusOr<std::string> GetResult(const TestServer& server, const std::string& session_id) {
  const auto stub = server.Operator();
  grpc::ClientContext context;
  v1::GetResultRequest request;
  request.set_session_id(session_id);
  const auto chunks = stub->GetResult(&context, request);
  std::string sum;
  for (v1::ResultChunk chunk; chunks->Read(&chunk);) sum += chunk.payload();
  absl::Status status = FromGrpcStatus(chunks->Finish());
  if (!status.ok()) return status;
  return sum;
}

absl::Status StartSession(const TestServer& server, const std::string& task_id) {
  grpc::ClientContext context;
  v1::StartSessionRequest request;
  request.set_task_id(task_id);
  v1::Session session;
  return FromGrpcStatus(server.Operator()->StartSession(&context, request, &session));
}

// (1·0.1 + 2·0.2 + 3·0.3 + 4·0.4) / 10
const std::vector<float> kMean(10, 0.3f);

class ServerRecoveryTest : public ::testing::TestWithParam<v1::Round> {};

TEST_P(ServerRecoveryTest, ASessionGoesOnWhereItStopped) {
  MomentRecorder recorder(GetParam());
  TestServerOptions options = Malicious(InDirectory(v1::Round_Name(GetParam())));
  options.recorder = &recorder;
  TestServer server(options);
  auto results = StartClients(server);
  recorder.moment.Await();
  server.Restart();
  std::string session_id;
  for (auto& pending : results) {
    const auto result = pending.get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->participants, kClients);
    EXPECT_EQ(result->weight_sum, 10u);
    EXPECT_THAT(result->mean, Pointwise(FloatNear(1e-3f), kMean));
    if (session_id.empty()) session_id = result->session_id;
    EXPECT_EQ(result->session_id, session_id);
  }

  const v1::ListSessionsResponse list = ListSessions(server);
  ASSERT_EQ(list.sessions_size(), 1);
  const v1::Session before = GetSession(server, list.sessions(0).session_id());
  EXPECT_EQ(before.state(), v1::SESSION_STATE_COMPLETED);
  EXPECT_EQ(before.included(), kClients);
  EXPECT_EQ(before.phases_size(), 5);
  EXPECT_EQ(before.dropouts_size(), 0) << before.DebugString();
  const auto sum = GetResult(server, before.session_id());
  ASSERT_TRUE(sum.ok()) << sum.status();
  EXPECT_EQ(sum->size(), before.result_bytes());

  server.Restart();
  EXPECT_EQ(server->recovered().ended, 1u);
  const v1::Session after = GetSession(server, before.session_id());
  EXPECT_EQ(after.SerializeAsString(), before.SerializeAsString());
  const auto same = GetResult(server, before.session_id());
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(*same, *sum);
}

INSTANTIATE_TEST_SUITE_P(EveryPhase, ServerRecoveryTest,
                         ::testing::Values(v1::ROUND_ADVERTISE_KEYS, v1::ROUND_SHARE_KEYS,
                                           v1::ROUND_MASKED_INPUT_COLLECTION,
                                           v1::ROUND_CONSISTENCY_CHECK, v1::ROUND_UNMASKING,
                                           v1::ROUND_UNSPECIFIED),
                         [](const ::testing::TestParamInfo<v1::Round>& info) {
                           return info.param == v1::ROUND_UNSPECIFIED ? "TheEnd"
                                                                      : v1::Round_Name(info.param);
                         });

TEST(ServerRestartTest, TasksThatOperatorsCreateOutliveIt) {
  TestServerOptions options;
  options.open_storage = InDirectory("tasks");
  TestServer server(options);
  const auto create = [&](const v1::Task& task) {
    grpc::ClientContext context;
    v1::CreateTaskRequest request;
    *request.mutable_task() = task;
    v1::Task created;
    return FromGrpcStatus(server.Operator()->CreateTask(&context, request, &created));
  };
  ASSERT_TRUE(create(TestTask("created", 5)).ok());
  ASSERT_TRUE(create(TestTask("configured-later", 5)).ok());
  server.Restart(
      [](AggregatorOptions& changed) { changed.tasks.push_back(TestTask("configured-later", 7)); });
  EXPECT_EQ(server->recovered().tasks, 1u);
  EXPECT_EQ(ReasonOf(create(TestTask("created", 5))), v1::REASON_ALREADY_EXISTS);
  const auto max_clients = [&](const std::string& task_id) {
    grpc::ClientContext context;
    v1::GetTaskRequest request;
    request.set_task_id(task_id);
    v1::Task task;
    EXPECT_TRUE(server.Operator()->GetTask(&context, request, &task).ok());
    return task.max_clients();
  };
  EXPECT_EQ(max_clients("created"), 5u);
  EXPECT_EQ(max_clients("configured-later"), 7u);  // The configuration wins.
}

TEST(ServerRestartTest, ADrainStopsSessionsThatGoOnAfterIt) {
  TestServerOptions options;
  options.open_storage = InDirectory("drain");
  TestServer server(options);
  TestStream inside(server);
  inside.Join(TestIdentity(1), "task");
  ASSERT_TRUE(inside.Read().has_offer());
  server->Drain(absl::ZeroDuration());
  const absl::Status end = inside.Finish();
  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
  EXPECT_EQ(ReasonOf(end), v1::REASON_SHUTDOWN);

  server.Restart();
  EXPECT_EQ(server->recovered().running, 1u);
  const v1::ListSessionsResponse list = ListSessions(server);
  ASSERT_EQ(list.sessions_size(), 1);
  EXPECT_EQ(list.sessions(0).state(), v1::SESSION_STATE_ADVERTISE_KEYS);
  TestStream again(server);
  again.Join(TestIdentity(1), "task");
  v1::SessionHeader header;
  ASSERT_TRUE(header.ParseFromString(again.Read().offer().header()));
  EXPECT_EQ(header.session_id(), list.sessions(0).session_id());
}

TEST(ServerRestartTest, ASessionThatTakesClientsOfAnotherRosterIsAborted) {
  TestServerOptions options;
  options.tasks[0].set_sessions_on_demand(false);
  options.roster_version = 3;
  options.open_storage = InDirectory("roster");
  TestServer server(options);
  ASSERT_TRUE(StartSession(server, "task").ok());
  server.Restart([](AggregatorOptions& changed) { changed.roster_version = 4; });
  const std::string session_id = ListSessions(server).sessions(0).session_id();
  grpc::ClientContext context;
  v1::GetSessionRequest request;
  request.set_session_id(session_id);
  const auto stub = server.Operator();
  const auto states = stub->WatchSession(&context, request);
  v1::Session session;
  while (states->Read(&session)) {
  }
  EXPECT_TRUE(states->Finish().ok());
  EXPECT_EQ(session.state(), v1::SESSION_STATE_ABORTED);
  EXPECT_THAT(session.abort_detail(), HasSubstr("from version 3 to 4"));
}

TEST(ServerRestartTest, ATaskThatIsNotConfiguredAnyMoreStaysForItsSessions) {
  TestServerOptions options;
  options.tasks[0].set_sessions_on_demand(false);
  options.open_storage = InDirectory("orphan");
  TestServer server(options);
  ASSERT_TRUE(StartSession(server, "task").ok());
  server.Restart([](AggregatorOptions& changed) { changed.tasks.clear(); });
  const std::string session_id = ListSessions(server).sessions(0).session_id();
  EXPECT_EQ(ReasonOf(StartSession(server, "task")), v1::REASON_ALREADY_EXISTS);
  TestStream client(server);
  client.Join(TestIdentity(1), "task");
  EXPECT_TRUE(client.Read().has_offer());

  grpc::ClientContext context;
  v1::AbortSessionRequest request;
  request.set_session_id(session_id);
  v1::Session aborted;
  ASSERT_TRUE(server.Operator()->AbortSession(&context, request, &aborted).ok());
  EXPECT_EQ(aborted.state(), v1::SESSION_STATE_ABORTED);
  EXPECT_EQ(ReasonOf(StartSession(server, "task")), v1::REASON_UNKNOWN_TASK);
}

// ---- Stores that fail ----

// Passes everything on, but for what the test wants.
class FlawedStore : public SessionStore {
 public:
  explicit FlawedStore(std::shared_ptr<SessionStore> store) : store_(std::move(store)) {}

  absl::StatusOr<std::vector<StoredTask>> Tasks() override { return store_->Tasks(); }
  absl::StatusOr<std::vector<SessionSummary>> Sessions() override { return store_->Sessions(); }
  absl::StatusOr<StoredSession> Take(const std::string& session_id) override {
    if (session_id == damaged) return absl::DataLossError("a row of it does not fit its checksum");
    return store_->Take(session_id);
  }
  void PutTask(StoredTask task, Done done) override { store_->PutTask(task, done); }
  void CreateSession(NewSession session, Done done) override {
    store_->CreateSession(session, done);
  }
  void Commit(const Claim& claim, std::vector<Operation> operations, absl::Time now,
              Done done) override {
    if (refuse_one.exchange(false)) return done(absl::AlreadyExistsError("other bytes are there"));
    if (!fenced) return store_->Commit(claim, std::move(operations), now, done);
    store_->Commit({claim.session_id, claim.fence + 1}, std::move(operations), now, done);
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
  uint64_t queued_bytes() const override { return queued; }

  std::string damaged;
  std::atomic<bool> fenced{false};
  std::atomic<bool> refuse_one{false};
  std::atomic<uint64_t> queued{0};

 private:
  const std::shared_ptr<SessionStore> store_;
};

class FlawedStoreTest : public ::testing::Test {
 protected:
  FlawedStoreTest() {
    const Storage good = MemoryStorage();
    store_ = std::make_shared<FlawedStore>(good.sessions);
    options_.tasks = {TestTask("task", 3), TestTask("other", 3)};
    options_.open_storage = [this, blobs = good.blobs] { return Storage{store_, blobs}; };
  }

  std::shared_ptr<FlawedStore> store_;
  TestServerOptions options_;
};

TEST_F(FlawedStoreTest, ADamagedSessionEndsLoudlyAndTheOthersGoOn) {
  TestServer server(options_);
  ASSERT_TRUE(StartSession(server, "task").ok());
  ASSERT_TRUE(StartSession(server, "other").ok());
  const v1::ListSessionsResponse list = ListSessions(server);
  for (const v1::Session& session : list.sessions()) {
    if (session.task_id() == "task") store_->damaged = session.session_id();
  }
  server.Restart();
  EXPECT_EQ(server->recovered().lost, 1u);
  EXPECT_EQ(server->recovered().running, 1u);
  const v1::Session lost = GetSession(server, store_->damaged);
  EXPECT_EQ(lost.state(), v1::SESSION_STATE_ABORTED);
  EXPECT_EQ(lost.abort_reason(), v1::REASON_STORAGE_FAILED);
  TestStream client(server);
  client.Join(TestIdentity(1), "task", store_->damaged);
  EXPECT_EQ(client.Read().refused().reason(), v1::REASON_STORAGE_FAILED);
}

TEST_F(FlawedStoreTest, ASessionWhoseStoreRefusesItEndsAndSaysSo) {
  TestServer server(options_);
  ASSERT_TRUE(StartSession(server, "task").ok());
  TestStream client(server);
  client.Join(TestIdentity(1), "task");
  ASSERT_TRUE(client.Read().has_offer());
  const std::string session_id = ListSessions(server).sessions(0).session_id();
  store_->fenced = true;
  grpc::ClientContext context;
  v1::AbortSessionRequest request;
  request.set_session_id(session_id);
  v1::Session ended;
  ASSERT_TRUE(server.Operator()->AbortSession(&context, request, &ended).ok());
  EXPECT_EQ(ended.abort_reason(), v1::REASON_STORAGE_FAILED);
  const v1::ServerMessage told = client.Read();
  EXPECT_EQ(told.refused().scope(), v1::Refused::SCOPE_SESSION);
  EXPECT_EQ(told.refused().reason(), v1::REASON_STORAGE_FAILED);
}

TEST_F(FlawedStoreTest, ASessionThatWasLostDoesNotComeBack) {
  TestServer server(options_);
  ASSERT_TRUE(StartSession(server, "task").ok());
  const std::string session_id = ListSessions(server).sessions(0).session_id();
  store_->refuse_one = true;
  grpc::ClientContext context;
  v1::AbortSessionRequest request;
  request.set_session_id(session_id);
  v1::Session ended;
  ASSERT_TRUE(server.Operator()->AbortSession(&context, request, &ended).ok());
  EXPECT_EQ(ended.abort_reason(), v1::REASON_STORAGE_FAILED);
  server.Restart();
  EXPECT_EQ(server->recovered().running, 0u);
  const v1::Session after = GetSession(server, session_id);
  EXPECT_EQ(after.state(), v1::SESSION_STATE_ABORTED);
  EXPECT_EQ(after.abort_reason(), v1::REASON_STORAGE_FAILED);
}

TEST_F(FlawedStoreTest, WhoeverWouldAddToAStoreThatDoesNotKeepUpIsAskedToComeBack) {
  TestServer server(options_);
  TestStream inside(server);
  inside.Join(TestIdentity(1), "task");
  ASSERT_TRUE(inside.Read().has_offer());
  store_->queued = uint64_t{1} << 40;
  v1::ClientMessage message;
  message.mutable_advertise_keys();
  inside.Write(message);
  const v1::Refused refused = inside.Read().refused();
  EXPECT_EQ(refused.reason(), v1::REASON_OVERLOADED);
  EXPECT_EQ(refused.round(), v1::ROUND_ADVERTISE_KEYS);
  EXPECT_GT(refused.retry_after_ms(), 0u);
  TestStream outside(server);
  outside.Join(TestIdentity(2), "task");
  EXPECT_EQ(outside.Read().refused().reason(), v1::REASON_OVERLOADED);
  EXPECT_EQ(ReasonOf(StartSession(server, "other")), v1::REASON_OVERLOADED);
}

}  // namespace
}  // namespace veilsum::aggregator
