// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One bidirectional streaming RPC, seen from a strand: gRPC's callbacks only post to it, and every
// method and handler runs on it.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_BIDI_CALL_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_BIDI_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "client_sdk/transport/execution.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::client {

template <class Request, class Response>
class BidiCall final : public grpc::ClientBidiReactor<Request, Response> {
 public:
  using Reactor = grpc::ClientBidiReactor<Request, Response>;
  struct Handlers {
    std::function<void(Response)> on_message;
    // Once, after everything else; the call touches nothing of its owner afterwards.
    std::function<void(absl::Status)> on_ended;
  };

  // `open` makes the call on a stub: stub->async()->Method(context, reactor). The call keeps
  // itself alive until it has ended.
  static std::shared_ptr<BidiCall> Start(
      Strand strand, Handlers handlers,
      absl::FunctionRef<void(grpc::ClientContext*, Reactor*)> open) {
    std::shared_ptr<BidiCall> call(new BidiCall(std::move(strand), std::move(handlers)));
    call->self_ = call;
    open(&call->context_, call.get());
    call->AddHold();  // Reads and writes start on the strand, outside gRPC's reactions.
    call->StartRead(&call->incoming_);
    call->StartCall();
    return call;
  }

  // Queued behind earlier writes. `written` is called when gRPC has passed the message on; not at
  // all if the call breaks before.
  void Write(Request request, std::function<void()> written = nullptr) {
    if (closed_ || half_closed_) return;
    writes_.push_back({std::move(request), std::move(written)});
    if (writes_.size() == 1) this->StartWrite(&writes_.front().request);
  }

  // No more writes after those in the queue.
  void HalfClose() {
    if (closed_ || half_closed_) return;
    half_closed_ = true;
    if (writes_.empty()) this->StartWritesDone();
  }

  // Ends the call at once; on_ended follows.
  void Cancel() { context_.TryCancel(); }

 private:
  struct PendingWrite {
    Request request;
    std::function<void()> written;
  };

  BidiCall(Strand strand, Handlers handlers)
      : strand_(std::move(strand)), handlers_(std::move(handlers)) {}

  void OnReadDone(bool ok) override {
    PostFromOutside(strand_, [self = self_, ok] { self->ReadDone(ok); });
  }
  void OnWriteDone(bool ok) override {
    PostFromOutside(strand_, [self = self_, ok] { self->WriteDone(ok); });
  }
  void OnDone(const grpc::Status& status) override {
    PostFromOutside(strand_, [self = std::move(self_), result = FromGrpcStatus(status)] {
      const Handlers handlers = std::exchange(self->handlers_, {});
      handlers.on_ended(result);
    });
  }

  void ReadDone(bool ok) {
    if (!ok) {
      closed_ = true;
      this->RemoveHold();
      return;
    }
    Response message = std::exchange(incoming_, {});
    this->StartRead(&incoming_);
    handlers_.on_message(std::move(message));
  }

  void WriteDone(bool ok) {
    // After a failure reads fail too, which ends the call.
    if (!ok || closed_) return;
    const std::function<void()> written = std::move(writes_.front().written);
    writes_.pop_front();
    if (!writes_.empty()) {
      this->StartWrite(&writes_.front().request);
    } else if (half_closed_) {
      this->StartWritesDone();
    }
    if (written != nullptr) written();
  }

  Strand strand_;
  Handlers handlers_;
  grpc::ClientContext context_;
  Response incoming_;
  std::deque<PendingWrite> writes_;  // The front one is with gRPC, which needs its address.
  bool half_closed_ = false;
  bool closed_ = false;
  std::shared_ptr<BidiCall> self_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_BIDI_CALL_H_
