// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// DownloadResult and GetResult: a packed sum in chunks, from an offset on. A caller who takes none
// for a while is cut off, and may go on later.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_SUM_STREAM_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_SUM_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "aggregator/runtime/aggregator.h"
#include "aggregator/transport/rpc_metrics.h"
#include "aggregator/transport/service_context.h"

namespace veilsum::aggregator {

class SumStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                        public std::enable_shared_from_this<SumStream> {
 public:
  struct Options {
    StreamCount& count;
    LargeWrites* large_writes;  // Null: operators, who are few, wait for nobody.
    std::string client;         // Whose share of `count` it takes.
    uint64_t offset = 0;
  };
  // `fetch` gets the sum from the aggregator, which decides whether the caller may have it.
  static SumStream* Launch(grpc::CallbackServerContext* call, ServiceContext& service,
                           RpcMetrics metrics, Options options,
                           const std::function<void(Answer<PackedSum>)>& fetch);

 private:
  SumStream(grpc::CallbackServerContext* call, ServiceContext& service, RpcMetrics metrics,
            Options options);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Post(std::function<void()> work);
  void Fetched(const absl::StatusOr<PackedSum>& sum);
  void WriteNext();
  uint64_t NextBytes() const;
  void WriteChunk();
  void End(const absl::Status& status);

  grpc::CallbackServerContext* const call_;  // gRPC's, until OnDone.
  ServiceContext& service_;
  RpcMetrics metrics_;
  Strand strand_;
  asio::steady_timer timer_;
  std::shared_ptr<SumStream> self_;  // Until OnDone.
  // All below: on the strand.
  Options options_;
  std::optional<StreamCount::Slot> slot_;
  std::optional<absl::Status> end_;
  std::optional<LargeWrites::Turn> turn_;  // Of the next chunk, or the one that is being written.
  bool writing_ = false;
  bool finished_ = false;
  PackedSum sum_;
  grpc::ByteBuffer chunk_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_SUM_STREAM_H_
