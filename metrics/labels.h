// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The values of every label, in the order of the enum that they spell. Internal to metrics/.

#ifndef VEILSUM_METRICS_LABELS_H_
#define VEILSUM_METRICS_LABELS_H_

#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "metrics/recorder.h"
#include "proto/participant.pb.h"
#include "proto/reason.pb.h"

namespace veilsum::metrics {

using LabelValues = std::vector<std::string>;

inline constexpr const char* kMessageResults[] = {
    "accepted",   "duplicate", "conflict",  "late",          "wrong_session",
    "not_member", "malformed", "oversized", "bad_signature", "rate_limited"};
inline constexpr const char* kStages[] = {"fold", "reconstruct", "unmask", "checkpoint"};
inline constexpr const char* kMaskKinds[] = {"self", "pairwise"};
inline constexpr const char* kPools[] = {"pending_uploads", "mailbox", "accumulator"};
inline constexpr const char* kQueues[] = {"session", "pool"};
inline constexpr const char* kOverloads[] = {"memory", "inflight", "rate", "draining", "store"};
inline constexpr const char* kStoreRetries[] = {"full", "read_only", "too_many_files"};
inline constexpr const char* kChecks[] = {"store", "disk", "certificate", "memory"};
inline constexpr const char* kCertificates[] = {"server", "client_authority", "operator"};
inline constexpr const char* kResults[] = {"failed", "ok"};  // By bool.
inline constexpr const char* kOutcomes[] = {"completed", "aborted"};
// By the number of the gRPC status code; spelt as the public dashboards of grpc_server_* do.
inline constexpr const char* kGrpcCodes[] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

// The label set that the grpc_server_* metrics share.
struct MethodLabels {
  const char* type;
  const char* service;
  const char* method;
};
inline constexpr MethodLabels kMethods[] = {
    {"bidi_stream", "veilsum.v1.ParticipantService", "Participate"},
    {"bidi_stream", "veilsum.v1.ParticipantService", "UploadMaskedInput"},
    {"server_stream", "veilsum.v1.ParticipantService", "DownloadResult"},
    {"unary", "veilsum.v1.OperatorService", "unary"},
    {"server_stream", "veilsum.v1.OperatorService", "WatchSession"},
    {"server_stream", "veilsum.v1.OperatorService", "GetResult"},
};

struct StoreLabels {
  const char* store;
  const char* operation;
};
inline constexpr StoreLabels kStoreOperations[] = {
    {"sessions", "commit"}, {"sessions", "move_log"}, {"blobs", "write"}, {"blobs", "read"}};

template <class Enum>
constexpr size_t Index(Enum value) {
  return static_cast<size_t>(value);
}

static_assert(std::size(kMessageResults) == Index(MessageResult::kRateLimited) + 1);
static_assert(std::size(kStages) == Index(Stage::kCheckpoint) + 1);
static_assert(std::size(kMaskKinds) == Index(MaskKind::kPairwise) + 1);
static_assert(std::size(kPools) == Index(Pool::kAccumulator) + 1);
static_assert(std::size(kQueues) == Index(Queue::kPool) + 1);
static_assert(std::size(kOverloads) == Index(Overload::kStore) + 1);
static_assert(std::size(kStoreOperations) == Index(StoreOperation::kReadBlob) + 1);
static_assert(std::size(kStoreRetries) == Index(StoreRetry::kTooManyFiles) + 1);
static_assert(std::size(kChecks) == Index(Check::kMemory) + 1);
static_assert(std::size(kCertificates) == Index(Certificate::kOperator) + 1);
static_assert(std::size(kMethods) == Index(Method::kGetResult) + 1);

template <size_t N>
LabelValues Values(const char* const (&names)[N]) {
  return LabelValues(std::begin(names), std::end(names));
}

// The protocol rounds, from AdvertiseKeys on: phase r is at PhaseIndex(r).
LabelValues Phases();
constexpr size_t kNoPhase = ~size_t{0};
// kNoPhase for ROUND_UNSPECIFIED and for numbers that are no round.
size_t PhaseIndex(v1::Round phase);

// Reasons that can end a session, or cost a client its seat; the rest are counted as "other",
// which comes last. `Index` is the place in the list.
LabelValues AbortReasons();
size_t AbortReasonIndex(v1::Reason reason);
LabelValues DropReasons();
size_t DropReasonIndex(v1::Reason reason);

}  // namespace veilsum::metrics

#endif  // VEILSUM_METRICS_LABELS_H_
