// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The two gRPC services. They translate: calls to the aggregator, its answers to statuses. All
// messages travel as raw buffers: one message for many clients is encoded once, every byte is
// counted, and what does not parse is answered by us, with a reason.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_SERVICES_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_SERVICES_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "aggregator/transport/service_context.h"
#include "proto/operator.grpc.pb.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::aggregator {

using RawParticipantService = v1::ParticipantService::WithRawCallbackMethod_Participate<
    v1::ParticipantService::WithRawCallbackMethod_UploadMaskedInput<
        v1::ParticipantService::WithRawCallbackMethod_DownloadResult<
            v1::ParticipantService::Service>>>;

class ParticipantServiceAdapter final : public RawParticipantService {
 public:
  // `context` outlives the service.
  explicit ParticipantServiceAdapter(ServiceContext& context) : context_(context) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Participate(
      grpc::CallbackServerContext* call) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* UploadMaskedInput(
      grpc::CallbackServerContext* call) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* DownloadResult(
      grpc::CallbackServerContext* call, const grpc::ByteBuffer* request) override;

 private:
  ServiceContext& context_;
};

template <class Base>
using RawTaskMethods = v1::OperatorService::WithRawCallbackMethod_CreateTask<
    v1::OperatorService::WithRawCallbackMethod_ListTasks<
        v1::OperatorService::WithRawCallbackMethod_GetTask<Base>>>;
template <class Base>
using RawSessionMethods = v1::OperatorService::WithRawCallbackMethod_StartSession<
    v1::OperatorService::WithRawCallbackMethod_ListSessions<
        v1::OperatorService::WithRawCallbackMethod_GetSession<
            v1::OperatorService::WithRawCallbackMethod_AbortSession<Base>>>>;
template <class Base>
using RawStreamMethods = v1::OperatorService::WithRawCallbackMethod_WatchSession<
    v1::OperatorService::WithRawCallbackMethod_GetResult<Base>>;
using RawOperatorService =
    RawTaskMethods<RawSessionMethods<RawStreamMethods<v1::OperatorService::Service>>>;

class OperatorServiceAdapter final : public RawOperatorService {
 public:
  explicit OperatorServiceAdapter(ServiceContext& context) : context_(context) {}

  using Unary = grpc::ServerUnaryReactor;
  using Writer = grpc::ServerWriteReactor<grpc::ByteBuffer>;
  using Call = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;

  Unary* CreateTask(Call* call, const Bytes* request, Bytes* response) override;
  Unary* ListTasks(Call* call, const Bytes* request, Bytes* response) override;
  Unary* GetTask(Call* call, const Bytes* request, Bytes* response) override;
  Unary* StartSession(Call* call, const Bytes* request, Bytes* response) override;
  Unary* ListSessions(Call* call, const Bytes* request, Bytes* response) override;
  Unary* GetSession(Call* call, const Bytes* request, Bytes* response) override;
  Unary* AbortSession(Call* call, const Bytes* request, Bytes* response) override;
  Writer* WatchSession(Call* call, const Bytes* request) override;
  Writer* GetResult(Call* call, const Bytes* request) override;

 private:
  ServiceContext& context_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_SERVICES_H_
