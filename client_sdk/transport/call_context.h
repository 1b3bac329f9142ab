// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_CALL_CONTEXT_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_CALL_CONTEXT_H_

#include <cstdint>
#include <memory>

#include "client_sdk/transport/execution.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::client {

// What every RPC of a client needs.
struct CallContext {
  Strand strand;
  std::shared_ptr<v1::ParticipantService::Stub> stub;
  uint64_t backoff_seed = 0;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_CALL_CONTEXT_H_
