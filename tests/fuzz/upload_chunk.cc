// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A message of an upload, as gRPC hands it over: the sizes of its slices, then the bytes.
#include "aggregator/transport/upload_chunk.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "proto/participant.pb.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {

void FuzzOne(crypto::ByteSpan data) {
  Input input(data);
  const size_t first = input.Below(40);
  const size_t others = 1 + input.Below(200);
  const std::string bytes = crypto::ToString(input.Rest());
  std::vector<grpc::Slice> slices = {grpc::Slice(bytes.substr(0, first))};
  for (size_t at = std::min(first, bytes.size()); at < bytes.size(); at += others) {
    slices.emplace_back(bytes.substr(at, others));
  }
  const auto chunk = aggregator::UploadChunk::Read(grpc::ByteBuffer(slices.data(), slices.size()));
  if (!chunk.has_value()) return;
  v1::UploadRequest request;
  Require(request.ParseFromString(bytes) && request.has_data(), "what is read parses");
  Require(chunk->offset() == request.data().offset(), "the parser's offset");
  Require(absl::StrJoin(chunk->payload(), "") == request.data().payload(), "the parser's payload");
  Require(chunk->payload_bytes() == request.data().payload().size(), "its size");
}

}  // namespace veilsum::fuzz
