// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/keep_awake.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <asio/executor_work_guard.hpp>
#include <asio/steady_timer.hpp>
#include <future>
#include <optional>
#include <utility>

namespace veilsum::aggregator {

// On its strand.
struct KeepAwake::State : public std::enable_shared_from_this<KeepAwake::State> {
  State(std::shared_ptr<grpc::Channel> channel, Executor executor,
        std::chrono::milliseconds interval)
      : interval(interval),
        stub(std::move(channel)),
        strand(asio::make_strand(executor)),
        timer(strand) {}

  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer request;  // An empty HealthCheckRequest: of the server as a whole.
    grpc::ByteBuffer response;
  };

  void Wait() {
    if (stopped != nullptr) return;
    timer.expires_after(interval);
    timer.async_wait([weak = weak_from_this()](std::error_code error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->Ping();
    });
  }

  void Ping() {
    if (stopped != nullptr) return;
    call.emplace();
    const grpc::Slice empty;
    call->request = grpc::ByteBuffer(&empty, 1);
    call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    stub.UnaryCall(
        &call->context, "/grpc.health.v1.Health/Check", {}, &call->request, &call->response,
        [self = shared_from_this()](const grpc::Status&) mutable { Ended(std::move(self)); });
  }

  // A thread of gRPC's must keep nothing of the channel, as the call's context does: the last
  // reference to one may be what ends those threads, and waits for them.
  static void Ended(std::shared_ptr<State> self) {
    // Join() of the pool waits for this, hence for the strand's end too.
    const auto work = asio::make_work_guard(self->strand.get_inner_executor());
    const Strand strand = self->strand;
    asio::post(strand, [self = std::move(self)]() mutable {
      self->call.reset();
      const auto stopped = self->stopped;
      if (stopped == nullptr) return self->Wait();
      self.reset();
      stopped->set_value();
    });
  }

  const std::chrono::milliseconds interval;
  grpc::GenericStub stub;
  Strand strand;
  asio::steady_timer timer;
  std::optional<Call> call;                     // On its way.
  std::shared_ptr<std::promise<void>> stopped;  // There from the end on; kept without a call.
};

KeepAwake::KeepAwake(std::shared_ptr<grpc::Channel> channel, Executor executor,
                     std::chrono::milliseconds interval)
    : state_(std::make_shared<State>(std::move(channel), executor, interval)) {
  asio::post(state_->strand, [state = state_] { state->Wait(); });
}

KeepAwake::~KeepAwake() {
  const auto stopped = std::make_shared<std::promise<void>>();
  asio::post(state_->strand, [state = state_.get(), stopped] {
    state->stopped = stopped;
    state->timer.cancel();
    if (!state->call.has_value()) return stopped->set_value();
    state->call->context.TryCancel();
  });
  stopped->get_future().wait();
}

}  // namespace veilsum::aggregator
