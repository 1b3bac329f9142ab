// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/participate_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "aggregator/runtime/hello.h"
#include "aggregator/runtime/names.h"
#include "aggregator/transport/buffers.h"
#include "proto/limits.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::aggregator {

namespace {

// A hello is about 250 bytes. Nobody who has not said one makes us parse more.
constexpr size_t kMaxHelloBytes = 1024;

v1::Round RoundOf(const v1::ClientMessage& message) {
  switch (message.message_case()) {
    case v1::ClientMessage::kAdvertiseKeys:
      return v1::ROUND_ADVERTISE_KEYS;
    case v1::ClientMessage::kShareKeys:
      return v1::ROUND_SHARE_KEYS;
    case v1::ClientMessage::kConsistencyCheck:
      return v1::ROUND_CONSISTENCY_CHECK;
    default:
      return v1::ROUND_UNMASKING;
  }
}

}  // namespace

ParticipateStream::ParticipateStream(grpc::CallbackServerContext* context, ServiceContext& service)
    : RawStream(context, service.executors.control(), service.large_writes,
                RpcMetrics(service.recorder, metrics::Method::kParticipate)),
      service_(service),
      messages_(kMessageRate, std::chrono::steady_clock::now()) {}

void ParticipateStream::Begun() {
  const std::weak_ptr<ParticipateStream> weak = Self();
  handshake_.emplace(service_.handshakes.Enter(peer(), [weak] {
    const auto self = weak.lock();
    if (self != nullptr) self->Post([self] { self->GiveWay(); });
  }));
  number_ = handshake_->number();
  nonce_.resize(limits::kNonceBytes);
  service_.random(absl::MakeSpan(reinterpret_cast<uint8_t*>(nonce_.data()), limits::kNonceBytes));
  v1::ServerMessage message;
  message.mutable_challenge()->set_nonce(nonce_);
  Write(ToByteBuffer(message));
  EndAfter(kHandshakeTime, [] {
    return absl::DeadlineExceededError(
        absl::StrCat("no hello within ", kHandshakeTime.count(), " seconds"));
  });
  ReadNext();
}

void ParticipateStream::Received(grpc::ByteBuffer buffer) {
  if (!connected_ && buffer.Length() > kMaxHelloBytes) {
    return Refuse(StatusFor(v1::REASON_OVERSIZED,
                            absl::StrCat("the first message must be a hello, which is at most ",
                                         kMaxHelloBytes, " bytes, is ", buffer.Length())));
  }
  if (TooOften()) {
    return RefuseForNow("too many messages on one stream; try again shortly",
                        metrics::Overload::kRate);
  }
  v1::ClientMessage message;
  const bool parsed = ParseByteBuffer(buffer, message);
  buffer.Clear();
  if (!connected_) {
    if (!parsed) return Refuse(StatusFor(v1::REASON_MALFORMED, "the first message does not parse"));
    return CheckFirstMessage(message);
  }
  // An empty message is refused as malformed, which this one is; the stream lives.
  if (!parsed) message.Clear();
  service_.aggregator->Receive(Self(), std::move(message), [self = Self()] {
    self->Post([self] {
      if (!self->ending()) self->ReadNext();
    });
  });
}

void ParticipateStream::CheckFirstMessage(const v1::ClientMessage& message) {
  if (!message.has_hello()) {
    return Refuse(StatusFor(v1::REASON_MALFORMED, "the first message must be a hello"));
  }
  const auto identity = CheckHello(message.hello(), nonce_);
  if (!identity.ok()) return Refuse(identity.status());
  CancelEndAfter();
  handshake_.reset();
  slot_.emplace(service_.control_streams);
  if (!*slot_) {
    return RefuseForNow(absl::StrCat("the aggregator serves ", service_.control_streams.most(),
                                     " clients at a time; try again shortly"));
  }
  connected_ = true;
  service_.aggregator->Connect(*identity, message.hello(), Self());
  ReadNext();
}

void ParticipateStream::GiveWay() {
  if (connected_ || ending()) return;
  RefuseForNow("no hello came, and the room was needed for other clients; try again shortly");
}

void ParticipateStream::RefuseForNow(absl::string_view text, metrics::Overload why) {
  service_.recorder.OverloadRejection(why);
  Refuse(WithRetryAfter(StatusFor(v1::REASON_OVERLOADED, text), absl::Seconds(5)));
}

void ParticipateStream::Refuse(const absl::Status& why) {
  Write(ToByteBuffer(RefusedMessage(v1::Refused::SCOPE_MESSAGE, why)));
  End(why);
}

// Who says no more reads no more: what has not left yet would only stand in others' way.
void ParticipateStream::HalfClosed() {
  DropQueued();
  End(absl::OkStatus());
}

void ParticipateStream::Over() {
  handshake_.reset();
  slot_.reset();  // Whoever is not served any more takes nobody's room.
  LeaveThrough(lingering() ? service_.lingering : service_.leaving);
  if (connected_) service_.aggregator->Disconnected(Self());
}

void ParticipateStream::ReceivedLate(grpc::ByteBuffer buffer) {
  if (TooOften()) return service_.recorder.OverloadRejection(metrics::Overload::kRate);
  v1::ClientMessage message;
  if (!ParseByteBuffer(buffer, message)) message.Clear();
  v1::ServerMessage answer = RefusedMessage(v1::Refused::SCOPE_MESSAGE,
                                            StatusFor(v1::REASON_LATE, "the session has ended"));
  answer.mutable_refused()->set_round(RoundOf(message));
  Write(ToByteBuffer(answer));
}

void ParticipateStream::Send(EncodedMessage message) {
  Post([this, message = std::move(message)] {
    if (message.bytes != nullptr) return Write(ToByteBuffer(message.bytes), message.droppable);
    Write([make = message.make] { return ToByteBuffer(make()); });
  });
}

void ParticipateStream::Dismiss(EncodedMessage last_word, absl::Status status) {
  Post([this, last_word = std::move(last_word), status = std::move(status)] {
    DropQueued();
    Write(ToByteBuffer(last_word.bytes));
    End(status);
  });
}

void ParticipateStream::Close(absl::Status status) {
  // After a good end the client still downloads, and goes when it has what it wants.
  Post([this, status = std::move(status)] { End(status, /*linger=*/status.ok()); });
}

}  // namespace veilsum::aggregator
