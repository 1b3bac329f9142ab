// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "metrics/prometheus_recorder.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::metrics {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PrometheusRecorderTest : public ::testing::Test {
 protected:
  // The value of the sample with exactly this name and these labels, as text.
  std::string Value(const std::string& sample) const {
    for (absl::string_view line : absl::StrSplit(recorder_.Scrape(), '\n')) {
      if (absl::ConsumePrefix(&line, sample + " ")) return std::string(line);
    }
    return "absent";
  }

  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  PrometheusRecorder recorder_{{"1.2.3", "1.51", "portable", "memory", [this] { return now_; }}};
};

TEST_F(PrometheusRecorderTest, SaysWhatIsRunning) {
  const std::string scrape = recorder_.Scrape();
  for (const char* label : {"version=\"1.2.3\"", "grpc_version=\"1.51\"",
                            "mask_kernel=\"portable\"", "store=\"memory\""}) {
    EXPECT_THAT(scrape, HasSubstr(label));
  }
}

TEST_F(PrometheusRecorderTest, CountsSessionsByOutcome) {
  recorder_.SessionFinished(v1::REASON_UNSPECIFIED, v1::ROUND_UNSPECIFIED, 3);
  recorder_.SessionFinished(v1::REASON_BELOW_THRESHOLD, v1::ROUND_UNSPECIFIED, 4);
  recorder_.SessionFinished(v1::REASON_LATE, v1::ROUND_UNSPECIFIED, 5);  // Ends no session.
  EXPECT_EQ(Value("secagg_sessions_total{outcome=\"completed\",reason=\"none\"}"), "1");
  EXPECT_EQ(Value("secagg_sessions_total{outcome=\"aborted\",reason=\"below_threshold\"}"), "1");
  EXPECT_EQ(Value("secagg_sessions_total{outcome=\"aborted\",reason=\"other\"}"), "1");
  EXPECT_EQ(Value("secagg_session_duration_seconds_sum{outcome=\"aborted\"}"), "9");
  EXPECT_EQ(Value("secagg_last_session_completed_timestamp_seconds"), "1000000");
}

TEST_F(PrometheusRecorderTest, FollowsASessionThroughItsPhases) {
  const std::string sharing = "secagg_sessions_active{phase=\"share_keys\"}";
  recorder_.PhaseStarted(v1::ROUND_ADVERTISE_KEYS, v1::ROUND_UNSPECIFIED, 30);
  EXPECT_EQ(Value("secagg_sessions_active{phase=\"advertise_keys\"}"), "1");
  recorder_.PhaseClosed(v1::ROUND_ADVERTISE_KEYS, 2, 97);
  recorder_.PhaseStarted(v1::ROUND_SHARE_KEYS, v1::ROUND_ADVERTISE_KEYS, 20);
  EXPECT_EQ(Value("secagg_sessions_active{phase=\"advertise_keys\"}"), "0");
  EXPECT_EQ(Value(sharing), "1");
  EXPECT_EQ(Value("secagg_session_deadline_seconds"), "50");
  EXPECT_EQ(Value("secagg_session_clients_bucket{phase=\"advertise_keys\",le=\"30\"}"), "0");
  EXPECT_EQ(Value("secagg_session_clients_bucket{phase=\"advertise_keys\",le=\"100\"}"), "1");
  recorder_.SessionFinished(v1::REASON_SHUTDOWN, v1::ROUND_SHARE_KEYS, 3);
  EXPECT_EQ(Value(sharing), "0");
}

TEST_F(PrometheusRecorderTest, KnowsTheOldestSession) {
  const std::string oldest = "secagg_oldest_session_start_timestamp_seconds";
  EXPECT_EQ(Value(oldest), "0");
  recorder_.SessionStarted();
  now_ += absl::Seconds(10);
  recorder_.SessionStarted();
  now_ += absl::Seconds(10);
  recorder_.SessionStarted();
  EXPECT_EQ(Value(oldest), "1000000");
  now_ += absl::Seconds(1);
  recorder_.SessionFinished(v1::REASON_UNSPECIFIED, v1::ROUND_UNSPECIFIED, 10.9);  // The second.
  EXPECT_EQ(Value(oldest), "1000000");
  recorder_.SessionFinished(v1::REASON_UNSPECIFIED, v1::ROUND_UNSPECIFIED, 21.1);  // The first.
  EXPECT_EQ(Value(oldest), "1000020");
  recorder_.SessionFinished(v1::REASON_UNSPECIFIED, v1::ROUND_UNSPECIFIED, 1);
  EXPECT_EQ(Value(oldest), "0");
}

TEST_F(PrometheusRecorderTest, CountsMessagesAndDropouts) {
  recorder_.Message(v1::ROUND_SHARE_KEYS, MessageResult::kConflict);
  recorder_.Message(v1::ROUND_UNSPECIFIED, MessageResult::kNotMember);
  recorder_.Message(static_cast<v1::Round>(77), MessageResult::kNotMember);
  recorder_.Dropout(v1::ROUND_UNMASKING, v1::REASON_WRONG_SHARE);
  recorder_.Dropout(v1::ROUND_UNMASKING, static_cast<v1::Reason>(1234));
  recorder_.Dropout(v1::ROUND_UNSPECIFIED, v1::REASON_WRONG_SHARE);
  EXPECT_EQ(Value("secagg_messages_total{phase=\"share_keys\",result=\"conflict\"}"), "1");
  EXPECT_EQ(Value("secagg_messages_total{phase=\"none\",result=\"not_member\"}"), "2");
  EXPECT_EQ(Value("secagg_dropouts_total{phase=\"unmasking\",reason=\"wrong_share\"}"), "1");
  EXPECT_EQ(Value("secagg_dropouts_total{phase=\"unmasking\",reason=\"other\"}"), "1");
}

TEST_F(PrometheusRecorderTest, CountsWhatStoresDo) {
  recorder_.StoreOperationFinished(StoreOperation::kCommit, true, 0.25);
  recorder_.StoreOperationFinished(StoreOperation::kWriteBlob, false, 2);
  recorder_.StoreRetried(StoreRetry::kFull);
  recorder_.StoreFreeBytes(4096);
  const std::string sum = "secagg_store_operation_seconds_sum";
  EXPECT_EQ(Value(sum + "{operation=\"commit\",result=\"ok\",store=\"sessions\"}"), "0.25");
  EXPECT_EQ(Value(sum + "{operation=\"write\",result=\"failed\",store=\"blobs\"}"), "2");
  EXPECT_EQ(Value(sum + "{operation=\"move_log\",result=\"ok\",store=\"sessions\"}"), "0");
  EXPECT_EQ(Value("secagg_store_retries_total{reason=\"full\"}"), "1");
  EXPECT_EQ(Value("secagg_store_retries_total{reason=\"read_only\"}"), "0");
  EXPECT_EQ(Value("secagg_store_free_bytes"), "4096");
}

TEST_F(PrometheusRecorderTest, CountsWork) {
  recorder_.UploadReceived(4096);
  recorder_.UploadReceipt(0.02);
  recorder_.ElementsAggregated(100);
  recorder_.StageFinished(Stage::kUnmask, 0.5);
  recorder_.MasksRemoved(MaskKind::kPairwise, 12);
  recorder_.Reconstructions(MaskKind::kSelf, true, 9);
  recorder_.Reconstructions(MaskKind::kSelf, false, 1);
  recorder_.ThresholdMargin(0.15);
  EXPECT_EQ(Value("secagg_upload_size_bytes_bucket{le=\"4096\"}"), "1");
  EXPECT_EQ(Value("secagg_upload_size_bytes_bucket{le=\"1024\"}"), "0");
  EXPECT_EQ(Value("secagg_upload_receipt_seconds_count"), "1");
  EXPECT_EQ(Value("secagg_elements_aggregated_total"), "100");
  EXPECT_EQ(Value("secagg_aggregate_seconds_sum{stage=\"unmask\"}"), "0.5");
  EXPECT_EQ(Value("secagg_masks_removed_total{kind=\"pairwise\"}"), "12");
  EXPECT_EQ(Value("secagg_shamir_reconstructions_total{kind=\"self\",result=\"ok\"}"), "9");
  EXPECT_EQ(Value("secagg_shamir_reconstructions_total{kind=\"self\",result=\"failed\"}"), "1");
  EXPECT_EQ(Value("secagg_threshold_margin_ratio_count"), "1");
}

TEST_F(PrometheusRecorderTest, MeasuresBuffersAndQueues) {
  recorder_.BufferLimit(Pool::kPendingUploads, 1000);
  recorder_.BufferBytes(Pool::kPendingUploads, 700);
  recorder_.BufferBytes(Pool::kPendingUploads, -200);
  recorder_.QueueDepth(Queue::kPool, 3);
  recorder_.QueueDepth(Queue::kPool, -2);
  recorder_.QueueWait(Queue::kPool, 1);
  recorder_.OverloadRejection(Overload::kInflight);
  EXPECT_EQ(Value("secagg_buffer_bytes{pool=\"pending_uploads\"}"), "500");
  EXPECT_EQ(Value("secagg_buffer_limit_bytes{pool=\"pending_uploads\"}"), "1000");
  EXPECT_EQ(Value("secagg_queue_depth{queue=\"pool\"}"), "1");
  EXPECT_EQ(Value("secagg_queue_wait_seconds_count{queue=\"pool\"}"), "1");
  EXPECT_EQ(Value("secagg_overload_rejections_total{reason=\"inflight\"}"), "1");
}

TEST_F(PrometheusRecorderTest, CountsRpcsAsDashboardsReadThem) {
  recorder_.RpcStarted(Method::kUploadMaskedInput);
  EXPECT_EQ(Value("secagg_active_streams{method=\"UploadMaskedInput\"}"), "1");
  recorder_.RpcMessageReceived(Method::kUploadMaskedInput, 300);
  recorder_.RpcMessageSent(Method::kUploadMaskedInput);
  recorder_.RpcHandled(Method::kUploadMaskedInput, 9, 0.1);
  recorder_.RpcHandled(Method::kUploadMaskedInput, -5, 0.1);
  EXPECT_EQ(Value("secagg_received_bytes_total{method=\"UploadMaskedInput\"}"), "300");
  const std::string labels =
      "grpc_method=\"UploadMaskedInput\",grpc_service=\"veilsum.v1.ParticipantService\","
      "grpc_type=\"bidi_stream\"}";
  EXPECT_EQ(Value("grpc_server_started_total{" + labels), "1");
  EXPECT_EQ(Value("grpc_server_msg_received_total{" + labels), "1");
  EXPECT_EQ(Value("grpc_server_msg_sent_total{" + labels), "1");
  EXPECT_EQ(Value("grpc_server_handling_seconds_count{" + labels), "2");
  EXPECT_EQ(Value("grpc_server_handled_total{grpc_code=\"FailedPrecondition\"," + labels), "1");
  EXPECT_EQ(Value("grpc_server_handled_total{grpc_code=\"Unknown\"," + labels), "1");
}

TEST_F(PrometheusRecorderTest, IsReadyOnceEveryCheckPassed) {
  EXPECT_THAT(recorder_.NotReady(), Contains(HasSubstr("store")));
  for (Check check : {Check::kStore, Check::kDisk, Check::kCertificate, Check::kMemory}) {
    recorder_.Ready(check, true);
  }
  EXPECT_THAT(recorder_.NotReady(), IsEmpty());
  recorder_.Ready(Check::kCertificate, false);
  EXPECT_THAT(recorder_.NotReady(), ElementsAre(HasSubstr("certificate")));
  recorder_.Ready(Check::kCertificate, true);
  recorder_.Draining(true);
  EXPECT_THAT(recorder_.NotReady(), ElementsAre(HasSubstr("draining")));
  EXPECT_EQ(Value("secagg_draining"), "1");
}

TEST_F(PrometheusRecorderTest, TellsWhenCertificatesExpire) {
  recorder_.CertificateExpiry(Certificate::kServer, 1800000000);
  EXPECT_EQ(Value("secagg_tls_certificate_expiry_timestamp_seconds{certificate=\"server\"}"),
            "1800000000");
}

TEST_F(PrometheusRecorderTest, KnowsItsProcess) {
  for (const char* name :
       {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
        "process_max_fds", "process_threads", "process_start_time_seconds"}) {
    EXPECT_THAT(Value(name), Not("absent")) << name;
    if (std::string(name) != "process_cpu_seconds_total") {
      EXPECT_THAT(Value(name), Not("0"));
    }
  }
}

TEST_F(PrometheusRecorderTest, TakesCallsFromManyThreadsWhileScraped) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this] {
      for (int call = 0; call < kCalls; ++call) {
        recorder_.SessionStarted();
        recorder_.Message(v1::ROUND_UNMASKING, MessageResult::kAccepted);
        recorder_.SessionFinished(v1::REASON_UNSPECIFIED, v1::ROUND_UNSPECIFIED, 0);
      }
    });
  }
  for (int i = 0; i < 10; ++i) recorder_.Scrape();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Value("secagg_messages_total{phase=\"unmasking\",result=\"accepted\"}"),
            absl::StrCat(kThreads * kCalls));
  EXPECT_EQ(Value("secagg_oldest_session_start_timestamp_seconds"), "0");
}

}  // namespace
}  // namespace veilsum::metrics
