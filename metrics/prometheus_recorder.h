// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A Recorder whose metrics Prometheus scrapes; docs/metrics.md lists them.

#ifndef VEILSUM_METRICS_PROMETHEUS_RECORDER_H_
#define VEILSUM_METRICS_PROMETHEUS_RECORDER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "metrics/recorder.h"

namespace veilsum::metrics {

struct PrometheusOptions {
  // Labels of secagg_build_info.
  std::string version;
  std::string grpc_version;
  std::string mask_kernel;
  std::string store;
  std::function<absl::Time()> now = absl::Now;
};

// Thread-safe.
class PrometheusRecorder : public Recorder {
 public:
  explicit PrometheusRecorder(PrometheusOptions options);
  ~PrometheusRecorder() override;

  // Every metric in Prometheus' text format, version 0.0.4.
  std::string Scrape() const;
  // Why the aggregator is not ready, one line each: checks that failed or were never reported, and
  // draining. Empty: it is.
  std::vector<std::string> NotReady() const;

  void SessionStarted() override;
  void SessionFinished(v1::Reason reason, v1::Round present, double seconds) override;
  void PhaseStarted(v1::Round phase, v1::Round before, double deadline_seconds) override;
  void PhaseClosed(v1::Round phase, double seconds, uint32_t answered) override;
  void Dropout(v1::Round phase, v1::Reason reason) override;
  void ThresholdMargin(double ratio) override;

  void Message(v1::Round phase, MessageResult result) override;
  void UploadReceived(uint64_t bytes) override;
  void UploadReceipt(double seconds) override;
  void ElementsAggregated(uint64_t elements) override;
  void StageFinished(Stage stage, double seconds) override;
  void MasksRemoved(MaskKind kind, uint64_t count) override;
  void Reconstructions(MaskKind kind, bool ok, uint64_t count) override;

  void BufferBytes(Pool pool, int64_t delta) override;
  void BufferLimit(Pool pool, uint64_t bytes) override;
  void QueueDepth(Queue queue, int64_t delta) override;
  void QueueWait(Queue queue, double seconds) override;
  void OverloadRejection(Overload reason) override;

  void StoreOperationFinished(StoreOperation operation, bool ok, double seconds) override;
  void StoreRetried(StoreRetry reason) override;
  void StoreFreeBytes(uint64_t bytes) override;

  void RpcStarted(Method method) override;
  void RpcHandled(Method method, int code, double seconds) override;
  void RpcMessageReceived(Method method, uint64_t bytes) override;
  void RpcMessageSent(Method method) override;

  void Ready(Check check, bool ready) override;
  void Draining(bool draining) override;
  void CertificateExpiry(Certificate certificate, double unix_seconds) override;

 private:
  struct Metrics;
  std::unique_ptr<Metrics> metrics_;
};

}  // namespace veilsum::metrics

#endif  // VEILSUM_METRICS_PROMETHEUS_RECORDER_H_
