// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What is behind ParticipantRunner: events in from gRPC and timers, effects out to them.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_SESSION_DRIVER_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_SESSION_DRIVER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client_sdk/encoding/encoder.h"
#include "client_sdk/protocol/participant_protocol.h"
#include "client_sdk/transport/call_context.h"
#include "client_sdk/transport/control_link.h"
#include "client_sdk/transport/downloader.h"
#include "client_sdk/transport/execution.h"
#include "client_sdk/transport/hooks.h"
#include "client_sdk/transport/participant_runner.h"
#include "client_sdk/transport/session_record.h"
#include "client_sdk/transport/uploader.h"
#include "crypto/masking/lanes.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::client {

// Thread-safe, as ParticipantRunner is.
class SessionDriver final : public ParticipantRunner,
                            public std::enable_shared_from_this<SessionDriver> {
 public:
  SessionDriver(RunnerOptions options, ParticipantProtocol protocol,
                std::shared_ptr<SessionRecord> record);

  void Start(Done done) override;
  void Cancel() override;
  bool session_was_over() const override { return session_was_over_; }

 private:
  // Everything below runs on the strand.
  void Begin();
  CallContext Context(uint64_t backoff) const;
  std::shared_ptr<ControlLink> MakeLink();
  std::optional<v1::ClientMessage> MakeHello(const v1::Challenge& challenge);
  void Established();
  // False: a test's hook keeps the message from the protocol.
  bool PassIncomingHook(v1::ServerMessage& message);
  void Received(v1::ServerMessage message);
  bool CallerFits();
  void RetryMessages(absl::Duration delay);
  void Trouble(const absl::Status& status);

  void Step(Event event);
  void Carry(Effects effects);
  // Those that nothing keeps back.
  void CarryOn();
  void Carry(Remember remember);
  void Remembered(absl::Status status);
  void Carry(Send send);
  void Carry(EncodeInput encode);
  void Carry(StartUpload upload);
  void Carry(DownloadResult download);
  void Carry(const Progress& progress);
  void Carry(Finished finished);
  // What is to be uploaded, and its digest.
  struct Input {
    std::unique_ptr<const UpdateSource> source;
    crypto::Digest digest = {};
    std::optional<crypto::LaneVector> observed = std::nullopt;  // For options_.observe_quantised.
  };
  void Encoded(absl::StatusOr<Input> input);
  void UploadDone(absl::StatusOr<v1::UploadReceipt> outcome);
  void DownloadDone(absl::StatusOr<std::string> outcome);
  void Decode(Finished finished);

  // True if the hook wants something else than going on.
  bool FaultAt(Point::Moment moment, v1::Round round);
  void Suffer(Fault fault);

  void ArmTimeout();
  // By the header, and some more.
  absl::Duration LongestSession() const;
  // `last`: then the session is given up even if the aggregator is there.
  void ArmSessionTimer(absl::Duration delay, bool last);
  void Report(RunnerProgress::Stage stage, uint64_t done, uint64_t total, std::string detail = "");
  // Leaves the session, politely where possible, with this status as the outcome.
  void GiveUp(absl::Status status);
  // Sets session_was_over_.
  void JudgeEnd(const absl::Status& status);
  // The outcome is settled; completes when nothing is left running. Later outcomes are ignored.
  // `politely`: what was sent gets out first, and the session is erased from the store.
  void Settle(absl::StatusOr<RunnerResult> outcome, bool politely);
  void CompleteIfIdle();

  // `work` on the pool, then `next` with its result on the strand.
  template <class Work, class Next>
  void OnPool(Work work, Next next);

  RunnerOptions options_;
  Strand strand_;
  ParticipantProtocol protocol_;
  std::shared_ptr<SessionRecord> record_;
  Done done_;

  // Effects wait here, in order, while the one before them is being remembered.
  std::deque<Effect> effects_;
  bool remembering_ = false;

  std::shared_ptr<ControlLink> link_;
  std::shared_ptr<Uploader> uploader_;
  std::shared_ptr<Downloader> downloader_;
  asio::steady_timer timeout_timer_;
  asio::steady_timer session_timer_;
  asio::steady_timer resend_timer_;
  int tasks_on_pool_ = 0;

  const bool resumes_;  // A session of an earlier process.
  // What the aggregator said first, when this process came back to it.
  enum class FirstWord { kNone, kGoesOn, kIsOver };
  FirstWord first_word_ = FirstWord::kNone;
  bool session_was_over_ = false;
  bool receipt_is_durable_ = false;

  bool take_up_ = false;  // What the journal's replay left to do.
  bool caller_checked_ = false;
  std::shared_ptr<const InputSource> input_;
  double fraction_clipped_ = 0;
  absl::Status last_trouble_;

  std::optional<absl::StatusOr<RunnerResult>> outcome_;
  bool erase_ = false;  // Before completing.
  std::shared_ptr<SessionDriver> self_;
};

template <class Work, class Next>
void SessionDriver::OnPool(Work work, Next next) {
  ++tasks_on_pool_;
  asio::post(*options_.pool, [self = shared_from_this(), work = std::move(work),
                              next = std::move(next)]() mutable {
    auto result = work();
    asio::post(self->strand_, [self, next = std::move(next), result = std::move(result)]() mutable {
      --self->tasks_on_pool_;
      next(std::move(result));
    });
  });
}

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_SESSION_DRIVER_H_
