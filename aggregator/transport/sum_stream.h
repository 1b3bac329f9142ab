// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// DownloadResult and GetResult: a packed sum in chunks, from an offset on.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_SUM_STREAM_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_SUM_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "aggregator/runtime/aggregator.h"
#include "aggregator/transport/rpc_metrics.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {

class SumStream final : public grpc::ServerWriteReactor<v1::ResultChunk> {
 public:
  // `fetch` gets the sum from the aggregator.
  static SumStream* Launch(uint64_t offset, Strand strand, RpcMetrics metrics,
                           const std::function<void(Answer<PackedSum>)>& fetch);

 private:
  SumStream(uint64_t offset, Strand strand, RpcMetrics metrics)
      : offset_(offset), strand_(std::move(strand)), metrics_(metrics) {}

  void OnWriteDone(bool ok) override;
  void OnDone() override;

  void Fetched(const absl::StatusOr<PackedSum>& sum);
  void WriteNext();
  void End(const absl::Status& status);

  uint64_t offset_;
  Strand strand_;
  RpcMetrics metrics_;
  absl::Status end_;
  PackedSum sum_;
  v1::ResultChunk chunk_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_SUM_STREAM_H_
