// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/raw_stream.h"

#include <utility>

#include "aggregator/transport/peer_address.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

// A client needs some ten messages in a session; the rest is progress.
constexpr size_t kMostQueued = 64;
constexpr size_t kMostQueuedBeforeDropping = 4;
// Of what is not made yet: entries of neighbours, or their sealed shares. 200 KB at most, on the
// complete graph of a thousand.
constexpr uint64_t kBytesOfMadeMessage = 200 << 10;
// For the last messages to get through, and for the client to end the stream by itself.
constexpr std::chrono::seconds kFlushTime{10};

}  // namespace

RawStream::RawStream(grpc::CallbackServerContext* context, Executor executor,
                     LargeWrites& large_writes, RpcMetrics metrics)
    : context_(context),
      peer_(PeerAddress(context->peer())),
      executor_(std::move(executor)),
      large_writes_(large_writes),
      metrics_(std::move(metrics)),
      timer_(executor_) {}

RawStream* RawStream::Launch(std::shared_ptr<RawStream> stream) {
  stream->self_ = stream;
  RawStream* const reactor = stream.get();
  reactor->Run([reactor] { reactor->Begun(); });
  return reactor;
}

void RawStream::Post(std::function<void()> work) {
  serial_.Post(executor_, [self = shared_from_this(), work = std::move(work)] { work(); });
}

void RawStream::Run(std::function<void()> work) {
  serial_.Run([self = shared_from_this(), work = std::move(work)] { work(); });
}

// ---- Reading ----

void RawStream::ReadNext() {
  if (reading_ || read_closed_ || finished_) return;
  reading_ = true;
  StartRead(&incoming_);
}

void RawStream::OnReadDone(bool ok) {
  Run([this, ok] {
    reading_ = false;
    if (!ok) {
      read_closed_ = true;
      if (!ending()) HalfClosed();
      return MaybeFinish();
    }
    grpc::ByteBuffer message;
    message.Swap(&incoming_);
    metrics_.Received(message.Length());
    if (!ending()) return Received(std::move(message));
    // Too late to matter; but the client's own end will come this way.
    if (lingering_) ReceivedLate(std::move(message));
    ReadNext();
  });
}

// ---- Writing ----

void RawStream::Write(grpc::ByteBuffer message, bool droppable) {
  if (droppable && queue_.size() >= kMostQueuedBeforeDropping) return;
  Enqueue({std::move(message), nullptr});
}

void RawStream::Write(std::function<grpc::ByteBuffer()> make) { Enqueue({{}, std::move(make)}); }

void RawStream::Enqueue(Outgoing outgoing) {
  if (broken_ || finished_ || (ending() && !lingering_)) return;
  if (queue_.size() >= kMostQueued) return Broken();
  metrics_.Queued(static_cast<int64_t>(outgoing.message.Length()));
  queue_.push_back(std::move(outgoing));
  if (!writing_ && !turn_.has_value()) WriteFront();
}

void RawStream::WriteFront() {
  const Outgoing& front = queue_.front();
  const uint64_t bytes = front.make ? kBytesOfMadeMessage : front.message.Length();
  turn_.emplace(large_writes_.Take(bytes, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr) self->Post([self] { self->TurnCame(); });
  }));
  if (turn_->came_at_once()) WriteNow();
}

void RawStream::TurnCame() {
  // The message may have been dropped meanwhile, with its turn.
  if (!turn_.has_value() || writing_ || broken_ || finished_) return;
  WriteNow();
}

void RawStream::WriteNow() {
  Outgoing& front = queue_.front();
  if (front.make) {
    front.message = std::exchange(front.make, nullptr)();
    metrics_.Queued(static_cast<int64_t>(front.message.Length()));
  }
  writing_ = true;
  StartWrite(&front.message);
}

void RawStream::Forget(const Outgoing& outgoing) {
  metrics_.Queued(-static_cast<int64_t>(outgoing.message.Length()));
}

void RawStream::DropQueued() {
  while (queue_.size() > (writing_ ? 1u : 0u)) {
    Forget(queue_.back());
    queue_.pop_back();
  }
  if (!writing_) turn_.reset();
}

void RawStream::OnWriteDone(bool ok) {
  Run([this, ok] {
    writing_ = false;
    turn_.reset();
    Forget(queue_.front());
    queue_.pop_front();
    if (!ok) {
      broken_ = true;
      DropQueued();
    } else {
      metrics_.Sent();
    }
    if (!queue_.empty()) return WriteFront();
    MaybeFinish();
  });
}

// ---- The end ----

void RawStream::End(const absl::Status& status, bool linger) {
  if (ending()) return MaybeFinish();  // What it waited for may have been dropped.
  end_ = status;
  lingering_ = linger;
  SetLate(kFlushTime, absl::OkStatus);
  Over();
  if (linger) ReadNext();
  MaybeFinish();
}

void RawStream::LeaveThrough(Places& places) {
  if (broken_) return;
  const std::weak_ptr<RawStream> weak = weak_from_this();
  leaving_.emplace(places.Enter(peer_, [weak] {
    const auto self = weak.lock();
    if (self != nullptr) self->Post([self] { self->Abandon(); });
  }));
}

// At once, whatever waits.
void RawStream::Abandon() {
  if (finished_) return;
  lingering_ = false;
  if (writing_) {
    Broken();
  } else {
    DropQueued();
  }
  MaybeFinish();
}

void RawStream::EndAfter(std::chrono::milliseconds time, std::function<absl::Status()> why) {
  if (!ending()) SetLate(time, std::move(why));
}

void RawStream::SetLate(std::chrono::milliseconds time, std::function<absl::Status()> why) {
  late_ = Late{std::chrono::steady_clock::now() + time, std::move(why)};
  if (!waiting_until_.has_value() || *waiting_until_ > late_->at) WaitUntil(late_->at);
}

void RawStream::WaitUntil(std::chrono::steady_clock::time_point time) {
  waiting_until_ = time;
  timer_.expires_at(time);
  timer_.async_wait([self = shared_from_this(), time](std::error_code error) {
    if (!error) self->Run([self, time] { self->TimeIsUp(time); });
  });
}

void RawStream::TimeIsUp(std::chrono::steady_clock::time_point time) {
  if (waiting_until_ != time) return;  // An earlier one took its place.
  waiting_until_.reset();
  if (!late_.has_value() || finished_) return;
  if (late_->at > time) return WaitUntil(late_->at);
  const std::function<absl::Status()> why = std::move(late_->why);
  late_.reset();
  ending() ? Abandon() : End(why());
}

// The client does not take what it is sent: no use in being polite.
void RawStream::Broken() {
  broken_ = true;
  context_->TryCancel();
}

void RawStream::OnCancel() {
  Run([this] {
    broken_ = true;
    read_closed_ = true;
    End(absl::CancelledError("the client has gone"));
    MaybeFinish();
  });
}

void RawStream::MaybeFinish() {
  if (!ending() || finished_ || writing_) return;
  if (!broken_ && !queue_.empty()) return;
  if (lingering_ && !read_closed_) return;
  finished_ = true;
  timer_.cancel();
  Finish(ToGrpcStatus(*end_));
}

void RawStream::OnDone() {
  Run([this] {
    timer_.cancel();
    DropQueued();
    // gRPC is only done with what was finished, so there is an end.
    metrics_.Handled(static_cast<int>(end_->code()));
    leaving_.reset();
    self_.reset();
  });
}

}  // namespace veilsum::aggregator
