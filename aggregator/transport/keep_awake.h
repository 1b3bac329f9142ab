// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// gRPC 1.51's callback threads doze off for up to 100 ms at a time when nothing has happened for a
// second, and a call that comes then waits for them. A call of our own every quarter of a second
// keeps them awake.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_KEEP_AWAKE_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_KEEP_AWAKE_H_

#include <grpcpp/channel.h>

#include <chrono>
#include <memory>

#include "aggregator/runtime/executors.h"

namespace veilsum::aggregator {

class KeepAwake {
 public:
  // Calls the health service over `channel`, an in-process one, while it lives.
  KeepAwake(std::shared_ptr<grpc::Channel> channel, Executor executor,
            std::chrono::milliseconds interval = std::chrono::milliseconds(250));
  // Ends a call on its way and waits for that: the server is to outlive every call, for gRPC fails
  // where an in-process one begins after its server. Not on the executor, nor on a thread of
  // gRPC's.
  ~KeepAwake();

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_KEEP_AWAKE_H_
