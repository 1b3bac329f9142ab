// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/services.h"

#include <chrono>
#include <memory>
#include <utility>

#include "aggregator/runtime/names.h"
#include "aggregator/transport/buffers.h"
#include "aggregator/transport/participate_stream.h"
#include "aggregator/transport/sum_stream.h"
#include "aggregator/transport/upload_stream.h"
#include "aggregator/transport/watch_stream.h"
#include "proto/rpc_error/retry_after.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

// Or nothing: MALFORMED.
template <class Request>
absl::StatusOr<Request> Parse(const grpc::ByteBuffer& bytes) {
  Request request;
  if (ParseByteBuffer(bytes, request)) return request;
  return StatusFor(v1::REASON_MALFORMED, "the request does not parse");
}

// A unary call: `ask` gets the request and what to call with the answer, from any thread, once.
template <class Request, class Response, class Ask>
grpc::ServerUnaryReactor* AnswerUnary(grpc::CallbackServerContext* call, ServiceContext& context,
                                      const grpc::ByteBuffer& bytes, grpc::ByteBuffer* response,
                                      Ask ask) {
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  RpcMetrics metrics(context.recorder, metrics::Method::kOperator);
  metrics.Received(bytes.Length());
  const Answer<Response> finish = [reactor, response,
                                   metrics](const absl::StatusOr<Response>& answer) mutable {
    if (answer.ok()) {
      *response = ToByteBuffer(*answer);
      metrics.Sent();
    }
    metrics.Handled(static_cast<int>(answer.status().code()));
    reactor->Finish(ToGrpcStatus(answer.status()));
  };
  const absl::StatusOr<Request> request = Parse<Request>(bytes);
  request.ok() ? ask(*request, finish) : finish(request.status());
  return reactor;
}

// A sum in chunks. `fetch` gets the request and what to call with the sum.
template <class Request, class Fetch>
SumStream* AnswerWithSum(grpc::CallbackServerContext* call, ServiceContext& context,
                         const grpc::ByteBuffer& bytes, metrics::Method method, StreamCount& count,
                         LargeWrites* large_writes, Fetch fetch) {
  RpcMetrics metrics(context.recorder, method);
  metrics.Received(bytes.Length());
  const absl::StatusOr<Request> request = Parse<Request>(bytes);
  SumStream::Options options{count, large_writes, "", 0};
  if (request.ok()) {
    options.offset = request->offset();
    if constexpr (std::is_same_v<Request, v1::DownloadResultRequest>) {
      options.client = request->identity();
    }
  }
  return SumStream::Launch(call, context, metrics, std::move(options),
                           [&](Answer<PackedSum> answer) {
                             if (!request.ok()) return answer(request.status());
                             fetch(*request, std::move(answer));
                           });
}

// A call that is over as it begins. Nobody else has it; gRPC says when it is done with it.
template <class Reactor>
class RefusedCall final : public Reactor {
 public:
  RefusedCall(ServiceContext& context, metrics::Method method)
      : metrics_(context.recorder, method) {
    context.recorder.OverloadRejection(metrics::Overload::kRate);
    const absl::Status why = WithRetryAfter(
        StatusFor(v1::REASON_OVERLOADED, "too many calls on one connection; try again shortly"),
        absl::Seconds(5));
    metrics_.Handled(static_cast<int>(why.code()));
    this->Finish(ToGrpcStatus(why));
  }
  void OnDone() override { delete this; }

 private:
  RpcMetrics metrics_;
};

using BidiReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;
using WriteReactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

bool TooOften(const grpc::CallbackServerContext& call, ServiceContext& context) {
  return !context.calls.Take(call.peer(), std::chrono::steady_clock::now());
}

}  // namespace

// ---- Participants ----

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ParticipantServiceAdapter::Participate(
    grpc::CallbackServerContext* call) {
  if (TooOften(*call, context_)) {
    return new RefusedCall<BidiReactor>(context_, metrics::Method::kParticipate);
  }
  return RawStream::Launch(std::make_shared<ParticipateStream>(call, context_));
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
ParticipantServiceAdapter::UploadMaskedInput(grpc::CallbackServerContext* call) {
  if (TooOften(*call, context_)) {
    return new RefusedCall<BidiReactor>(context_, metrics::Method::kUploadMaskedInput);
  }
  return RawStream::Launch(std::make_shared<UploadStream>(call, context_));
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* ParticipantServiceAdapter::DownloadResult(
    grpc::CallbackServerContext* call, const grpc::ByteBuffer* request) {
  if (TooOften(*call, context_)) {
    return new RefusedCall<WriteReactor>(context_, metrics::Method::kDownloadResult);
  }
  return AnswerWithSum<v1::DownloadResultRequest>(
      call, context_, *request, metrics::Method::kDownloadResult, context_.downloads,
      &context_.large_writes,
      [this](const v1::DownloadResultRequest& parsed, Answer<PackedSum> answer) {
        context_.aggregator->Download(parsed, std::move(answer));
      });
}

// ---- Operators ----

grpc::ServerUnaryReactor* OperatorServiceAdapter::CreateTask(Call* call, const Bytes* request,
                                                             Bytes* response) {
  return AnswerUnary<v1::CreateTaskRequest, v1::Task>(
      call, context_, *request, response, [this](const auto& parsed, const auto& answer) {
        context_.aggregator->CreateTask(parsed.task(), answer);
      });
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::ListTasks(Call* call, const Bytes* request,
                                                            Bytes* response) {
  return AnswerUnary<v1::ListTasksRequest, v1::ListTasksResponse>(
      call, context_, *request, response, [this](const auto& /*parsed*/, const auto& answer) {
        context_.aggregator->ListTasks(answer);
      });
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::GetTask(Call* call, const Bytes* request,
                                                          Bytes* response) {
  return AnswerUnary<v1::GetTaskRequest, v1::Task>(
      call, context_, *request, response, [this](const auto& parsed, const auto& answer) {
        context_.aggregator->GetTask(parsed.task_id(), answer);
      });
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::StartSession(Call* call, const Bytes* request,
                                                               Bytes* response) {
  return AnswerUnary<v1::StartSessionRequest, v1::Session>(
      call, context_, *request, response, [this](const auto& parsed, const auto& answer) {
        context_.aggregator->StartSession(parsed, answer);
      });
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::ListSessions(Call* call, const Bytes* request,
                                                               Bytes* response) {
  return AnswerUnary<v1::ListSessionsRequest, v1::ListSessionsResponse>(
      call, context_, *request, response, [this](const auto& parsed, const auto& answer) {
        context_.aggregator->ListSessions(parsed, answer);
      });
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::GetSession(Call* call, const Bytes* request,
                                                             Bytes* response) {
  return AnswerUnary<v1::GetSessionRequest, v1::Session>(
      call, context_, *request, response, [this](const auto& parsed, const auto& answer) {
        context_.aggregator->GetSession(parsed.session_id(), answer);
      });
}

grpc::ServerUnaryReactor* OperatorServiceAdapter::AbortSession(Call* call, const Bytes* request,
                                                               Bytes* response) {
  return AnswerUnary<v1::AbortSessionRequest, v1::Session>(
      call, context_, *request, response, [this](const auto& parsed, const auto& answer) {
        context_.aggregator->AbortSession(parsed, answer);
      });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* OperatorServiceAdapter::WatchSession(
    Call* /*call*/, const Bytes* request) {
  RpcMetrics metrics(context_.recorder, metrics::Method::kWatchSession);
  metrics.Received(request->Length());
  return WatchStream::Launch(*context_.aggregator, Parse<v1::GetSessionRequest>(*request),
                             context_.executors.NewControlStrand(), metrics);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* OperatorServiceAdapter::GetResult(
    Call* call, const Bytes* request) {
  return AnswerWithSum<v1::GetResultRequest>(
      call, context_, *request, metrics::Method::kGetResult, context_.operator_downloads, nullptr,
      [this](const v1::GetResultRequest& parsed, Answer<PackedSum> answer) {
        context_.aggregator->GetResult(parsed, std::move(answer));
      });
}

}  // namespace veilsum::aggregator
