// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/operator_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator::cli {
namespace {

constexpr std::chrono::seconds kCallDeadline(15);
// Of a whole result: 400 MB on a slow line. A broken one goes on where it broke.
constexpr std::chrono::minutes kResultDeadline(60);
constexpr int kMostReconnects = 5;
constexpr std::chrono::seconds kReconnectPause(1);

// Did the connection fail, rather than the aggregator refuse?
bool ConnectionFailed(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable &&
         ReasonOf(status) == v1::REASON_UNSPECIFIED;
}

void SetDeadline(grpc::ClientContext& context, std::chrono::system_clock::duration limit) {
  context.set_deadline(std::chrono::system_clock::now() + limit);
}

bool Ended(const v1::Session& session) {
  return session.state() == v1::SESSION_STATE_COMPLETED ||
         session.state() == v1::SESSION_STATE_ABORTED;
}

}  // namespace

absl::StatusOr<OperatorClient> OperatorClient::Open(const Connection& connection) {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(connection);
  if (!channel.ok()) return channel.status();
  return OperatorClient(connection.address, v1::OperatorService::NewStub(*channel));
}

absl::Status OperatorClient::StatusOf(const grpc::Status& status) const {
  absl::Status error = FromGrpcStatus(status);
  if (ConnectionFailed(error)) {
    return absl::UnavailableError(
        absl::StrCat("no aggregator that can be trusted answers at ", address_,
                     ". Is it running, is this its [operator] address, and do --ca, --certificate "
                     "and --key belong to it? (",
                     error.message(), ")"));
  }
  return error;
}

template <class Request, class Response>
absl::StatusOr<Response> OperatorClient::Call(grpc::Status (v1::OperatorService::Stub::*method)(
                                                  grpc::ClientContext*, const Request&, Response*),
                                              const Request& request) {
  grpc::ClientContext context;
  SetDeadline(context, kCallDeadline);
  Response response;
  absl::Status status = StatusOf((stub_.get()->*method)(&context, request, &response));
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::Task> OperatorClient::CreateTask(const v1::Task& task) {
  v1::CreateTaskRequest request;
  *request.mutable_task() = task;
  return Call(&v1::OperatorService::Stub::CreateTask, request);
}

absl::StatusOr<v1::Task> OperatorClient::GetTask(const std::string& task_id) {
  v1::GetTaskRequest request;
  request.set_task_id(task_id);
  return Call(&v1::OperatorService::Stub::GetTask, request);
}

absl::StatusOr<v1::ListTasksResponse> OperatorClient::ListTasks() {
  return Call(&v1::OperatorService::Stub::ListTasks, v1::ListTasksRequest());
}

absl::StatusOr<v1::Session> OperatorClient::StartSession(const std::string& task_id,
                                                         const std::string& model_hash) {
  v1::StartSessionRequest request;
  request.set_task_id(task_id);
  request.set_model_hash(model_hash);
  return Call(&v1::OperatorService::Stub::StartSession, request);
}

absl::StatusOr<v1::ListSessionsResponse> OperatorClient::ListSessions(const std::string& task_id) {
  v1::ListSessionsRequest request;
  request.set_task_id(task_id);
  return Call(&v1::OperatorService::Stub::ListSessions, request);
}

absl::StatusOr<v1::Session> OperatorClient::GetSession(const std::string& session_id) {
  v1::GetSessionRequest request;
  request.set_session_id(session_id);
  return Call(&v1::OperatorService::Stub::GetSession, request);
}

absl::StatusOr<v1::Session> OperatorClient::AbortSession(const std::string& session_id,
                                                         const std::string& detail) {
  v1::AbortSessionRequest request;
  request.set_session_id(session_id);
  request.set_detail(detail);
  return Call(&v1::OperatorService::Stub::AbortSession, request);
}

absl::Status OperatorClient::WatchSession(
    const std::string& session_id, const std::function<void(const v1::Session&)>& on_change) {
  v1::GetSessionRequest request;
  request.set_session_id(session_id);
  for (int failures = 0;;) {
    grpc::ClientContext context;
    // Sessions may take days; keepalive notices a connection that died.
    SetDeadline(context, std::chrono::milliseconds(limits::kMaxDeadlineMs));
    const auto reader = stub_->WatchSession(&context, request);
    v1::Session session;
    while (reader->Read(&session)) {
      failures = 0;
      on_change(session);
      if (!Ended(session)) continue;
      context.TryCancel();
      return absl::OkStatus();
    }
    absl::Status status = StatusOf(reader->Finish());
    if (status.ok()) status = absl::UnavailableError("the aggregator ended the watch early");
    if (!ConnectionFailed(status) || ++failures > kMostReconnects) return status;
    std::this_thread::sleep_for(kReconnectPause);
  }
}

absl::Status OperatorClient::Download(const std::string& session_id, uint64_t bytes,
                                      std::string& sum) {
  grpc::ClientContext context;
  SetDeadline(context, kResultDeadline);
  v1::GetResultRequest request;
  request.set_session_id(session_id);
  request.set_offset(sum.size());
  const auto reader = stub_->GetResult(&context, request);
  v1::ResultChunk chunk;
  while (reader->Read(&chunk)) {
    if (chunk.offset() != sum.size() || chunk.payload().size() > bytes - sum.size()) {
      context.TryCancel();
      return MakeError(absl::StatusCode::kDataLoss, v1::REASON_RESULT_REFUSED,
                       "the aggregator sent other parts of the result than it announced");
    }
    sum += chunk.payload();
  }
  return StatusOf(reader->Finish());
}

absl::StatusOr<std::string> OperatorClient::GetResult(const std::string& session_id,
                                                      uint64_t bytes) {
  std::string sum;
  for (int failures = 0;; ++failures) {
    const size_t before = sum.size();
    absl::Status status = Download(session_id, bytes, sum);
    if (status.ok() && sum.size() == bytes) return sum;
    if (status.ok()) status = absl::UnavailableError("the result ended early");
    if (sum.size() > before) failures = 0;
    if (!ConnectionFailed(status) || failures >= kMostReconnects) return status;
    std::this_thread::sleep_for(kReconnectPause);
  }
}

absl::StatusOr<v1::Session> OperatorClient::FindSession(absl::string_view hex) {
  const std::string wanted = absl::AsciiStrToLower(hex);
  if (wanted.size() == 2 * limits::kSessionIdBytes) {
    return GetSession(absl::HexStringToBytes(wanted));
  }
  const absl::StatusOr<v1::ListSessionsResponse> listed = ListSessions("");
  if (!listed.ok()) return listed.status();
  std::vector<const v1::Session*> found;
  for (const v1::Session& session : listed->sessions()) {
    if (absl::StartsWith(absl::BytesToHexString(session.session_id()), wanted)) {
      found.push_back(&session);
    }
  }
  if (found.empty()) {
    return MakeError(absl::StatusCode::kNotFound, v1::REASON_UNKNOWN_SESSION,
                     wanted.empty() ? "there has been no session yet"
                                    : absl::StrCat("no session's id begins with ", wanted));
  }
  if (found.size() > 1 && !wanted.empty()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
        absl::StrCat(found.size(), " sessions' ids begin with ", wanted, "; give more digits"));
  }
  return GetSession(found.front()->session_id());
}

}  // namespace veilsum::aggregator::cli
