// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/control_link.h"

#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::client {
namespace {

// How long the end of a stream may take that was closed politely.
constexpr std::chrono::seconds kFlushTime{1};

constexpr char kParticipate[] = "/veilsum.v1.ParticipantService/Participate";

absl::StatusCode CodeOf(v1::Reason reason) {
  switch (reason) {
    case v1::REASON_MALFORMED:
    case v1::REASON_OVERSIZED:
    case v1::REASON_INVALID_ARGUMENT:
      return absl::StatusCode::kInvalidArgument;
    case v1::REASON_BAD_SIGNATURE:
      return absl::StatusCode::kUnauthenticated;
    case v1::REASON_NOT_A_MEMBER:
      return absl::StatusCode::kPermissionDenied;
    case v1::REASON_UNKNOWN_TASK:
      return absl::StatusCode::kNotFound;
    case v1::REASON_UNKNOWN_SESSION:  // It was there: lost with its aggregator, or long over.
      return absl::StatusCode::kAborted;
    case v1::REASON_UNSUPPORTED:
      return absl::StatusCode::kUnimplemented;
    case v1::REASON_SESSION_FULL:
      return absl::StatusCode::kResourceExhausted;
    case v1::REASON_OVERLOADED:
    case v1::REASON_DRAINING:
    case v1::REASON_NOT_READY:
    case v1::REASON_SHUTDOWN:
    case v1::REASON_STORAGE_FAILED:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kFailedPrecondition;
  }
}

}  // namespace

ControlLink::ControlLink(CallContext context, Options options)
    : context_(std::move(context)),
      options_(std::move(options)),
      backoff_(context_.backoff_seed),
      timer_(context_.strand) {}

void ControlLink::Start() { Connect(); }

void ControlLink::Connect() {
  challenged_ = false;
  verdict_.reset();
  const auto self = shared_from_this();
  call_ = Call::Start(
      context_.strand,
      {[self](grpc::ByteBuffer bytes) { self->Parse(std::move(bytes)); },
       [self](absl::Status status) { self->Ended(std::move(status)); }},
      [this](grpc::ClientContext* context, Call::Reactor* reactor) {
        grpc::TemplatedGenericStub<v1::ClientMessage, grpc::ByteBuffer>(context_.channel)
            .PrepareBidiStreamingCall(context, kParticipate, {}, reactor);
      });
}

void ControlLink::Parse(grpc::ByteBuffer bytes) {
  v1::ServerMessage message;
  if (!grpc::SerializationTraits<v1::ServerMessage>::Deserialize(&bytes, &message).ok()) {
    if (!verdict_.has_value()) {
      verdict_ = absl::UnavailableError("the aggregator sent bytes that are no message");
    }
    return Cut();
  }
  Received(std::move(message));
}

void ControlLink::Send(v1::ClientMessage message, std::function<void()> written) {
  if (established_) call_->Write(std::move(message), std::move(written));
}

void ControlLink::Cut() {
  if (call_ == nullptr) return;
  established_ = false;
  call_->Cancel();
}

void ControlLink::Received(v1::ServerMessage message) {
  if (closing_ || verdict_.has_value()) return;
  // Of the Hello; or of the whole stream, before there was a challenge.
  if (message.has_refused() && message.refused().scope() == v1::Refused::SCOPE_MESSAGE &&
      message.refused().round() == v1::ROUND_UNSPECIFIED) {
    return HelloRefused(message.refused());
  }
  if (message.has_challenge() != !challenged_) {
    verdict_ = absl::UnavailableError("the aggregator did not begin with one challenge");
    return Cut();
  }
  if (message.has_challenge()) return Challenged(message.challenge());
  if (!established_) return;
  backoff_.Reset();
  options_.on_message(std::move(message));
}

void ControlLink::Challenged(const v1::Challenge& challenge) {
  challenged_ = true;
  if (challenge.nonce().size() != limits::kNonceBytes) {
    verdict_ = absl::UnavailableError(absl::StrCat("the aggregator's challenge has ",
                                                   challenge.nonce().size(), " bytes, not ",
                                                   limits::kNonceBytes));
    return Cut();
  }
  std::optional<v1::ClientMessage> hello = options_.make_hello(challenge);
  if (!hello.has_value()) return;
  established_ = true;
  call_->Write(*std::move(hello));
  options_.on_established();
}

void ControlLink::HelloRefused(const v1::Refused& refused) {
  verdict_ = WithRetryAfter(
      MakeError(CodeOf(refused.reason()), refused.reason(),
                absl::StrCat("the aggregator refused this client: ", refused.detail())),
      absl::Milliseconds(static_cast<int64_t>(
          std::min<uint64_t>(refused.retry_after_ms(), limits::kMaxDeadlineMs))));
  Cut();
}

void ControlLink::Ended(absl::Status status) {
  call_ = nullptr;
  established_ = false;
  if (closing_) return Closed();
  if (verdict_.has_value()) status = *std::exchange(verdict_, std::nullopt);
  if (IsTransient(status)) return RetryLater(status);
  options_.on_failed(std::move(status));
}

void ControlLink::RetryLater(const absl::Status& status) {
  const absl::Duration delay = backoff_.Next(status, options_.greatest_backoff());
  timer_.expires_after(absl::ToChronoNanoseconds(delay));
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error && !self->closing_) self->Connect();
  });
  options_.on_trouble(status);
}

void ControlLink::Close(bool flush) {
  if (closing_) return;
  closing_ = true;
  timer_.cancel();
  const auto self = shared_from_this();
  if (call_ == nullptr) {
    asio::post(context_.strand, [self] { self->Closed(); });
    return;
  }
  if (!flush || !established_) return call_->Cancel();
  call_->HalfClose();
  timer_.expires_after(kFlushTime);
  timer_.async_wait([self](const asio::error_code& error) {
    if (!error && self->call_ != nullptr) self->call_->Cancel();
  });
}

void ControlLink::Closed() {
  timer_.cancel();
  const Options options = std::move(options_);
  options.on_closed();
}

}  // namespace veilsum::client
