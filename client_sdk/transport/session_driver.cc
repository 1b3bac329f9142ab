// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/session_driver.h"

#include <grpcpp/channel.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/decoder.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

absl::Duration SumOf(const v1::PhaseDeadlines& deadlines) {
  return absl::Milliseconds(deadlines.advertise_keys_ms()) +
         absl::Milliseconds(deadlines.share_keys_ms()) +
         absl::Milliseconds(deadlines.masked_input_ms()) +
         absl::Milliseconds(deadlines.consistency_check_ms()) +
         absl::Milliseconds(deadlines.unmasking_ms());
}

RunnerProgress::Stage StageOf(v1::Round round) {
  switch (round) {
    case v1::ROUND_SHARE_KEYS:
      return RunnerProgress::Stage::kShareKeys;
    case v1::ROUND_MASKED_INPUT_COLLECTION:
      return RunnerProgress::Stage::kMaskedInputCollection;
    case v1::ROUND_CONSISTENCY_CHECK:
      return RunnerProgress::Stage::kConsistencyCheck;
    case v1::ROUND_UNMASKING:
      return RunnerProgress::Stage::kUnmasking;
    default:
      return RunnerProgress::Stage::kAdvertiseKeys;
  }
}

// How the operator is told. The caller gets the whole status; it may name its weight, its vector or
// its directories.
CancelRequested WithdrawalFor(const absl::Status& status) {
  const v1::Reason reason = ReasonOf(status);
  switch (reason) {
    case v1::REASON_UNSPECIFIED:
    case v1::REASON_CANCELLED:
      return {};
    case v1::REASON_BUDGET_SPENT:
      return {reason, std::string(status.message())};
    case v1::REASON_STATE_REFUSED:
      return {reason, "the client's saved state does not allow it to go on"};
    case v1::REASON_INVALID_ARGUMENT:
      return {reason, "the caller's update does not fit the session"};
    default:
      return {reason, "the client gave up"};
  }
}

// Says what REASON_DISPLACED means here, whoever reported it.
absl::Status Explain(absl::Status status) {
  if (ReasonOf(status) != v1::REASON_DISPLACED) return status;
  return MakeError(absl::StatusCode::kAborted, v1::REASON_DISPLACED,
                   "another client with the same identity has connected, and this one is out of "
                   "the session; run one client for each identity");
}

}  // namespace

SessionDriver::SessionDriver(RunnerOptions options, ParticipantProtocol protocol,
                             std::shared_ptr<SessionRecord> record)
    : options_(std::move(options)),
      strand_(options_.pool->get_executor()),
      stub_(v1::ParticipantService::NewStub(options_.channel)),
      protocol_(std::move(protocol)),
      record_(std::move(record)),
      timeout_timer_(strand_),
      session_timer_(strand_),
      resend_timer_(strand_) {}

void SessionDriver::Start(Done done) {
  done_ = std::move(done);
  self_ = shared_from_this();
  PostFromOutside(strand_, [self = self_] { self->Begin(); });
}

void SessionDriver::Cancel() {
  PostFromOutside(strand_, [self = shared_from_this()] {
    self->GiveUp(MakeError(absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
                           "the caller cancelled the aggregation"));
  });
}

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

CallContext SessionDriver::Context(uint64_t backoff) const {
  return {strand_, stub_, options_.backoff_seed + backoff};
}

// ---- The control stream ----

void SessionDriver::Begin() {
  if (outcome_.has_value()) return CompleteIfIdle();  // Cancelled before it began.
  ArmTimeout();
  link_ = MakeLink();
  Report(RunnerProgress::Stage::kConnecting, 0, 0);
  // An unfinished session goes on where it stopped.
  if (CallerFits()) Carry(protocol_.TakeReplayed());
  if (!outcome_.has_value()) link_->Start();
}

std::shared_ptr<ControlLink> SessionDriver::MakeLink() {
  ControlLink::Options link;
  link.make_hello = [this](const v1::Challenge& challenge) { return MakeHello(challenge); };
  link.on_established = [this] { Established(); };
  link.on_message = [this](v1::ServerMessage message) { Received(std::move(message)); };
  link.on_trouble = [this](const absl::Status& status) { Trouble(status); };
  link.on_failed = [this](absl::Status status) { Settle(std::move(status), true); };
  link.on_closed = [this] {
    link_ = nullptr;
    CompleteIfIdle();
  };
  return std::make_shared<ControlLink>(Context(0), std::move(link));
}

std::optional<v1::ClientMessage> SessionDriver::MakeHello(const v1::Challenge& challenge) {
  v1::ClientMessage message;
  v1::Hello& hello = *message.mutable_hello();
  const crypto::IdentityPublicKey& identity = options_.identity->public_key();
  hello.set_identity(crypto::ToString(identity.bytes()));
  hello.set_task_id(options_.task_id);
  hello.set_session_id(protocol_.session_id());
  hello.set_last_outcome(protocol_.last_outcome());
  hello.set_protocol_version(limits::kProtocolVersion);
  const crypto::Digest digest = crypto::HelloSignatureDigest(
      crypto::AsBytes(challenge.nonce()), crypto::AsBytes(hello.task_id()),
      crypto::AsBytes(hello.session_id()), identity);
  hello.set_signature(crypto::ToString(
      crypto::Sign(*options_.identity, crypto::kLabelHelloSignature, digest).bytes()));
  if (options_.hooks.outgoing == nullptr) return message;
  return options_.hooks.outgoing(std::move(message));
}

void SessionDriver::Established() {
  if (!protocol_.session_id().empty()) Step(Reconnected{});
}

bool SessionDriver::PassIncomingHook(v1::ServerMessage& message) {
  if (options_.hooks.incoming == nullptr) return true;
  std::vector<v1::ClientMessage> say;
  std::optional<v1::ServerMessage> changed = options_.hooks.incoming(std::move(message), say);
  for (v1::ClientMessage& one : say) link_->Send(std::move(one));
  if (changed.has_value()) message = *std::move(changed);
  return changed.has_value();
}

void SessionDriver::Received(v1::ServerMessage message) {
  if (outcome_.has_value() || !PassIncomingHook(message)) return;
  if (message.has_waiting()) {
    return Report(RunnerProgress::Stage::kWaiting, 0, 0, message.waiting().detail());
  }
  if (message.has_refused() && message.refused().scope() == v1::Refused::SCOPE_MESSAGE &&
      message.refused().retry_after_ms() > 0) {
    return RetryMessages(absl::Milliseconds(static_cast<int64_t>(
        std::min<uint64_t>(message.refused().retry_after_ms(), limits::kMaxDeadlineMs))));
  }
  const bool survivors = message.has_survivors();
  const v1::Round accepted =
      message.has_accepted() ? message.accepted().round() : v1::ROUND_UNSPECIFIED;
  Effects effects = protocol_.Step(MessageReceived{std::move(message)});
  if (!CallerFits()) return;
  // The phase is over: whether the receipt came or was lost, the upload has nothing more to do.
  if (survivors && uploader_ != nullptr) uploader_->Stop();
  Carry(std::move(effects));
  if (accepted != v1::ROUND_UNSPECIFIED) FaultAt(Point::Moment::kAccepted, accepted);
}

// Once the session's spec is known: can it take what the caller wants to add? Before anything of
// this session is sent.
bool SessionDriver::CallerFits() {
  if (caller_checked_ || protocol_.finished() || protocol_.session_id().empty()) return true;
  caller_checked_ = true;
  const v1::SessionHeader& header = protocol_.header();
  ArmSessionTimer(SumOf(header.deadlines()) + options_.session_slack, false);
  absl::Status fits = CheckUpdate(options_.update, options_.weight, header.vector());
  if (!fits.ok()) GiveUp(std::move(fits));
  return fits.ok();
}

void SessionDriver::RetryMessages(absl::Duration delay) {
  resend_timer_.expires_after(absl::ToChronoNanoseconds(delay));
  resend_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (error || self->outcome_.has_value() || !self->link_->established()) return;
    self->Step(Reconnected{});
  });
}

void SessionDriver::Trouble(const absl::Status& status) {
  last_trouble_ = status;
  Report(RunnerProgress::Stage::kConnecting, 0, 0, std::string(status.message()));
}

// ---- Effects ----

void SessionDriver::Step(Event event) {
  if (!outcome_.has_value()) Carry(protocol_.Step(std::move(event)));
}

void SessionDriver::Carry(Effects effects) {
  for (Effect& effect : effects) effects_.push_back(std::move(effect));
  CarryOn();
}

void SessionDriver::CarryOn() {
  while (!effects_.empty() && !remembering_ && !outcome_.has_value()) {
    Effect effect = std::move(effects_.front());
    effects_.pop_front();
    std::visit([this](auto& one) { Carry(std::move(one)); }, effect);
  }
}

// Off the strand: the disk takes its time.
void SessionDriver::Carry(Remember remember) {
  remembering_ = true;
  const v1::SessionHeader& header = protocol_.header();
  std::optional<crypto::Digest> answered;
  if (remember.answers && header.model_hash().size() == limits::kDigestBytes) {
    std::copy(header.model_hash().begin(), header.model_hash().end(), answered.emplace().begin());
  }
  OnPool([record = record_, session_id = header.session_id(), entry = std::move(remember.entry),
          answered]() mutable { return record->Remember(session_id, std::move(entry), answered); },
         [this](absl::Status status) { Remembered(std::move(status)); });
}

void SessionDriver::Remembered(absl::Status status) {
  remembering_ = false;
  if (outcome_.has_value()) return CompleteIfIdle();
  if (!status.ok()) return GiveUp(std::move(status));
  CarryOn();
}

void SessionDriver::Carry(Send send) {
  if (link_ == nullptr) return;  // Cancelled before there was anybody to tell.
  const v1::Round round = RoundOf(send.message);
  if (FaultAt(Point::Moment::kBeforeSend, round)) return;
  if (options_.hooks.outgoing != nullptr) {
    std::optional<v1::ClientMessage> changed = options_.hooks.outgoing(std::move(send.message));
    if (!changed.has_value()) return;
    send.message = *std::move(changed);
  }
  std::function<void()> written;
  if (options_.hooks.at != nullptr) {
    written = [this, round] { FaultAt(Point::Moment::kAfterSend, round); };
  }
  link_->Send(std::move(send.message), std::move(written));
}

void SessionDriver::Carry(EncodeInput encode) {
  OnPool(
      [this, spec = std::move(encode.spec), seed = protocol_.rounding_seed().Clone()] {
        absl::StatusOr<EncodedInput> encoded =
            EncodeUpdate(options_.update, options_.weight, spec, seed);
        crypto::Digest digest{};
        if (encoded.ok()) digest = InputDigest(encoded->values);
        return std::make_pair(std::move(encoded), digest);
      },
      [this](auto encoded) { Encoded(std::move(encoded.first), encoded.second); });
}

void SessionDriver::Encoded(absl::StatusOr<EncodedInput> encoded, const crypto::Digest& digest) {
  if (outcome_.has_value()) return CompleteIfIdle();
  if (!encoded.ok()) return GiveUp(encoded.status());
  fraction_clipped_ = encoded->fraction_clipped;
  input_ = std::make_shared<const crypto::LaneVector>(std::move(encoded->values));
  if (options_.observe_quantised != nullptr) {
    options_.observe_quantised(protocol_.header(), *input_);
  }
  Step(InputEncoded{digest});
}

void SessionDriver::Carry(StartUpload wanted) {
  if (uploader_ != nullptr) return;  // It goes on by itself.
  if (FaultAt(Point::Moment::kBeforeUpload, v1::ROUND_MASKED_INPUT_COLLECTION) &&
      outcome_.has_value()) {
    return;
  }
  Uploader::Options upload;
  upload.plan = std::move(wanted.plan);
  upload.input = std::move(input_);
  const uint64_t total = wanted.open.total_bytes();
  upload.open = std::move(wanted.open);
  upload.close = [this](const crypto::Digest& digest) { return protocol_.CloseUpload(digest); };
  upload.observe = options_.observe_masked;
  upload.on_progress = [this, total](uint64_t bytes) {
    Report(RunnerProgress::Stage::kUploading, bytes, total);
  };
  upload.on_trouble = [this](const absl::Status& status) { Trouble(status); };
  upload.on_done = [this](absl::StatusOr<v1::UploadReceipt> outcome) {
    UploadDone(std::move(outcome));
  };
  upload.hooks = options_.hooks;
  upload.on_fault = [this](Fault fault) { Suffer(fault); };
  uploader_ = std::make_shared<Uploader>(Context(1), std::move(upload));
  uploader_->Start();
}

void SessionDriver::UploadDone(absl::StatusOr<v1::UploadReceipt> outcome) {
  uploader_ = nullptr;
  if (outcome_.has_value()) return CompleteIfIdle();
  if (outcome.ok()) {
    Step(UploadAcknowledged{*std::move(outcome)});
    FaultAt(Point::Moment::kAfterReceipt, v1::ROUND_MASKED_INPUT_COLLECTION);
  } else if (outcome.status().code() != absl::StatusCode::kCancelled) {
    Step(UploadRefused{ReasonOf(outcome.status()), std::string(outcome.status().message())});
  }
}

void SessionDriver::Carry(DownloadResult download) {
  if (downloader_ != nullptr) return;  // It goes on by itself.
  Downloader::Options wanted;
  wanted.request = std::move(download.request);
  wanted.total_bytes = download.total_bytes;
  wanted.on_progress = [this, total = download.total_bytes](uint64_t bytes) {
    Report(RunnerProgress::Stage::kDownloading, bytes, total);
  };
  wanted.on_trouble = [this](const absl::Status& status) { Trouble(status); };
  wanted.on_done = [this](absl::StatusOr<std::string> outcome) {
    DownloadDone(std::move(outcome));
  };
  downloader_ = std::make_shared<Downloader>(Context(2), std::move(wanted));
  downloader_->Start();
}

void SessionDriver::DownloadDone(absl::StatusOr<std::string> outcome) {
  downloader_ = nullptr;
  if (outcome_.has_value()) return CompleteIfIdle();
  if (outcome.ok()) return Step(ResultDownloaded{*std::move(outcome)});
  Step(DownloadRefused{ReasonOf(outcome.status()), std::string(outcome.status().message())});
}

void SessionDriver::Carry(const Progress& progress) {
  Report(StageOf(progress.progress.round()), progress.progress.answered(),
         progress.progress.expected());
}

void SessionDriver::Carry(Finished finished) {
  if (!finished.status.ok()) return Settle(WithReason(finished.status, finished.reason), true);
  Decode(std::move(finished));
}

void SessionDriver::Decode(Finished finished) {
  RunnerResult result;
  result.participants = finished.included;
  result.fraction_clipped = fraction_clipped_;
  result.session_id = protocol_.session_id();
  if (finished.packed_sum.empty()) return Settle(std::move(result), true);
  OnPool(
      [spec = protocol_.header().vector(), finished = std::move(finished)] {
        return DecodeSum(finished.packed_sum, spec, finished.included);
      },
      [this, result = std::move(result)](absl::StatusOr<DecodedSum> sum) mutable {
        if (outcome_.has_value()) return CompleteIfIdle();
        if (!sum.ok()) return Settle(sum.status(), true);
        result.has_mean = true;
        result.mean = std::move(sum->mean);
        result.weight_sum = sum->weight_sum;
        Settle(std::move(result), true);
      });
}

// ---- Hooks ----

bool SessionDriver::FaultAt(Point::Moment moment, v1::Round round) {
  if (options_.hooks.at == nullptr || round == v1::ROUND_UNSPECIFIED || outcome_.has_value()) {
    return false;
  }
  const Fault fault = options_.hooks.at({moment, round});
  Suffer(fault);
  return fault != Fault::kNone;
}

void SessionDriver::Suffer(Fault fault) {
  if (fault == Fault::kDie) return Settle(absl::AbortedError("a test's hook killed it"), false);
  if (fault != Fault::kCutConnection) return;
  if (link_ != nullptr) link_->Cut();
  if (uploader_ != nullptr) uploader_->Cut();
  if (downloader_ != nullptr) downloader_->Cut();
}

// ---- Time and the end ----

void SessionDriver::ArmTimeout() {
  if (options_.timeout == absl::InfiniteDuration()) return;
  timeout_timer_.expires_after(absl::ToChronoNanoseconds(options_.timeout));
  timeout_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (error) return;
    self->GiveUp(absl::DeadlineExceededError(absl::StrCat(
        "no result within the timeout of ", absl::FormatDuration(self->options_.timeout),
        self->last_trouble_.ok() ? "" : "; last trouble: ", self->last_trouble_.message())));
  });
}

void SessionDriver::ArmSessionTimer(absl::Duration delay, bool last) {
  session_timer_.expires_after(absl::ToChronoNanoseconds(delay));
  session_timer_.async_wait([self = shared_from_this(), last](const asio::error_code& error) {
    if (error || self->outcome_.has_value()) return;
    const bool connected = self->link_->established();
    // As long as the aggregator is there, it should say itself when the session is over.
    if (connected && !last) {
      return self->ArmSessionTimer(SumOf(self->protocol_.header().deadlines()), true);
    }
    self->GiveUp(absl::UnavailableError(
        connected ? "the aggregator is connected, but did not end the session within twice its "
                    "deadlines"
                  : absl::StrCat("the aggregator was gone until after the session's deadlines: ",
                                 self->last_trouble_.message())));
  });
}

void SessionDriver::Report(RunnerProgress::Stage stage, uint64_t done, uint64_t total,
                           std::string detail) {
  if (options_.on_progress == nullptr || outcome_.has_value()) return;
  options_.on_progress({stage, done, total, std::move(detail)});
}

void SessionDriver::GiveUp(absl::Status status) {
  if (outcome_.has_value()) return;
  effects_.clear();  // What has not left yet never will.
  if (!protocol_.finished()) {
    for (Effect& effect : protocol_.Step(WithdrawalFor(status))) {
      if (auto* send = std::get_if<Send>(&effect)) Carry(std::move(*send));
    }
  }
  Settle(std::move(status), true);
}

void SessionDriver::Settle(absl::StatusOr<RunnerResult> outcome, bool politely) {
  if (outcome_.has_value()) return;
  if (!outcome.ok()) outcome = Explain(outcome.status());
  if (!record_->read_error().ok()) outcome = record_->read_error();
  outcome_ = std::move(outcome);
  erase_ = politely;
  effects_.clear();
  timeout_timer_.cancel();
  session_timer_.cancel();
  resend_timer_.cancel();
  if (uploader_ != nullptr) uploader_->Stop();
  if (downloader_ != nullptr) downloader_->Stop();
  if (link_ != nullptr) {
    link_->Close(politely);
  } else {
    CompleteIfIdle();
  }
}

void SessionDriver::CompleteIfIdle() {
  if (!outcome_.has_value() || link_ != nullptr || uploader_ != nullptr || downloader_ != nullptr ||
      tasks_on_pool_ > 0 || done_ == nullptr) {
    return;
  }
  if (std::exchange(erase_, false)) {
    return OnPool([record = record_] { return record->End(); },
                  [this](absl::Status ended) {
                    if (!ended.ok() && outcome_->ok()) outcome_ = std::move(ended);
                    CompleteIfIdle();
                  });
  }
  // Not from below the objects that die with this one.
  asio::post(strand_, [self = std::move(self_), done = std::exchange(done_, nullptr)] {
    done(*std::move(self->outcome_));
  });
}

}  // namespace veilsum::client
