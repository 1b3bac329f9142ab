// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/downloader.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <utility>

#include "absl/time/time.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::client {

// The server-streaming RPC on the strand; as BidiCall, but it only reads.
class Downloader::Call final : public grpc::ClientReadReactor<v1::ResultChunk> {
 public:
  static std::shared_ptr<Call> Start(std::shared_ptr<Downloader> owner) {
    std::shared_ptr<Call> call(new Call(std::move(owner)));
    call->self_ = call;
    call->request_.set_offset(call->owner_->packed_.size());
    call->owner_->context_.stub->async()->DownloadResult(&call->context_, &call->request_,
                                                         call.get());
    call->AddHold();  // Reads start on the strand, outside gRPC's reactions.
    call->StartRead(&call->incoming_);
    call->StartCall();
    return call;
  }

  void Cancel() { context_.TryCancel(); }

 private:
  explicit Call(std::shared_ptr<Downloader> owner)
      : owner_(std::move(owner)),
        strand_(owner_->context_.strand),
        request_(owner_->options_.request) {}

  void OnReadDone(bool ok) override {
    PostFromOutside(strand_, [self = self_, ok] { self->ReadDone(ok); });
  }
  void OnDone(const grpc::Status& status) override {
    PostFromOutside(strand_, [self = std::move(self_), result = FromGrpcStatus(status)] {
      const std::shared_ptr<Downloader> owner = std::move(self->owner_);
      owner->Ended(result);
    });
  }

  void ReadDone(bool ok) {
    if (!ok) return RemoveHold();
    const v1::ResultChunk chunk = std::exchange(incoming_, {});
    StartRead(&incoming_);
    owner_->Received(chunk);
  }

  std::shared_ptr<Downloader> owner_;
  Strand strand_;
  grpc::ClientContext context_;
  v1::DownloadResultRequest request_;
  v1::ResultChunk incoming_;
  std::shared_ptr<Call> self_;
};

Downloader::Downloader(CallContext context, Options options)
    : context_(std::move(context)),
      options_(std::move(options)),
      backoff_(context_.backoff_seed),
      timer_(context_.strand) {}

void Downloader::Start() { Attempt(); }

void Downloader::Attempt() {
  broken_ = false;
  call_ = Call::Start(shared_from_this());
}

void Downloader::Cut() {
  broken_ = true;
  if (call_ != nullptr) call_->Cancel();
}

void Downloader::Stop() {
  if (stopped_) return;
  stopped_ = true;
  timer_.cancel();
  if (call_ != nullptr) return call_->Cancel();
  asio::post(context_.strand, [self = shared_from_this()] {
    self->Finish(absl::CancelledError("the download was stopped"));
  });
}

void Downloader::Received(const v1::ResultChunk& chunk) {
  if (stopped_ || broken_) return;
  // Out of order, or more than was announced: not taken in, whatever it is.
  if (chunk.offset() != packed_.size() ||
      chunk.payload().size() > options_.total_bytes - packed_.size()) {
    return Cut();
  }
  packed_ += chunk.payload();
  backoff_.Reset();
  options_.on_progress(packed_.size());
}

void Downloader::Ended(absl::Status status) {
  call_ = nullptr;
  if (stopped_) return Finish(absl::CancelledError("the download was stopped"));
  if (packed_.size() == options_.total_bytes) return Finish(std::move(packed_));
  if (!IsTransient(status)) return Finish(std::move(status));
  timer_.expires_after(absl::ToChronoNanoseconds(backoff_.Next(status, kGreatestBackoffInSession)));
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error && !self->stopped_) self->Attempt();
  });
  options_.on_trouble(status);
}

void Downloader::Finish(absl::StatusOr<std::string> outcome) {
  if (options_.on_done == nullptr) return;
  const auto on_done = std::exchange(options_.on_done, nullptr);
  on_done(std::move(outcome));
}

}  // namespace veilsum::client
