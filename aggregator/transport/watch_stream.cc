// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/watch_stream.h"

#include <utility>

#include "aggregator/transport/buffers.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {

WatchStream* WatchStream::Launch(Aggregator& aggregator,
                                 const absl::StatusOr<v1::GetSessionRequest>& request,
                                 Strand strand, RpcMetrics metrics) {
  const std::shared_ptr<WatchStream> stream(new WatchStream(std::move(strand), metrics));
  stream->self_ = stream;
  if (!request.ok()) {
    stream->Post([stream, status = request.status()] { stream->End(status); });
    return stream.get();
  }
  const auto watcher = [stream](const SessionSnapshot& snapshot) {
    if (stream->over_) return false;
    stream->Post([stream, snapshot] { stream->Changed(snapshot); });
    return !HasEnded(*snapshot);
  };
  aggregator.WatchSession(request->session_id(), watcher, [stream](absl::Status status) {
    if (status.ok()) return;
    stream->Post([stream, status] { stream->End(status); });
  });
  return stream.get();
}

void WatchStream::Changed(const SessionSnapshot& snapshot) {
  if (end_.has_value()) return;
  newest_ = snapshot;
  if (writing_ == nullptr) WriteNewest();
}

void WatchStream::WriteNewest() {
  writing_ = std::move(newest_);
  newest_ = nullptr;
  bytes_ = ToByteBuffer(*writing_);
  StartWrite(&bytes_);
}

void WatchStream::OnWriteDone(bool ok) {
  Post([this, ok] {
    const SessionSnapshot written = std::exchange(writing_, nullptr);
    if (!ok) return End(absl::CancelledError("the caller has gone"));
    metrics_.Sent();
    if (newest_ != nullptr && !end_.has_value()) return WriteNewest();
    if (HasEnded(*written)) return End(absl::OkStatus());
    MaybeFinish();
  });
}

void WatchStream::OnCancel() {
  Post([this] { End(absl::CancelledError("the caller has gone")); });
}

void WatchStream::End(const absl::Status& status) {
  over_ = true;
  if (!end_.has_value()) end_ = status;
  MaybeFinish();
}

void WatchStream::MaybeFinish() {
  if (!end_.has_value() || finished_ || writing_ != nullptr) return;
  finished_ = true;
  Finish(ToGrpcStatus(*end_));
}

void WatchStream::OnDone() {
  Post([this] {
    metrics_.Handled(static_cast<int>(end_->code()));
    self_.reset();
  });
}

}  // namespace veilsum::aggregator
