// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/keep_awake.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <asio/steady_timer.hpp>
#include <chrono>
#include <utility>

namespace veilsum::aggregator {
namespace {

constexpr std::chrono::milliseconds kInterval{250};

}  // namespace

// On its strand, but for what a call in flight owns.
struct KeepAwake::State : public std::enable_shared_from_this<KeepAwake::State> {
  State(std::shared_ptr<grpc::Channel> channel, Executor executor)
      : stub(std::move(channel)), strand(asio::make_strand(executor)), timer(strand) {}

  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer request;  // An empty HealthCheckRequest: of the server as a whole.
    grpc::ByteBuffer response;
  };

  void Wait() {
    if (stopped) return;
    timer.expires_after(kInterval);
    timer.async_wait([weak = weak_from_this()](std::error_code error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->Ping();
    });
  }

  void Ping() {
    if (stopped) return;
    auto call = std::make_shared<Call>();
    const grpc::Slice empty;
    call->request = grpc::ByteBuffer(&empty, 1);
    call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    stub.UnaryCall(&call->context, "/grpc.health.v1.Health/Check", {}, &call->request,
                   &call->response, [weak = weak_from_this(), call](const grpc::Status&) {
                     const auto self = weak.lock();
                     if (self != nullptr) asio::post(self->strand, [self] { self->Wait(); });
                   });
  }

  grpc::GenericStub stub;
  Strand strand;
  asio::steady_timer timer;
  bool stopped = false;
};

KeepAwake::KeepAwake(std::shared_ptr<grpc::Channel> channel, Executor executor)
    : state_(std::make_shared<State>(std::move(channel), executor)) {
  asio::post(state_->strand, [state = state_] { state->Wait(); });
}

KeepAwake::~KeepAwake() {
  asio::post(state_->strand, [state = state_] {
    state->stopped = true;
    state->timer.cancel();
  });
}

}  // namespace veilsum::aggregator
