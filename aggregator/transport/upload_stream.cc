// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/upload_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "aggregator/runtime/names.h"
#include "aggregator/transport/buffers.h"
#include "aggregator/transport/upload_chunk.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"
#include "proto/validate.h"

namespace veilsum::aggregator {

namespace {

// An open is about 140 bytes.
constexpr size_t kMaxOpenBytes = 1024;

}  // namespace

UploadStream::UploadStream(grpc::CallbackServerContext* context, ServiceContext& service)
    : RawStream(context, service.executors.control(), service.large_writes,
                RpcMetrics(service.recorder, metrics::Method::kUploadMaskedInput)),
      service_(service) {}

void UploadStream::RefuseForNow(absl::string_view text, metrics::Overload why) {
  service_.recorder.OverloadRejection(why);
  End(WithRetryAfter(StatusFor(v1::REASON_OVERLOADED, text), absl::Seconds(1)));
}

void UploadStream::Begun() {
  const std::weak_ptr<UploadStream> weak = Self();
  handshake_.emplace(service_.handshakes.Enter(peer(), [weak] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->Post([self] {
      if (self->upload_.session != nullptr || self->ending()) return;
      self->RefuseForNow("no upload.open came, and the room was needed; try again shortly");
    });
  }));
  EndAfter(kHandshakeTime, [] {
    return absl::DeadlineExceededError(
        absl::StrCat("no upload.open within ", kHandshakeTime.count(), " seconds"));
  });
  ReadNext();
}

void UploadStream::Received(grpc::ByteBuffer buffer) {
  if (!identity_.has_value() && buffer.Length() > kMaxOpenBytes) {
    return End(StatusFor(v1::REASON_OVERSIZED,
                         absl::StrCat("upload: must begin with an open, which is at most ",
                                      kMaxOpenBytes, " bytes, is ", buffer.Length())));
  }
  if (TooManyMessages()) {
    return RefuseForNow("too many small messages for so few bytes; try again with larger chunks",
                        metrics::Overload::kRate);
  }
  if (identity_.has_value() && !closed_) {
    if (const std::optional<UploadChunk> chunk = UploadChunk::Read(buffer)) {
      return TakeData(chunk->offset(), chunk->payload(), chunk->payload_bytes());
    }
  }
  v1::UploadRequest request;
  if (!ParseByteBuffer(buffer, request)) {
    return End(StatusFor(v1::REASON_MALFORMED, "upload: a message does not parse"));
  }
  buffer.Clear();
  if (!identity_.has_value() && request.has_open()) return Open(request.open());
  if (identity_.has_value() && !closed_ && request.has_data()) {
    const absl::string_view payload = request.data().payload();
    return TakeData(request.data().offset(), {&payload, 1}, payload.size());
  }
  if (identity_.has_value() && !closed_ && request.has_close()) return Close(request.close());
  End(StatusFor(v1::REASON_MALFORMED, "upload: must be one open, then data, then one close"));
}

bool UploadStream::TooManyMessages() {
  return ++messages_ > kUploadMessages + bytes_ / kBytesPerUploadMessage;
}

// The next chunk, or the close.
void UploadStream::AwaitNextChunk() {
  if (service_.chunk_time.count() == 0) return;
  bytes_in_time_ = 0;
  bytes_expected_ =
      std::min<uint64_t>(limits::kChunkBytes, total_bytes_ - upload_.grant->writer->offset());
  EndAfter(service_.chunk_time, [] {
    return WithRetryAfter(
        StatusFor(v1::REASON_TOO_SLOW, "the upload stalled; go on from its last byte"),
        absl::Seconds(1));
  });
}

void UploadStream::NoteBytes(uint64_t bytes) {
  bytes_ += bytes;
  bytes_in_time_ += bytes;
  if (bytes_in_time_ >= bytes_expected_ && bytes > 0) AwaitNextChunk();
}

void UploadStream::Open(const v1::UploadOpen& open) {
  CancelEndAfter();
  const auto identity = IdentityPublicKey::Parse(crypto::AsBytes(open.identity()));
  if (!identity.ok()) {
    return End(StatusFor(v1::REASON_MALFORMED,
                         absl::StrCat("upload.open.identity: ", identity.status().message())));
  }
  identity_ = *identity;
  total_bytes_ = open.total_bytes();
  const std::weak_ptr<UploadStream> weak = Self();
  UploadListener listener;
  listener.cut_off = [weak](absl::Status why) {
    const auto self = weak.lock();
    if (self != nullptr) self->Post([self, why] { self->End(why); });
  };
  listener.admitted = [weak] {
    const auto self = weak.lock();
    if (self != nullptr) self->Post([self] { self->ProceedOnceAdmitted(); });
  };
  service_.aggregator->OpenUpload(
      open, listener, [self = Self()](absl::StatusOr<Aggregator::OpenedUpload> opened) {
        self->Post([self, opened = std::move(opened)] { self->Opened(opened); });
      });
}

void UploadStream::Opened(absl::StatusOr<Aggregator::OpenedUpload> opened) {
  if (ending()) return;
  if (!opened.ok()) return End(opened.status());
  handshake_.reset();
  slot_.emplace(service_.uploads);
  if (!*slot_) {
    return RefuseForNow(absl::StrCat("the aggregator takes ", service_.uploads.most(),
                                     " uploads at a time; try again shortly"));
  }
  upload_ = *std::move(opened);
  if (upload_.grant->writer == nullptr) return Conclude(upload_.grant->receipt);
  EndAfter(service_.room_time, [this] {
    service_.recorder.OverloadRejection(metrics::Overload::kMemory);
    return PendingUploads::NoRoom();
  });
  ProceedOnceAdmitted();
}

// Once.
void UploadStream::ProceedOnceAdmitted() {
  if (ending() || proceeding_ || upload_.grant == nullptr || !upload_.grant->writer->admitted()) {
    return;
  }
  proceeding_ = true;
  CancelEndAfter();
  v1::UploadReply reply;
  reply.mutable_proceed()->set_offset(upload_.grant->writer->offset());
  Write(ToByteBuffer(reply));
  AwaitNextChunk();
  ReadNext();
}

void UploadStream::TakeData(uint64_t offset, absl::Span<const absl::string_view> payload,
                            uint64_t bytes) {
  if (bytes > limits::kMaxChunkBytes) {
    return End(StatusFor(v1::REASON_OVERSIZED,
                         absl::StrCat("upload.data.payload: must be at most ",
                                      limits::kMaxChunkBytes, " bytes, is ", bytes)));
  }
  absl::Status appended = upload_.grant->writer->Append(offset, payload);
  if (!appended.ok()) return End(appended);
  NoteBytes(bytes);
  ReadNext();
}

void UploadStream::Close(const v1::UploadClose& close) {
  closed_ = true;
  CancelEndAfter();
  if (absl::Status valid = v1::ValidateUploadClose(close); !valid.ok()) {
    return End(WithReason(std::move(valid), v1::REASON_MALFORMED));
  }
  const absl::StatusOr<Digest> digest = upload_.grant->writer->Seal();
  if (!digest.ok()) return End(digest.status());
  upload_.session->CloseUpload(*identity_, *digest, close,
                               [self = Self()](absl::StatusOr<v1::UploadReceipt> receipt) {
                                 self->Post([self, receipt] { self->Conclude(receipt); });
                               });
  ReadNext();
}

void UploadStream::Conclude(const absl::StatusOr<v1::UploadReceipt>& receipt) {
  if (!receipt.ok()) return End(receipt.status());
  v1::UploadReply reply;
  *reply.mutable_receipt() = *receipt;
  Write(ToByteBuffer(reply));
  End(absl::OkStatus());
}

void UploadStream::HalfClosed() {
  if (closed_) return;  // The receipt is on its way.
  End(StatusFor(v1::REASON_BAD_UPLOAD, "upload: was cut short before its close"));
}

void UploadStream::Over() {
  handshake_.reset();
  slot_.reset();
  LeaveThrough(service_.leaving);
  upload_ = {};
}

}  // namespace veilsum::aggregator
