// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/sum_stream.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/names.h"
#include "proto/limits.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {

// One thing happens at a time: fetch, then write after write, then the end. So the stream needs no
// lock, and lives exactly until gRPC is done with it.
SumStream* SumStream::Launch(uint64_t offset, Strand strand, RpcMetrics metrics,
                             const std::function<void(Answer<PackedSum>)>& fetch) {
  auto* const stream = new SumStream(offset, std::move(strand), metrics);
  fetch([stream](absl::StatusOr<PackedSum> sum) {
    asio::post(stream->strand_, [stream, sum = std::move(sum)] { stream->Fetched(sum); });
  });
  return stream;
}

void SumStream::Fetched(const absl::StatusOr<PackedSum>& sum) {
  if (!sum.ok()) return End(sum.status());
  sum_ = *sum;
  if (offset_ > sum_->size()) {
    return End(StatusFor(v1::REASON_MALFORMED,
                         absl::StrCat("offset: must be at most ", sum_->size(), ", is ", offset_)));
  }
  WriteNext();
}

void SumStream::WriteNext() {
  if (offset_ == sum_->size()) return End(absl::OkStatus());
  const uint64_t size = std::min<uint64_t>(limits::kChunkBytes, sum_->size() - offset_);
  chunk_.set_offset(offset_);
  chunk_.set_payload(sum_->data() + offset_, size);
  offset_ += size;
  StartWrite(&chunk_);
}

void SumStream::OnWriteDone(bool ok) {
  asio::post(strand_, [this, ok] {
    if (!ok) return End(absl::CancelledError("the caller has gone"));
    metrics_.Sent();
    WriteNext();
  });
}

void SumStream::End(const absl::Status& status) {
  end_ = status;
  Finish(ToGrpcStatus(status));
}

void SumStream::OnDone() {
  asio::post(strand_, [this] {
    metrics_.Handled(static_cast<int>(end_.code()));
    delete this;
  });
}

}  // namespace veilsum::aggregator
