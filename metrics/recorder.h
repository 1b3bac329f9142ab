// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the aggregator reports about itself, without a word of Prometheus: the runtime calls this,
// prometheus_recorder.h turns it into the metrics of docs/metrics.md, and NullRecorder into
// nothing. Labels are closed enums; no session, client or task id ever gets here.

#ifndef VEILSUM_METRICS_RECORDER_H_
#define VEILSUM_METRICS_RECORDER_H_

#include <cstdint>

#include "proto/participant.pb.h"
#include "proto/reason.pb.h"

namespace veilsum::metrics {

// The label `result` of secagg_messages_total.
enum class MessageResult {
  kAccepted,
  kDuplicate,
  kConflict,
  kLate,
  kWrongSession,
  kNotMember,
  kMalformed,
  kOversized,
  kBadSignature,
  kRateLimited,
};

enum class Stage { kFold, kReconstruct, kUnmask, kCheckpoint };
enum class MaskKind { kSelf, kPairwise };
enum class Pool { kPendingUploads, kMailbox, kAccumulator };
enum class Queue { kSession, kPool };
enum class Overload { kMemory, kInflight, kRate, kDraining, kStore };
// What a store asks of the disk.
enum class StoreOperation { kCommit, kMoveLog, kWriteBlob, kReadBlob };
// Why it has to ask again.
enum class StoreRetry { kFull, kReadOnly, kTooManyFiles };
enum class Check { kStore, kDisk, kCertificate, kMemory };
// What TLS was configured with: the server's own certificate, and those it trusts.
enum class Certificate { kServer, kClientAuthority, kOperator };

// RPCs by method, for the grpc_server_* metrics that public dashboards know.
enum class Method {
  kParticipate,
  kUploadMaskedInput,
  kDownloadResult,
  kOperator,  // Every unary operator call, counted together.
  kWatchSession,
  kGetResult,
};

// Thread-safe. Durations in seconds.
class Recorder {
 public:
  virtual ~Recorder() = default;

  virtual void SessionStarted() {}
  // Completed when `reason` is REASON_UNSPECIFIED, aborted otherwise. `present` is the phase that
  // it was in, or ROUND_UNSPECIFIED.
  virtual void SessionFinished(v1::Reason /*reason*/, v1::Round /*present*/, double /*seconds*/) {}
  // A session enters `phase`, having left `before` (ROUND_UNSPECIFIED: it is new).
  virtual void PhaseStarted(v1::Round /*phase*/, v1::Round /*before*/,
                            double /*deadline_seconds*/) {}
  virtual void PhaseClosed(v1::Round /*phase*/, double /*seconds*/, uint32_t /*answered*/) {}
  virtual void Dropout(v1::Round /*phase*/, v1::Reason /*reason*/) {}
  // (answers − t)/n when unmasking.
  virtual void ThresholdMargin(double /*ratio*/) {}

  virtual void Message(v1::Round /*phase*/, MessageResult /*result*/) {}
  virtual void UploadReceived(uint64_t /*bytes*/) {}
  // From the last byte to the receipt.
  virtual void UploadReceipt(double /*seconds*/) {}
  virtual void ElementsAggregated(uint64_t /*elements*/) {}
  virtual void StageFinished(Stage /*stage*/, double /*seconds*/) {}
  virtual void MasksRemoved(MaskKind /*kind*/, uint64_t /*count*/) {}
  virtual void Reconstructions(MaskKind /*kind*/, bool /*ok*/, uint64_t /*count*/) {}

  virtual void BufferBytes(Pool /*pool*/, int64_t /*delta*/) {}
  virtual void BufferLimit(Pool /*pool*/, uint64_t /*bytes*/) {}
  virtual void QueueDepth(Queue /*queue*/, int64_t /*delta*/) {}
  virtual void QueueWait(Queue /*queue*/, double /*seconds*/) {}
  virtual void OverloadRejection(Overload /*reason*/) {}

  virtual void StoreOperationFinished(StoreOperation /*operation*/, bool /*ok*/,
                                      double /*seconds*/) {}
  virtual void StoreRetried(StoreRetry /*reason*/) {}
  virtual void StoreFreeBytes(uint64_t /*bytes*/) {}

  virtual void RpcStarted(Method /*method*/) {}
  // `code` is the gRPC status code's number.
  virtual void RpcHandled(Method /*method*/, int /*code*/, double /*seconds*/) {}
  virtual void RpcMessageReceived(Method /*method*/, uint64_t /*bytes*/) {}
  virtual void RpcMessageSent(Method /*method*/) {}

  // Every check has to be reported once before the aggregator counts as ready.
  virtual void Ready(Check /*check*/, bool /*ready*/) {}
  virtual void Draining(bool /*draining*/) {}
  virtual void CertificateExpiry(Certificate /*certificate*/, double /*unix_seconds*/) {}
};

// For tests and tools that need no metrics.
class NullRecorder : public Recorder {};

}  // namespace veilsum::metrics

#endif  // VEILSUM_METRICS_RECORDER_H_
