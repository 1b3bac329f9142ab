// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// gRPC's byte buffers to and from messages and strings.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_BUFFERS_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_BUFFERS_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>

namespace veilsum::aggregator {

// Shares the bytes: one message that goes to many clients is in memory once.
grpc::ByteBuffer ToByteBuffer(std::shared_ptr<const std::string> bytes);
grpc::ByteBuffer ToByteBuffer(const google::protobuf::MessageLite& message);

// False when the bytes are no such message; `message` is then in no particular state.
bool ParseByteBuffer(const grpc::ByteBuffer& buffer, google::protobuf::MessageLite& message);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_BUFFERS_H_
