// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/keep_awake.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <memory>

#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

// Whatever it is doing at that moment. Nothing else here uses gRPC's callback threads, which end
// with the last reference to a server or channel: where that was on one of them, gRPC used freed
// memory.
TEST(KeepAwakeTest, EndsBeforeItsServer) {
  grpc::EnableDefaultHealthCheckService(true);
  for (int i = 0; i < 200; ++i) {
    Executors executors(1);
    grpc::CallbackGenericService service;  // There must be one besides that of health.
    auto server = grpc::ServerBuilder().RegisterCallbackGenericService(&service).BuildAndStart();
    ASSERT_NE(server, nullptr);
    auto keep_awake =
        std::make_unique<KeepAwake>(server->InProcessChannel(grpc::ChannelArguments()),
                                    executors.control(), std::chrono::milliseconds(0));
    keep_awake.reset();
    server->Shutdown(std::chrono::system_clock::now());
    server.reset();
    executors.Join();
  }
}

}  // namespace
}  // namespace veilsum::aggregator
