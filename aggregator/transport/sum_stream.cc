// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/sum_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "aggregator/runtime/names.h"
#include "aggregator/transport/buffers.h"
#include "proto/limits.h"
#include "proto/participant.pb.h"
#include "proto/rpc_error/retry_after.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {

SumStream::SumStream(grpc::CallbackServerContext* call, ServiceContext& service, RpcMetrics metrics,
                     Options options)
    : call_(call),
      service_(service),
      metrics_(std::move(metrics)),
      strand_(service.executors.NewControlStrand()),
      timer_(strand_),
      options_(std::move(options)) {}

SumStream* SumStream::Launch(grpc::CallbackServerContext* call, ServiceContext& service,
                             RpcMetrics metrics, Options options,
                             const std::function<void(Answer<PackedSum>)>& fetch) {
  const std::shared_ptr<SumStream> stream(
      new SumStream(call, service, std::move(metrics), std::move(options)));
  stream->self_ = stream;
  fetch([stream](absl::StatusOr<PackedSum> sum) {
    stream->Post([stream, sum = std::move(sum)] { stream->Fetched(sum); });
  });
  return stream.get();
}

void SumStream::Post(std::function<void()> work) {
  asio::post(strand_, [self = shared_from_this(), work = std::move(work)] { work(); });
}

void SumStream::Fetched(const absl::StatusOr<PackedSum>& sum) {
  if (end_.has_value()) return;
  if (!sum.ok()) return End(sum.status());
  slot_.emplace(options_.count, options_.client);
  if (!*slot_) {
    service_.recorder.OverloadRejection(metrics::Overload::kInflight);
    return End(WithRetryAfter(
        StatusFor(v1::REASON_OVERLOADED,
                  "too many downloads are under way, of this client or of all; try again shortly"),
        absl::Seconds(1)));
  }
  sum_ = *sum;
  if (options_.offset > sum_->size()) {
    return End(StatusFor(
        v1::REASON_MALFORMED,
        absl::StrCat("offset: must be at most ", sum_->size(), ", is ", options_.offset)));
  }
  WriteNext();
}

void SumStream::WriteNext() {
  if (end_.has_value()) return;
  if (options_.offset == sum_->size()) return End(absl::OkStatus());
  if (options_.large_writes == nullptr) return WriteChunk();
  turn_.emplace(options_.large_writes->Take(NextBytes(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr) self->Post([self] { self->WriteChunk(); });
  }));
  if (turn_->came_at_once()) WriteChunk();
}

uint64_t SumStream::NextBytes() const {
  return std::min<uint64_t>(limits::kChunkBytes, sum_->size() - options_.offset);
}

void SumStream::WriteChunk() {
  if (end_.has_value()) return;
  const uint64_t size = NextBytes();
  v1::ResultChunk chunk;
  chunk.set_offset(options_.offset);
  chunk.set_payload(sum_->data() + options_.offset, size);
  options_.offset += size;
  chunk_ = ToByteBuffer(chunk);
  writing_ = true;
  timer_.expires_after(service_.stall_time);
  timer_.async_wait([self = shared_from_this()](std::error_code error) {
    // Not of a write that was over when the time was.
    const bool over = !self->writing_ || self->timer_.expiry() > std::chrono::steady_clock::now();
    if (error || over) return;
    self->End(WithRetryAfter(
        StatusFor(v1::REASON_TOO_SLOW, "the download stalled; go on from its last byte"),
        absl::Seconds(1)));
  });
  StartWrite(&chunk_);
}

void SumStream::OnWriteDone(bool ok) {
  Post([this, ok] {
    writing_ = false;
    turn_.reset();
    timer_.cancel();
    chunk_.Clear();
    if (end_.has_value()) return End(*end_);
    if (!ok) return End(absl::CancelledError("the caller has gone"));
    metrics_.Sent();
    WriteNext();
  });
}

void SumStream::OnCancel() {
  Post([this] { End(absl::CancelledError("the caller has gone")); });
}

// gRPC waits for the write that is under way: whoever does not take it is cut off.
void SumStream::End(const absl::Status& status) {
  if (finished_) return;
  if (!end_.has_value()) end_ = status;
  if (writing_) return call_->TryCancel();
  finished_ = true;
  timer_.cancel();
  turn_.reset();
  slot_.reset();
  sum_.reset();
  Finish(ToGrpcStatus(*end_));
}

void SumStream::OnDone() {
  Post([this] {
    timer_.cancel();
    metrics_.Handled(static_cast<int>(end_->code()));
    self_.reset();
  });
}

}  // namespace veilsum::aggregator
