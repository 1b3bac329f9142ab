// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The two gRPC services. They translate: calls to the aggregator, its answers to statuses.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_SERVICES_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_SERVICES_H_

#include "aggregator/transport/service_context.h"
#include "proto/operator.grpc.pb.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::aggregator {

// Streams travel as raw buffers: one message for many clients is encoded once, and what does not
// parse is answered by us, with a reason.
using RawParticipantService = v1::ParticipantService::WithRawCallbackMethod_Participate<
    v1::ParticipantService::WithRawCallbackMethod_UploadMaskedInput<
        v1::ParticipantService::WithCallbackMethod_DownloadResult<
            v1::ParticipantService::Service>>>;

class ParticipantServiceAdapter final : public RawParticipantService {
 public:
  // `context` outlives the service.
  explicit ParticipantServiceAdapter(ServiceContext& context) : context_(context) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Participate(
      grpc::CallbackServerContext* call) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* UploadMaskedInput(
      grpc::CallbackServerContext* call) override;
  grpc::ServerWriteReactor<v1::ResultChunk>* DownloadResult(
      grpc::CallbackServerContext* call, const v1::DownloadResultRequest* request) override;

 private:
  ServiceContext& context_;
};

class OperatorServiceAdapter final : public v1::OperatorService::CallbackService {
 public:
  explicit OperatorServiceAdapter(ServiceContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* CreateTask(grpc::CallbackServerContext* call,
                                       const v1::CreateTaskRequest* request,
                                       v1::Task* response) override;
  grpc::ServerUnaryReactor* ListTasks(grpc::CallbackServerContext* call,
                                      const v1::ListTasksRequest* request,
                                      v1::ListTasksResponse* response) override;
  grpc::ServerUnaryReactor* GetTask(grpc::CallbackServerContext* call,
                                    const v1::GetTaskRequest* request, v1::Task* response) override;
  grpc::ServerUnaryReactor* StartSession(grpc::CallbackServerContext* call,
                                         const v1::StartSessionRequest* request,
                                         v1::Session* response) override;
  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* call,
                                         const v1::ListSessionsRequest* request,
                                         v1::ListSessionsResponse* response) override;
  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* call,
                                       const v1::GetSessionRequest* request,
                                       v1::Session* response) override;
  grpc::ServerUnaryReactor* AbortSession(grpc::CallbackServerContext* call,
                                         const v1::AbortSessionRequest* request,
                                         v1::Session* response) override;
  grpc::ServerWriteReactor<v1::Session>* WatchSession(
      grpc::CallbackServerContext* call, const v1::GetSessionRequest* request) override;
  grpc::ServerWriteReactor<v1::ResultChunk>* GetResult(
      grpc::CallbackServerContext* call, const v1::GetResultRequest* request) override;

 private:
  ServiceContext& context_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_SERVICES_H_
