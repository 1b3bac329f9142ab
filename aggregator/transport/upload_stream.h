// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// UploadMaskedInput: open, proceed once there is room, data in order, close, receipt.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_UPLOAD_STREAM_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_UPLOAD_STREAM_H_

#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "aggregator/runtime/aggregator.h"
#include "aggregator/transport/raw_stream.h"
#include "aggregator/transport/service_context.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {

class UploadStream final : public RawStream {
 public:
  UploadStream(grpc::CallbackServerContext* context, ServiceContext& service);

 private:
  void Begun() override;
  void Received(grpc::ByteBuffer message) override;
  void HalfClosed() override;
  void Over() override;

  void RefuseForNow(absl::string_view text, metrics::Overload why = metrics::Overload::kInflight);
  bool TooManyMessages();
  void AwaitNextChunk();
  void NoteBytes(uint64_t bytes);
  void Open(const v1::UploadOpen& open);
  void Opened(absl::StatusOr<Aggregator::OpenedUpload> opened);
  void ProceedOnceAdmitted();
  void TakeData(uint64_t offset, absl::Span<const absl::string_view> payload, uint64_t bytes);
  void Close(const v1::UploadClose& close);
  void Conclude(const absl::StatusOr<v1::UploadReceipt>& receipt);
  std::shared_ptr<UploadStream> Self() {
    return std::static_pointer_cast<UploadStream>(shared_from_this());
  }

  ServiceContext& service_;
  std::optional<Places::Place> handshake_;     // Until there is a good open.
  std::optional<StreamCount::Slot> slot_;      // From then on.
  std::optional<IdentityPublicKey> identity_;  // Once opened.
  Aggregator::OpenedUpload upload_;
  uint64_t total_bytes_ = 0;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;           // In this stream.
  uint64_t bytes_in_time_ = 0;   // Since AwaitNextChunk.
  uint64_t bytes_expected_ = 0;  // From then on, in time.
  bool proceeding_ = false;      // The client was told to.
  bool closed_ = false;          // The client has sent its close; the receipt is due.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_UPLOAD_STREAM_H_
