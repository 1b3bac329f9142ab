// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/upload_chunk.h"

#include <random>
#include <string>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {
namespace {

// In slices of at most so many bytes, some of them empty.
grpc::ByteBuffer Sliced(const std::string& bytes, size_t most, std::mt19937& random) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = std::min<size_t>(random() % (most + 1), bytes.size() - at);
    slices.emplace_back(bytes.substr(at, size));
    at += size;
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::string Message(uint64_t offset, const std::string& payload) {
  v1::UploadRequest request;
  request.mutable_data()->set_offset(offset);
  request.mutable_data()->set_payload(payload);
  return request.SerializeAsString();
}

// It may leave a message to the parser, but never see another one than that.
void ExpectParsersView(const std::string& bytes, const UploadChunk& chunk) {
  v1::UploadRequest request;
  ASSERT_TRUE(request.ParseFromString(bytes));
  ASSERT_TRUE(request.has_data());
  EXPECT_EQ(chunk.offset(), request.data().offset());
  EXPECT_EQ(absl::StrJoin(chunk.payload(), ""), request.data().payload());
  EXPECT_EQ(chunk.payload_bytes(), request.data().payload().size());
}

TEST(UploadChunkTest, ReadsWhatClientsSendHoweverItIsSliced) {
  std::mt19937 random(1);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40, ~uint64_t{0}}) {
    for (const size_t size : {1, 2, 127, 128, 300, 16'384, 262'144}) {
      const std::string bytes = Message(offset, std::string(size, 'p'));
      for (const size_t most : {size_t{1}, size_t{7}, size_t{100'000}}) {
        if (size / most > 20'000) continue;
        const auto chunk = UploadChunk::Read(Sliced(bytes, most, random));
        ASSERT_TRUE(chunk.has_value()) << offset << ' ' << size << ' ' << most;
        ExpectParsersView(bytes, *chunk);
      }
    }
  }
}

TEST(UploadChunkTest, LeavesTheRestToTheParser) {
  std::mt19937 random(2);
  const std::string good = Message(300, "payload");
  v1::UploadRequest open, close;
  open.mutable_open()->set_session_id("s");
  close.mutable_close()->set_digest("d");
  for (const std::string& bytes :
       {std::string(), good + good, good + open.SerializeAsString(), good.substr(0, 5),
        good.substr(0, good.size() - 1), good + "x", open.SerializeAsString(),
        close.SerializeAsString(), Message(5, ""), std::string(40, '\xff')}) {
    EXPECT_FALSE(UploadChunk::Read(Sliced(bytes, 3, random)).has_value());
  }
}

TEST(UploadChunkTest, SeesNothingThatTheParserDoesNotSee) {
  std::mt19937 random(3);
  int read = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string bytes = Message(random() % 3 == 0 ? random() : random() % 200,
                                std::string(random() % 200, static_cast<char>(random())));
    for (uint32_t changes = random() % 3; changes > 0; --changes) {
      const size_t at = random() % std::min<size_t>(bytes.size(), 20);
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random() % 2 == 0 ? random() % 32 : random());
          break;
        case 1:
          bytes.insert(at, 1, static_cast<char>(random() % 32));
          break;
        default:
          bytes.erase(at, 1);
          if (bytes.empty()) bytes = "\x12";
      }
    }
    const auto chunk = UploadChunk::Read(Sliced(bytes, 64, random));
    if (!chunk.has_value()) continue;
    ++read;
    ExpectParsersView(bytes, *chunk);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(read, 50'000);
}

}  // namespace
}  // namespace veilsum::aggregator
