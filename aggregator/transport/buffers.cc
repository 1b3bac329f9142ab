// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/buffers.h"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <utility>

namespace veilsum::aggregator {

grpc::ByteBuffer ToByteBuffer(std::shared_ptr<const std::string> bytes) {
  const auto drop = [](void* owner) {
    delete static_cast<std::shared_ptr<const std::string>*>(owner);
  };
  auto* owner = new std::shared_ptr<const std::string>(std::move(bytes));
  const std::string& content = **owner;
  // gRPC takes a non-const pointer and only reads.
  const grpc::Slice slice(const_cast<char*>(content.data()), content.size(), drop, owner);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer ToByteBuffer(const google::protobuf::MessageLite& message) {
  return ToByteBuffer(std::make_shared<const std::string>(message.SerializeAsString()));
}

bool ParseByteBuffer(const grpc::ByteBuffer& buffer, google::protobuf::MessageLite& message) {
  grpc::ByteBuffer readable(buffer);  // Shares the bytes.
  grpc::ProtoBufferReader reader(&readable);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

}  // namespace veilsum::aggregator
