// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/services.h"

#include <memory>
#include <utility>

#include "aggregator/transport/participate_stream.h"
#include "aggregator/transport/sum_stream.h"
#include "aggregator/transport/upload_stream.h"
#include "aggregator/transport/watch_stream.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

// Begins a unary call; `finish` is to be called with its answer, from any thread, once.
template <class Response>
struct UnaryCall {
  UnaryCall(grpc::CallbackServerContext* call, Response* response, ServiceContext& context)
      : reactor(call->DefaultReactor()),
        finish([reactor = reactor, response,
                metrics = RpcMetrics(context.recorder, metrics::Method::kOperator)](
                   absl::StatusOr<Response> answer) mutable {
          if (answer.ok()) *response = *std::move(answer);
          metrics.Handled(static_cast<int>(answer.status().code()));
          reactor->Finish(ToGrpcStatus(answer.status()));
        }) {}

  grpc::ServerUnaryReactor* reactor;
  Answer<Response> finish;
};

}  // namespace

// ---- Participants ----

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ParticipantServiceAdapter::Participate(
    grpc::CallbackServerContext* call) {
  return RawStream::Launch(std::make_shared<ParticipateStream>(call, context_));
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
ParticipantServiceAdapter::UploadMaskedInput(grpc::CallbackServerContext* call) {
  return RawStream::Launch(std::make_shared<UploadStream>(call, context_));
}

grpc::ServerWriteReactor<v1::ResultChunk>* ParticipantServiceAdapter::DownloadResult(
    grpc::CallbackServerContext* /*call*/, const v1::DownloadResultRequest* request) {
  return SumStream::Launch(request->offset(), context_.executors.NewControlStrand(),
                           RpcMetrics(context_.recorder, metrics::Method::kDownloadResult),
                           [&](Answer<PackedSum> answer) {
                             context_.aggregator->Download(*request, std::move(answer));
                           });
}

// ---- Operators ----

grpc::ServerUnaryReactor* OperatorServiceAdapter::CreateTask(grpc::CallbackServerContext* call,
                                                             const v1::CreateTaskRequest* request,
                                                             v1::Task* response) {
  UnaryCall<v1::Task> unary(call, response, context_);
  context_.aggregator->CreateTask(request->task(), std::move(unary.finish));
  return unary.reactor;
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::ListTasks(grpc::CallbackServerContext* call,
                                                            const v1::ListTasksRequest* /*request*/,
                                                            v1::ListTasksResponse* response) {
  UnaryCall<v1::ListTasksResponse> unary(call, response, context_);
  context_.aggregator->ListTasks(std::move(unary.finish));
  return unary.reactor;
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::GetTask(grpc::CallbackServerContext* call,
                                                          const v1::GetTaskRequest* request,
                                                          v1::Task* response) {
  UnaryCall<v1::Task> unary(call, response, context_);
  context_.aggregator->GetTask(request->task_id(), std::move(unary.finish));
  return unary.reactor;
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::StartSession(
    grpc::CallbackServerContext* call, const v1::StartSessionRequest* request,
    v1::Session* response) {
  UnaryCall<v1::Session> unary(call, response, context_);
  context_.aggregator->StartSession(*request, std::move(unary.finish));
  return unary.reactor;
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::ListSessions(
    grpc::CallbackServerContext* call, const v1::ListSessionsRequest* request,
    v1::ListSessionsResponse* response) {
  UnaryCall<v1::ListSessionsResponse> unary(call, response, context_);
  context_.aggregator->ListSessions(*request, std::move(unary.finish));
  return unary.reactor;
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::GetSession(grpc::CallbackServerContext* call,
                                                             const v1::GetSessionRequest* request,
                                                             v1::Session* response) {
  UnaryCall<v1::Session> unary(call, response, context_);
  context_.aggregator->GetSession(request->session_id(), std::move(unary.finish));
  return unary.reactor;
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::AbortSession(
    grpc::CallbackServerContext* call, const v1::AbortSessionRequest* request,
    v1::Session* response) {
  UnaryCall<v1::Session> unary(call, response, context_);
  context_.aggregator->AbortSession(*request, std::move(unary.finish));
  return unary.reactor;
}

grpc::ServerWriteReactor<v1::Session>* OperatorServiceAdapter::WatchSession(
    grpc::CallbackServerContext* /*call*/, const v1::GetSessionRequest* request) {
  return WatchStream::Launch(*context_.aggregator, request->session_id(),
                             context_.executors.NewControlStrand(),
                             RpcMetrics(context_.recorder, metrics::Method::kWatchSession));
}

grpc::ServerWriteReactor<v1::ResultChunk>* OperatorServiceAdapter::GetResult(
    grpc::CallbackServerContext* /*call*/, const v1::GetResultRequest* request) {
  return SumStream::Launch(request->offset(), context_.executors.NewControlStrand(),
                           RpcMetrics(context_.recorder, metrics::Method::kGetResult),
                           [&](Answer<PackedSum> answer) {
                             context_.aggregator->GetResult(*request, std::move(answer));
                           });
}

}  // namespace veilsum::aggregator
