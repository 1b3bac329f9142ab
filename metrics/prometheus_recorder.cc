// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "metrics/prometheus_recorder.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <mutex>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "metrics/metric_families.h"
#include "metrics/process_collector.h"

namespace veilsum::metrics {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr size_t kPhases = v1::ROUND_UNMASKING;

Buckets SecondsBuckets() {
  return {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300};
}
Buckets PhaseBuckets() { return {.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}; }
Buckets BytesBuckets() {
  Buckets buckets;  // 1 KiB to 16 GiB
  for (double bytes = 1024; bytes <= 16.0 * 1024 * 1024 * 1024; bytes *= 4) {
    buckets.push_back(bytes);
  }
  return buckets;
}
Buckets ClientsBuckets() { return {1, 3, 10, 30, 100, 300, 1000, 3000, 10000}; }
Buckets MarginBuckets() { return {0, .01, .02, .05, .1, .2, .3, .5}; }

Label PhaseLabel() { return {"phase", Phases()}; }

// The messages that belong to no phase (a Hello that was refused) come last.
Label PhaseOrNoneLabel() {
  Label label = PhaseLabel();
  label.values.push_back("none");
  return label;
}

LabelValues StreamMethods() {
  LabelValues methods;
  for (const MethodLabels& method : kMethods) methods.push_back(method.method);
  return methods;
}

}  // namespace

// In the order of docs/metrics.md.
struct PrometheusRecorder::Metrics {
  explicit Metrics(PrometheusOptions given) : options(std::move(given)) {
    families
        .WithLabels<Gauge>({"secagg_build_info", "What is running; always 1."},
                           {{"version", options.version},
                            {"grpc_version", options.grpc_version},
                            {"mask_kernel", options.mask_kernel},
                            {"store", options.store}})
        .Set(1);
    sessions_completed = &sessions.Add({{"outcome", "completed"}, {"reason", "none"}});
    for (const std::string& reason : AbortReasons()) {
      sessions_aborted.push_back(&sessions.Add({{"outcome", "aborted"}, {"reason", reason}}));
    }
  }

  void UpdateOldestSession() {
    const bool none = started.empty();
    oldest_session.Set(none ? 0 : absl::ToDoubleSeconds(*started.begin() - absl::UnixEpoch()));
  }

  const PrometheusOptions options;
  prometheus::Registry registry;
  const ProcessCollector process;
  MetricFamilies families{registry};

  OneLabel<Gauge> ready =
      families.By<Gauge>({"secagg_ready", "1 if the check passes."}, {"check", Values(kChecks)});
  Gauge& draining = families.Single<Gauge>({"secagg_draining", "1 while shutting down."});
  OneLabel<Gauge> active_streams = families.By<Gauge>(
      {"secagg_active_streams", "RPCs in progress."}, {"method", StreamMethods()});
  OneLabel<Counter> received_bytes =
      families.By<Counter>({"secagg_received_bytes_total", "Bytes of the messages received."},
                           {"method", StreamMethods()});

  prometheus::Family<Counter>& sessions = prometheus::BuildCounter()
                                              .Name("secagg_sessions_total")
                                              .Help("Sessions that ended, and why.")
                                              .Register(registry);
  Counter* sessions_completed = nullptr;
  OneLabel<Counter> sessions_aborted;
  OneLabel<Gauge> sessions_active =
      families.By<Gauge>({"secagg_sessions_active", "Sessions in each phase."}, PhaseLabel());
  OneLabel<Histogram> session_duration = families.By<Histogram>(
      {"secagg_session_duration_seconds", "From the first phase to the end.", PhaseBuckets()},
      {"outcome", Values(kOutcomes)});
  OneLabel<Histogram> phase_duration = families.By<Histogram>(
      {"secagg_phase_duration_seconds", "How long a phase stayed open.", PhaseBuckets()},
      PhaseLabel());
  OneLabel<Histogram> session_clients = families.By<Histogram>(
      {"secagg_session_clients", "Clients that answered when a phase closed.", ClientsBuckets()},
      PhaseLabel());
  TwoLabels<Counter> dropouts =
      families.By<Counter>({"secagg_dropouts_total", "Clients that sessions went on without."},
                           PhaseLabel(), {"reason", DropReasons()});
  Histogram& threshold_margin = families.Single<Histogram>(
      {"secagg_threshold_margin_ratio",
       "Unmask answers above the threshold, as a part of the clients.", MarginBuckets()});
  Gauge& oldest_session = families.Single<Gauge>(
      {"secagg_oldest_session_start_timestamp_seconds",
       "When the oldest session that runs started, in Unix time; 0 if none runs."});
  Gauge& last_completed =
      families.Single<Gauge>({"secagg_last_session_completed_timestamp_seconds",
                              "When a session last completed, in Unix time; 0 if none did."});
  Gauge& session_deadline =
      families.Single<Gauge>({"secagg_session_deadline_seconds",
                              "The longest deadlines of the phases seen so far, added up."});

  TwoLabels<Counter> messages =
      families.By<Counter>({"secagg_messages_total", "Clients' messages, by how they ended."},
                           PhaseOrNoneLabel(), {"result", Values(kMessageResults)});
  Histogram& upload_size = families.Single<Histogram>(
      {"secagg_upload_size_bytes", "Whole masked inputs.", BytesBuckets()});
  Histogram& upload_receipt =
      families.Single<Histogram>({"secagg_upload_receipt_seconds",
                                  "From an upload's last byte to its receipt.", SecondsBuckets()});
  Counter& elements = families.Single<Counter>(
      {"secagg_elements_aggregated_total", "Vector elements added to accumulators."});
  OneLabel<Histogram> aggregate = families.By<Histogram>(
      {"secagg_aggregate_seconds", "Heavy work, by stage.", SecondsBuckets()},
      {"stage", Values(kStages)});
  OneLabel<Counter> masks_removed = families.By<Counter>(
      {"secagg_masks_removed_total", "Masks taken off sums."}, {"kind", Values(kMaskKinds)});
  TwoLabels<Counter> reconstructions = families.By<Counter>(
      {"secagg_shamir_reconstructions_total", "Secrets put together from shares."},
      {"kind", Values(kMaskKinds)}, {"result", Values(kResults)});

  OneLabel<Gauge> buffer_bytes = families.By<Gauge>(
      {"secagg_buffer_bytes", "Memory held, by pool."}, {"pool", Values(kPools)});
  OneLabel<Gauge> buffer_limit =
      families.By<Gauge>({"secagg_buffer_limit_bytes", "Memory that a pool may hold; 0: no limit."},
                         {"pool", Values(kPools)});
  OneLabel<Gauge> queue_depth =
      families.By<Gauge>({"secagg_queue_depth", "Work that waits."}, {"queue", Values(kQueues)});
  OneLabel<Histogram> queue_wait = families.By<Histogram>(
      {"secagg_queue_wait_seconds", "How long work waited.", SecondsBuckets()},
      {"queue", Values(kQueues)});
  OneLabel<Counter> overload_rejections = families.By<Counter>(
      {"secagg_overload_rejections_total", "Requests refused to stay within limits."},
      {"reason", Values(kOverloads)});

  TwoLabels<Histogram> store_operations = families.ByStoreOperationAndResult(
      {"secagg_store_operation_seconds", "What stores asked of the disk.", SecondsBuckets()});
  OneLabel<Counter> store_retries = families.By<Counter>(
      {"secagg_store_retries_total", "Writes that have to be tried again, by why."},
      {"reason", Values(kStoreRetries)});
  Gauge& store_free = families.Single<Gauge>(
      {"secagg_store_free_bytes", "Free on the disk of the data directory; 0: there is none."});

  OneLabel<Gauge> certificate_expiry =
      families.By<Gauge>({"secagg_tls_certificate_expiry_timestamp_seconds",
                          "When a certificate expires, in Unix time; 0: not in use."},
                         {"certificate", Values(kCertificates)});

  OneLabel<Counter> rpc_started =
      families.ByMethod<Counter>({"grpc_server_started_total", "RPCs started."});
  TwoLabels<Counter> rpc_handled = families.ByMethodAndCode(
      {"grpc_server_handled_total", "RPCs finished, whatever the status."});
  OneLabel<Histogram> rpc_handling = families.ByMethod<Histogram>(
      {"grpc_server_handling_seconds", "How long RPCs took.", SecondsBuckets()});
  OneLabel<Counter> rpc_received =
      families.ByMethod<Counter>({"grpc_server_msg_received_total", "Messages received in RPCs."});
  OneLabel<Counter> rpc_sent =
      families.ByMethod<Counter>({"grpc_server_msg_sent_total", "Messages sent in RPCs."});

  std::mutex mutex;  // Guards what follows.
  std::multiset<absl::Time> started;
  std::array<double, kPhases> longest_deadline = {};
};

PrometheusRecorder::PrometheusRecorder(PrometheusOptions options)
    : metrics_(std::make_unique<Metrics>(std::move(options))) {}

PrometheusRecorder::~PrometheusRecorder() = default;

std::string PrometheusRecorder::Scrape() const {
  std::vector<prometheus::MetricFamily> families = metrics_->registry.Collect();
  std::vector<prometheus::MetricFamily> process = metrics_->process.Collect();
  std::move(process.begin(), process.end(), std::back_inserter(families));
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

std::vector<std::string> PrometheusRecorder::NotReady() const {
  std::vector<std::string> reasons;
  for (size_t check = 0; check < std::size(kChecks); ++check) {
    if (metrics_->ready[check]->Value() == 0) {
      reasons.push_back(absl::StrCat("check failed or not yet made: ", kChecks[check]));
    }
  }
  if (metrics_->draining.Value() != 0) reasons.push_back("draining: shutting down");
  return reasons;
}

void PrometheusRecorder::SessionStarted() {
  const std::lock_guard lock(metrics_->mutex);
  metrics_->started.insert(metrics_->options.now());
  metrics_->UpdateOldestSession();
}

void PrometheusRecorder::SessionFinished(v1::Reason reason, v1::Round present, double seconds) {
  const bool completed = reason == v1::REASON_UNSPECIFIED;
  const absl::Time now = metrics_->options.now();
  if (completed) {
    metrics_->sessions_completed->Increment();
    metrics_->last_completed.Set(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  } else {
    metrics_->sessions_aborted[AbortReasonIndex(reason)]->Increment();
  }
  metrics_->session_duration[completed ? 0 : 1]->Observe(seconds);
  if (const size_t phase = PhaseIndex(present); phase != kNoPhase) {
    metrics_->sessions_active[phase]->Decrement();
  }
  // Sessions have no names here: the one that started when this one says it did is it.
  const std::lock_guard lock(metrics_->mutex);
  std::multiset<absl::Time>& started = metrics_->started;
  if (started.empty()) return;
  const absl::Time start = now - absl::Seconds(seconds);
  auto after = started.lower_bound(start);
  if (after == started.end() ||
      (after != started.begin() && start - *std::prev(after) < *after - start)) {
    --after;
  }
  started.erase(after);
  metrics_->UpdateOldestSession();
}

void PrometheusRecorder::PhaseStarted(v1::Round phase, v1::Round before, double deadline_seconds) {
  if (const size_t left = PhaseIndex(before); left != kNoPhase) {
    metrics_->sessions_active[left]->Decrement();
  }
  const size_t entered = PhaseIndex(phase);
  if (entered == kNoPhase) return;
  metrics_->sessions_active[entered]->Increment();
  const std::lock_guard lock(metrics_->mutex);
  std::array<double, kPhases>& longest = metrics_->longest_deadline;
  longest[entered] = std::max(longest[entered], deadline_seconds);
  double sum = 0;
  for (double deadline : longest) sum += deadline;
  metrics_->session_deadline.Set(sum);
}

void PrometheusRecorder::PhaseClosed(v1::Round phase, double seconds, uint32_t answered) {
  const size_t index = PhaseIndex(phase);
  if (index == kNoPhase) return;
  metrics_->phase_duration[index]->Observe(seconds);
  metrics_->session_clients[index]->Observe(answered);
}

void PrometheusRecorder::Dropout(v1::Round phase, v1::Reason reason) {
  const size_t index = PhaseIndex(phase);
  if (index != kNoPhase) metrics_->dropouts[index][DropReasonIndex(reason)]->Increment();
}

void PrometheusRecorder::ThresholdMargin(double ratio) {
  metrics_->threshold_margin.Observe(ratio);
}

void PrometheusRecorder::Message(v1::Round phase, MessageResult result) {
  const size_t index = std::min(PhaseIndex(phase), kPhases);  // "none" is the last.
  metrics_->messages[index][Index(result)]->Increment();
}

void PrometheusRecorder::UploadReceived(uint64_t bytes) {
  metrics_->upload_size.Observe(static_cast<double>(bytes));
}

void PrometheusRecorder::UploadReceipt(double seconds) {
  metrics_->upload_receipt.Observe(seconds);
}

void PrometheusRecorder::ElementsAggregated(uint64_t elements) {
  metrics_->elements.Increment(static_cast<double>(elements));
}

void PrometheusRecorder::StageFinished(Stage stage, double seconds) {
  metrics_->aggregate[Index(stage)]->Observe(seconds);
}

void PrometheusRecorder::MasksRemoved(MaskKind kind, uint64_t count) {
  metrics_->masks_removed[Index(kind)]->Increment(static_cast<double>(count));
}

void PrometheusRecorder::Reconstructions(MaskKind kind, bool ok, uint64_t count) {
  metrics_->reconstructions[Index(kind)][ok ? 1 : 0]->Increment(static_cast<double>(count));
}

void PrometheusRecorder::BufferBytes(Pool pool, int64_t delta) {
  metrics_->buffer_bytes[Index(pool)]->Increment(static_cast<double>(delta));
}

void PrometheusRecorder::BufferLimit(Pool pool, uint64_t bytes) {
  metrics_->buffer_limit[Index(pool)]->Set(static_cast<double>(bytes));
}

void PrometheusRecorder::QueueDepth(Queue queue, int64_t delta) {
  metrics_->queue_depth[Index(queue)]->Increment(static_cast<double>(delta));
}

void PrometheusRecorder::QueueWait(Queue queue, double seconds) {
  metrics_->queue_wait[Index(queue)]->Observe(seconds);
}

void PrometheusRecorder::OverloadRejection(Overload reason) {
  metrics_->overload_rejections[Index(reason)]->Increment();
}

void PrometheusRecorder::StoreOperationFinished(StoreOperation operation, bool ok, double seconds) {
  metrics_->store_operations[Index(operation)][ok ? 1 : 0]->Observe(seconds);
}

void PrometheusRecorder::StoreRetried(StoreRetry reason) {
  metrics_->store_retries[Index(reason)]->Increment();
}

void PrometheusRecorder::StoreFreeBytes(uint64_t bytes) {
  metrics_->store_free.Set(static_cast<double>(bytes));
}

void PrometheusRecorder::RpcStarted(Method method) {
  metrics_->rpc_started[Index(method)]->Increment();
  metrics_->active_streams[Index(method)]->Increment();
}

void PrometheusRecorder::RpcHandled(Method method, int code, double seconds) {
  constexpr int kUnknown = 2;
  const bool known = code >= 0 && code < static_cast<int>(std::size(kGrpcCodes));
  metrics_->rpc_handled[Index(method)][known ? code : kUnknown]->Increment();
  metrics_->rpc_handling[Index(method)]->Observe(seconds);
  metrics_->active_streams[Index(method)]->Decrement();
}

void PrometheusRecorder::RpcMessageReceived(Method method, uint64_t bytes) {
  metrics_->rpc_received[Index(method)]->Increment();
  metrics_->received_bytes[Index(method)]->Increment(static_cast<double>(bytes));
}

void PrometheusRecorder::RpcMessageSent(Method method) {
  metrics_->rpc_sent[Index(method)]->Increment();
}

void PrometheusRecorder::Ready(Check check, bool ready) {
  metrics_->ready[Index(check)]->Set(ready ? 1 : 0);
}

void PrometheusRecorder::Draining(bool draining) { metrics_->draining.Set(draining ? 1 : 0); }

void PrometheusRecorder::CertificateExpiry(Certificate certificate, double unix_seconds) {
  metrics_->certificate_expiry[Index(certificate)]->Set(unix_seconds);
}

}  // namespace veilsum::metrics
