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

}  // namespace

SessionDriver::SessionDriver(RunnerOptions options, ParticipantProtocol protocol,
                             std::shared_ptr<SessionRecord> record)
    : options_(std::move(options)),
      strand_(options_.pool->get_executor()),
      protocol_(std::move(protocol)),
      record_(std::move(record)),
      timeout_timer_(strand_),
      session_timer_(strand_),
      resend_timer_(strand_),
      resumes_(!protocol_.session_id().empty()) {}

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

CallContext SessionDriver::Context(uint64_t backoff) const {
  return MakeCallContext(strand_, options_.channel, options_.backoff_seed + backoff);
}

// ---- The control stream ----

void SessionDriver::Begin() {
  if (outcome_.has_value()) return CompleteIfIdle();  // Cancelled before it began.
  ArmTimeout();
  link_ = MakeLink();
  Report(RunnerProgress::Stage::kConnecting, 0, 0);
  take_up_ = resumes_;
  if (take_up_) ArmSessionTimer(LongestSession(), false);
  if (!outcome_.has_value()) link_->Start();
}

std::shared_ptr<ControlLink> SessionDriver::MakeLink() {
  ControlLink::Options link;
  link.make_hello = [this](const v1::Challenge& challenge) { return MakeHello(challenge); };
  link.greatest_backoff = [this] {
    return protocol_.session_id().empty() ? kGreatestBackoff : kGreatestBackoffInSession;
  };
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
  if (protocol_.session_id().empty()) return;
  // The session of an earlier process goes on where it stopped. Not before there is somebody to
  // tell if it cannot.
  if (std::exchange(take_up_, false) && CallerFits()) Carry(protocol_.TakeReplayed());
  Step(Reconnected{});
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
  if (first_word_ == FirstWord::kNone) {
    const bool over = message.has_refused() &&
                      message.refused().scope() != v1::Refused::SCOPE_MESSAGE &&
                      message.refused().reason() != v1::REASON_DISPLACED;
    first_word_ = over ? FirstWord::kIsOver : FirstWord::kGoesOn;
  }
  const bool offered = message.has_offer();
  const bool survivors = message.has_survivors();
  const v1::Round accepted =
      message.has_accepted() ? message.accepted().round() : v1::ROUND_UNSPECIFIED;
  Effects effects = protocol_.Step(MessageReceived{std::move(message)});
  if (!CallerFits()) return;
  // The aggregator says no more until the next second, or much longer where there are many.
  if (offered && !protocol_.finished()) Report(RunnerProgress::Stage::kAdvertiseKeys, 0, 0);
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
  ArmSessionTimer(LongestSession(), false);
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
  // The end may have come while the disk was at work, and with it the seed went.
  if (protocol_.finished()) return;
  OnPool(
      [this, spec = std::move(encode.spec),
       seed = protocol_.rounding_seed().Clone()]() -> absl::StatusOr<Input> {
        auto source = UpdateSource::Create(options_.update, options_.weight, spec, seed);
        if (!source.ok()) return source.status();
        Input input{*std::move(source)};
        input.digest = InputDigest(*input.source);
        if (options_.observe_quantised != nullptr) {
          input.observed = crypto::LaneVector(input.source->width(), input.source->size());
          input.observed->Visit([&](auto lanes) { input.source->Fill(0, lanes); });
        }
        return input;
      },
      [this](absl::StatusOr<Input> input) { Encoded(std::move(input)); });
}

void SessionDriver::Encoded(absl::StatusOr<Input> input) {
  if (outcome_.has_value()) return CompleteIfIdle();
  if (!input.ok()) return GiveUp(input.status());
  fraction_clipped_ = input->source->clipping().fraction_clipped;
  input_ = std::move(input->source);
  if (input->observed.has_value()) {
    options_.observe_quantised(protocol_.header(), *input->observed);
  }
  Step(InputEncoded{input->digest});
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
    if (options_.hooks.receipt != nullptr) options_.hooks.receipt(*outcome);
    receipt_is_durable_ = outcome->durability() == v1::DURABILITY_CHECKPOINT;
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

}  // namespace veilsum::client
