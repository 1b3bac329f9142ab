// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/operator_client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "proto/rpc_error/rpc_error.h"

namespace veilsum::demo {
namespace {

constexpr std::chrono::seconds kPatience(20);

// One unary call with a deadline.
template <class Request, class Response>
absl::StatusOr<Response> Call(v1::OperatorService::Stub& stub,
                              grpc::Status (v1::OperatorService::Stub::*method)(
                                  grpc::ClientContext*, const Request&, Response*),
                              const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

}  // namespace

OperatorClient::OperatorClient(const std::string& address, const OperatorCredentials& credentials) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = credentials.roots_pem;
  tls.pem_cert_chain = credentials.certificate_pem;
  tls.pem_private_key = credentials.private_key_pem;
  channel_ = grpc::CreateChannel(address, grpc::SslCredentials(tls));
  stub_ = v1::OperatorService::NewStub(channel_);
}

absl::Status OperatorClient::WaitUntilServing() {
  if (channel_->WaitForConnected(std::chrono::system_clock::now() + kPatience)) {
    return absl::OkStatus();
  }
  return absl::UnavailableError("the aggregator does not answer");
}

absl::StatusOr<v1::Task> OperatorClient::CreateTask(const v1::Task& task) {
  v1::CreateTaskRequest request;
  *request.mutable_task() = task;
  return Call(*stub_, &v1::OperatorService::Stub::CreateTask, request);
}

absl::StatusOr<v1::Session> OperatorClient::StartSession(const std::string& task_id,
                                                         const std::string& model_hash) {
  v1::StartSessionRequest request;
  request.set_task_id(task_id);
  request.set_model_hash(model_hash);
  return Call(*stub_, &v1::OperatorService::Stub::StartSession, request);
}

absl::StatusOr<v1::Session> OperatorClient::GetSession(const std::string& session_id) {
  v1::GetSessionRequest request;
  request.set_session_id(session_id);
  return Call(*stub_, &v1::OperatorService::Stub::GetSession, request);
}

absl::StatusOr<std::string> OperatorClient::GetResult(const std::string& session_id) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  v1::GetResultRequest request;
  request.set_session_id(session_id);
  auto reader = stub_->GetResult(&context, request);
  std::string packed;
  v1::ResultChunk chunk;
  while (reader->Read(&chunk)) packed += chunk.payload();
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  return packed;
}

}  // namespace veilsum::demo
