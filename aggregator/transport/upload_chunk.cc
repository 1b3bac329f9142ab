// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/upload_chunk.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "proto/participant.pb.h"

namespace veilsum::aggregator {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr uint32_t Tag(int field, WireFormatLite::WireType type) {
  return static_cast<uint32_t>(field) << 3 | static_cast<uint32_t>(type);
}
constexpr uint32_t kDataTag =
    Tag(v1::UploadRequest::kDataFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
constexpr uint32_t kOffsetTag =
    Tag(v1::UploadData::kOffsetFieldNumber, WireFormatLite::WIRETYPE_VARINT);
constexpr uint32_t kPayloadTag =
    Tag(v1::UploadData::kPayloadFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);

// Three tags, two lengths and an offset, as protobuf writes them, are not longer. What is goes to
// the parser.
constexpr size_t kMostHeaderBytes = 32;

struct Header {
  uint64_t offset = 0;
  uint64_t bytes = 0;  // Of itself: the payload is all that comes after it.
};

// Both lengths must be what is left of the message, so that nothing can come behind the payload.
std::optional<Header> ReadHeader(absl::Span<const uint8_t> begin, uint64_t message_bytes) {
  google::protobuf::io::CodedInputStream input(begin.data(), static_cast<int>(begin.size()));
  const auto left = [&] { return message_bytes - static_cast<uint64_t>(input.CurrentPosition()); };
  Header header;
  uint64_t length = 0;
  if (input.ReadTag() != kDataTag || !input.ReadVarint64(&length) || length != left()) {
    return std::nullopt;
  }
  uint32_t tag = input.ReadTag();
  if (tag == kOffsetTag) {
    if (!input.ReadVarint64(&header.offset)) return std::nullopt;
    tag = input.ReadTag();
  }
  if (tag != kPayloadTag || !input.ReadVarint64(&length) || length != left()) return std::nullopt;
  header.bytes = static_cast<uint64_t>(input.CurrentPosition());
  return header;
}

}  // namespace

std::optional<UploadChunk> UploadChunk::Read(const grpc::ByteBuffer& message) {
  UploadChunk chunk;
  if (!message.Dump(&chunk.slices_).ok()) return std::nullopt;
  std::array<uint8_t, kMostHeaderBytes> begin;
  size_t known = 0;
  for (const grpc::Slice& slice : chunk.slices_) {
    const size_t bytes = std::min(slice.size(), begin.size() - known);
    std::copy_n(slice.begin(), bytes, begin.begin() + known);
    known += bytes;
  }
  const std::optional<Header> header =
      ReadHeader(absl::MakeConstSpan(begin).subspan(0, known), message.Length());
  if (!header.has_value()) return std::nullopt;
  chunk.offset_ = header->offset;
  chunk.payload_bytes_ = message.Length() - header->bytes;
  uint64_t skip = header->bytes;
  for (const grpc::Slice& slice : chunk.slices_) {
    const absl::string_view bytes(reinterpret_cast<const char*>(slice.begin()), slice.size());
    const uint64_t skipped = std::min<uint64_t>(skip, bytes.size());
    skip -= skipped;
    if (skipped < bytes.size()) chunk.payload_.push_back(bytes.substr(skipped));
  }
  return chunk;
}

}  // namespace veilsum::aggregator
