// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Operators' calls, and who is one.

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "aggregator/transport/server_testing.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

// Counts the messages of operators' calls.
class CountingRecorder : public metrics::Recorder {
 public:
  void RpcMessageReceived(metrics::Method method, uint64_t bytes) override {
    if (method != metrics::Method::kOperator) return;
    ++received;
    received_bytes += bytes;
  }
  void RpcMessageSent(metrics::Method method) override {
    if (method == metrics::Method::kOperator) ++sent;
  }

  std::atomic<uint64_t> received{0};
  std::atomic<uint64_t> received_bytes{0};
  std::atomic<uint64_t> sent{0};
};

class ServerOperatorTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::Task> Create(const v1::Task& task) {
    grpc::ClientContext context;
    v1::CreateTaskRequest request;
    *request.mutable_task() = task;
    v1::Task created;
    absl::Status status = FromGrpcStatus(stub_->CreateTask(&context, request, &created));
    if (!status.ok()) return status;
    return created;
  }
  absl::StatusOr<v1::Session> Start(const std::string& task_id, const std::string& hash = "") {
    grpc::ClientContext context;
    v1::StartSessionRequest request;
    request.set_task_id(task_id);
    request.set_model_hash(hash);
    v1::Session session;
    absl::Status status = FromGrpcStatus(stub_->StartSession(&context, request, &session));
    if (!status.ok()) return status;
    return session;
  }
  absl::StatusOr<v1::Session> Abort(const std::string& session_id) {
    grpc::ClientContext context;
    v1::AbortSessionRequest request;
    request.set_session_id(session_id);
    request.set_detail("enough");
    v1::Session session;
    absl::Status status = FromGrpcStatus(stub_->AbortSession(&context, request, &session));
    if (!status.ok()) return status;
    return session;
  }
  absl::StatusOr<v1::Session> Get(const std::string& session_id) {
    grpc::ClientContext context;
    v1::GetSessionRequest request;
    request.set_session_id(session_id);
    v1::Session session;
    absl::Status status = FromGrpcStatus(stub_->GetSession(&context, request, &session));
    if (!status.ok()) return status;
    return session;
  }
  v1::ListSessionsResponse List(const std::string& task_id = "") {
    grpc::ClientContext context;
    v1::ListSessionsRequest request;
    request.set_task_id(task_id);
    v1::ListSessionsResponse response;
    EXPECT_TRUE(stub_->ListSessions(&context, request, &response).ok());
    return response;
  }

  TestServer server_;
  std::unique_ptr<v1::OperatorService::Stub> stub_ = server_.Operator();
};

TEST_F(ServerOperatorTest, OnlyTheOperatorsCertificateIsLetIn) {
  for (const auto& stub : {server_.NotTheOperator(), server_.Nobody()}) {
    grpc::ClientContext context;
    v1::ListTasksResponse response;
    // The handshake fails: there is not even an answer.
    EXPECT_EQ(stub->ListTasks(&context, {}, &response).error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  // Participants' address has no such service, with a certificate or without.
  const auto elsewhere = v1::OperatorService::NewStub(server_.ParticipantChannel());
  grpc::ClientContext elsewhere_context;
  v1::ListTasksResponse none;
  EXPECT_EQ(elsewhere->ListTasks(&elsewhere_context, {}, &none).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  grpc::ClientContext context;
  v1::ListTasksResponse response;
  EXPECT_TRUE(stub_->ListTasks(&context, {}, &response).ok());
  ASSERT_EQ(response.tasks_size(), 1);
  EXPECT_EQ(response.tasks(0).task_id(), "task");
}

TEST_F(ServerOperatorTest, CreatesTasksThatFollowTheRules) {
  const absl::StatusOr<v1::Task> created = Create(TestTask("new", 10));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->vector().modulus_bits(), 26u);  // 10 · 100 · (2^16 − 1) < 2^26
  EXPECT_TRUE(Start("new").ok());

  struct Case {
    std::function<void(v1::Task&)> spoil;
    absl::StatusCode code;
    v1::Reason reason;
  };
  const Case cases[] = {
      {[](v1::Task& task) { task.set_task_id("new"); }, absl::StatusCode::kAlreadyExists,
       v1::REASON_ALREADY_EXISTS},
      {[](v1::Task& task) { task.set_task_id("No!"); }, absl::StatusCode::kInvalidArgument,
       v1::REASON_INVALID_ARGUMENT},
      {[](v1::Task& task) { task.set_tier(v1::TIER_MALICIOUS); },
       absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT},  // γ is 0.
      {[](v1::Task& task) { task.set_dropout_rate(0.9); }, absl::StatusCode::kFailedPrecondition,
       v1::REASON_INFEASIBLE_PARAMETERS},
      {[](v1::Task& task) { task.mutable_vector()->set_dimension(10'000'000); },
       absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT},
  };
  for (const Case& one : cases) {
    v1::Task task = TestTask("next", 10);
    one.spoil(task);
    const absl::Status refused = Create(task).status();
    EXPECT_EQ(refused.code(), one.code) << refused;
    EXPECT_EQ(ReasonOf(refused), one.reason) << refused;
  }
}

TEST_F(ServerOperatorTest, StartsListsAndAbortsSessions) {
  EXPECT_EQ(ReasonOf(Start("other").status()), v1::REASON_UNKNOWN_TASK);
  EXPECT_EQ(ReasonOf(Start("task", "short").status()), v1::REASON_INVALID_ARGUMENT);
  const absl::StatusOr<v1::Session> session = Start("task", std::string(32, 'h'));
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->header().model_hash(), std::string(32, 'h'));
  EXPECT_EQ(ReasonOf(Start("task").status()), v1::REASON_ALREADY_EXISTS);

  TestStream client(server_);
  client.Join(TestIdentity(1), "task");
  v1::SessionHeader header;
  ASSERT_TRUE(header.ParseFromString(client.Read().offer().header()));
  EXPECT_EQ(header.session_id(), session->session_id());

  const absl::StatusOr<v1::Session> aborted = Abort(session->session_id());
  ASSERT_TRUE(aborted.ok()) << aborted.status();
  EXPECT_EQ(aborted->state(), v1::SESSION_STATE_ABORTED);
  EXPECT_EQ(aborted->abort_reason(), v1::REASON_ABORTED_BY_OPERATOR);
  EXPECT_EQ(aborted->abort_detail(), "enough");
  const v1::ServerMessage told = client.Read();
  EXPECT_EQ(told.refused().scope(), v1::Refused::SCOPE_SESSION);
  EXPECT_EQ(told.refused().reason(), v1::REASON_ABORTED_BY_OPERATOR);

  const absl::StatusOr<v1::Session> next = Start("task");
  ASSERT_TRUE(next.ok()) << next.status();
  const v1::ListSessionsResponse list = List("task");
  ASSERT_EQ(list.sessions_size(), 2);
  EXPECT_EQ(list.sessions(0).session_id(), next->session_id());
  EXPECT_EQ(list.sessions(1).session_id(), session->session_id());
  EXPECT_EQ(List("other").sessions_size(), 0);
  EXPECT_EQ(Get(session->session_id())->abort_detail(), "enough");
  EXPECT_EQ(ReasonOf(Get("nothing").status()), v1::REASON_UNKNOWN_SESSION);
  EXPECT_EQ(ReasonOf(Abort(session->session_id()).status()), v1::REASON_LATE);
}

TEST_F(ServerOperatorTest, AResultThatIsNotThereHasAReason) {
  const absl::StatusOr<v1::Session> session = Start("task");
  ASSERT_TRUE(session.ok());
  const auto reason = [&](const std::string& session_id) {
    grpc::ClientContext context;
    v1::GetResultRequest request;
    request.set_session_id(session_id);
    const auto chunks = stub_->GetResult(&context, request);
    v1::ResultChunk chunk;
    while (chunks->Read(&chunk)) {
    }
    return ReasonOf(FromGrpcStatus(chunks->Finish()));
  };
  EXPECT_EQ(reason("nothing"), v1::REASON_UNKNOWN_SESSION);
  EXPECT_EQ(reason(session->session_id()), v1::REASON_NOT_READY);
  ASSERT_TRUE(Abort(session->session_id()).ok());
  EXPECT_EQ(reason(session->session_id()), v1::REASON_ABORTED_BY_OPERATOR);
}

TEST_F(ServerOperatorTest, AWatcherOfAnEndedOrUnknownSessionIsAnswered) {
  const absl::StatusOr<v1::Session> session = Start("task");
  ASSERT_TRUE(session.ok());
  ASSERT_TRUE(Abort(session->session_id()).ok());
  grpc::ClientContext context;
  v1::GetSessionRequest request;
  request.set_session_id(session->session_id());
  auto states = stub_->WatchSession(&context, request);
  v1::Session state;
  ASSERT_TRUE(states->Read(&state));
  EXPECT_EQ(state.state(), v1::SESSION_STATE_ABORTED);
  EXPECT_FALSE(states->Read(&state));
  EXPECT_TRUE(states->Finish().ok());

  grpc::ClientContext other;
  request.set_session_id("nothing");
  states = stub_->WatchSession(&other, request);
  EXPECT_FALSE(states->Read(&state));
  EXPECT_EQ(ReasonOf(FromGrpcStatus(states->Finish())), v1::REASON_UNKNOWN_SESSION);
}

TEST(ServerOperatorMetricsTest, MessagesOfShortCallsAreCounted) {
  CountingRecorder recorder;
  TestServerOptions options;
  options.recorder = &recorder;
  TestServer server(options);
  const auto stub = server.Operator();
  v1::GetTaskRequest request;
  v1::Task task;
  for (const char* task_id : {"task", "none"}) {
    grpc::ClientContext context;
    request.set_task_id(task_id);
    stub->GetTask(&context, request, &task);
  }
  EXPECT_EQ(recorder.received, 2u);
  EXPECT_EQ(recorder.received_bytes, 12u);
  EXPECT_EQ(recorder.sent, 1u);
}

TEST_F(ServerOperatorTest, RequestsThatDoNotParseAreMalformed) {
  for (const char* method : {"CreateTask", "ListTasks", "GetTask", "StartSession", "ListSessions",
                             "GetSession", "AbortSession", "WatchSession", "GetResult"}) {
    grpc::GenericStub stub(server_.OperatorChannel());
    grpc::ClientContext context;
    const grpc::Slice garbage("\xff\xff\xff\xff garbage");
    grpc::CompletionQueue queue;
    const auto call =
        stub.PrepareUnaryCall(&context, absl::StrCat("/veilsum.v1.OperatorService/", method),
                              grpc::ByteBuffer(&garbage, 1), &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    const absl::Status end = FromGrpcStatus(status);
    EXPECT_EQ(end.code(), absl::StatusCode::kInvalidArgument) << method << " " << end;
    EXPECT_EQ(ReasonOf(end), v1::REASON_MALFORMED) << method << " " << end;
  }
}

// gRPC's own health service, on both listeners.
TEST_F(ServerOperatorTest, HealthIsServingUntilTheDrain) {
  const auto check = [&] {
    grpc::GenericStub stub(server_.ParticipantChannel());
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
    const grpc::Slice empty;
    request = grpc::ByteBuffer(&empty, 1);
    grpc::CompletionQueue queue;
    const auto call =
        stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    grpc::Slice bytes;
    EXPECT_TRUE(response.DumpToSingleSlice(&bytes).ok());
    return std::string(bytes.begin(), bytes.end());
  };
  EXPECT_EQ(check(), "\x08\x01");  // SERVING
  server_->Drain(absl::ZeroDuration());
  EXPECT_EQ(check(), "\x08\x02");  // NOT_SERVING
}

}  // namespace
}  // namespace veilsum::aggregator
