// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// WatchSession: the state of a session now, then as it changes. A watcher that is slow sees fewer
// states, never an old one after a newer one, and always the last.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_WATCH_STREAM_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_WATCH_STREAM_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <optional>

#include "aggregator/runtime/aggregator.h"
#include "aggregator/transport/rpc_metrics.h"

namespace veilsum::aggregator {

class WatchStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  // A request that is none ends the stream with its status.
  static WatchStream* Launch(Aggregator& aggregator,
                             const absl::StatusOr<v1::GetSessionRequest>& request, Strand strand,
                             RpcMetrics metrics);

 private:
  WatchStream(Strand strand, RpcMetrics metrics) : strand_(std::move(strand)), metrics_(metrics) {}

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  template <class Work>
  void Post(Work work) {
    asio::post(strand_, [self = shared_from_this(), work = std::move(work)] { work(); });
  }
  void Changed(const SessionSnapshot& snapshot);
  void WriteNewest();
  void End(const absl::Status& status);
  void MaybeFinish();

  Strand strand_;
  RpcMetrics metrics_;
  std::shared_ptr<WatchStream> self_;  // Until OnDone.
  std::atomic<bool> over_{false};      // The watcher may be forgotten.
  // All below: on the strand.
  SessionSnapshot newest_;   // Not written yet.
  SessionSnapshot writing_;  // With gRPC, as
  grpc::ByteBuffer bytes_;   // these.
  std::optional<absl::Status> end_;
  bool finished_ = false;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_WATCH_STREAM_H_
