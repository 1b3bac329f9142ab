// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Participate: challenge, hello, then whatever the client and its session say to each other.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_PARTICIPATE_STREAM_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_PARTICIPATE_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "aggregator/runtime/participant_connection.h"
#include "aggregator/transport/raw_stream.h"
#include "aggregator/transport/service_context.h"

namespace veilsum::aggregator {

class ParticipateStream final : public RawStream, public ParticipantConnection {
 public:
  ParticipateStream(grpc::CallbackServerContext* context, ServiceContext& service);

  // ParticipantConnection.
  void Send(EncodedMessage message) override;
  void Close(absl::Status status) override;
  void Dismiss(EncodedMessage last_word, absl::Status status) override;
  uint64_t number() const override { return number_; }

 private:
  void Begun() override;
  void Received(grpc::ByteBuffer message) override;
  void ReceivedLate(grpc::ByteBuffer message) override;
  void HalfClosed() override;
  void Over() override;

  void CheckFirstMessage(const v1::ClientMessage& message);
  void GiveWay();
  void RefuseForNow(absl::string_view text, metrics::Overload why = metrics::Overload::kInflight);
  bool TooOften() { return !messages_.Take(std::chrono::steady_clock::now()); }
  void Refuse(const absl::Status& why);
  std::shared_ptr<ParticipateStream> Self() {
    return std::static_pointer_cast<ParticipateStream>(shared_from_this());
  }

  ServiceContext& service_;
  std::optional<Places::Place> handshake_;  // Until there is a good hello.
  std::optional<StreamCount::Slot> slot_;   // From then on.
  uint64_t number_ = 0;                     // Greater for streams that were challenged later.
  std::string nonce_;
  TokenBucket messages_;
  bool connected_ = false;  // The aggregator knows this stream.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_PARTICIPATE_STREAM_H_
