// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_CALL_CONTEXT_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_CALL_CONTEXT_H_

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "client_sdk/transport/execution.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::client {

// What every RPC of a client needs.
struct CallContext {
  Strand strand;
  std::shared_ptr<grpc::Channel> channel;
  std::shared_ptr<v1::ParticipantService::Stub> stub;
  uint64_t backoff_seed = 0;
};

inline CallContext MakeCallContext(Strand strand, std::shared_ptr<grpc::Channel> channel,
                                   uint64_t backoff_seed) {
  auto stub = v1::ParticipantService::NewStub(channel);
  return {std::move(strand), std::move(channel), std::move(stub), backoff_seed};
}

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_CALL_CONTEXT_H_
