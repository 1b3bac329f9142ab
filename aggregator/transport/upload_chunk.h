// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The messages that nearly all bytes come in, read where gRPC has put them.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_UPLOAD_CHUNK_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_UPLOAD_CHUNK_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace veilsum::aggregator {

// A v1::UploadRequest of data whose payload was not copied. Not thread-safe.
class UploadChunk {
 public:
  // nullopt: the message is none, is something else, or is written in another way than protobuf's
  // own (fields in ascending order, each once); whoever wants to know parses it.
  static std::optional<UploadChunk> Read(const grpc::ByteBuffer& message);

  uint64_t offset() const { return offset_; }
  // The payload, piece by piece, as long as this lives.
  absl::Span<const absl::string_view> payload() const { return payload_; }
  uint64_t payload_bytes() const { return payload_bytes_; }

 private:
  std::vector<grpc::Slice> slices_;  // Share gRPC's memory.
  uint64_t offset_ = 0;
  uint64_t payload_bytes_ = 0;
  std::vector<absl::string_view> payload_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_UPLOAD_CHUNK_H_
