// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What gRPC dashboards know of a server, reported for one RPC.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_RPC_METRICS_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_RPC_METRICS_H_

#include <chrono>
#include <cstdint>

#include "metrics/recorder.h"

namespace veilsum::aggregator {

class RpcMetrics {
 public:
  // The RPC starts.
  RpcMetrics(metrics::Recorder& recorder, metrics::Method method)
      : recorder_(&recorder), method_(method) {
    recorder_->RpcStarted(method_);
  }

  void Received(uint64_t bytes) { recorder_->RpcMessageReceived(method_, bytes); }
  // Bytes that wait for the peer to take them.
  void Queued(int64_t bytes) { recorder_->BufferBytes(metrics::Pool::kMailbox, bytes); }
  void Sent() { recorder_->RpcMessageSent(method_); }
  // Once, at the end. `code`: absl's and gRPC's are the same.
  void Handled(int code) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
    recorder_->RpcHandled(method_, code, took.count());
  }

 private:
  metrics::Recorder* recorder_;
  metrics::Method method_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_RPC_METRICS_H_
