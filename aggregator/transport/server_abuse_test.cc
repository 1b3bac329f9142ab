// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Bad input over real connections: everybody gets a reason, and nobody else is hurt.

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "aggregator/transport/server_testing.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

class ServerAbuseTest : public ::testing::Test {
 protected:
  // The server still takes clients.
  void ExpectAlive() {
    TestStream stream(server_);
    stream.Join(TestIdentity(99), "task");
    EXPECT_TRUE(stream.Read().has_offer());
  }

  TestServer server_;
};

// ---- The first message ----

struct BadHello {
  std::string name;
  std::function<void(v1::ClientMessage&)> spoil;
  absl::StatusCode code;
  v1::Reason reason;
};

class BadHelloTest : public ServerAbuseTest, public ::testing::WithParamInterface<BadHello> {};

TEST_P(BadHelloTest, IsRefusedWithItsReason) {
  TestStream stream(server_);
  ASSERT_TRUE(stream.Read().has_challenge());
  v1::ClientMessage message = stream.Hello(TestIdentity(1), "task");
  GetParam().spoil(message);
  stream.Write(message);
  const v1::ServerMessage answer = stream.Read();
  EXPECT_EQ(answer.refused().scope(), v1::Refused::SCOPE_MESSAGE);
  EXPECT_EQ(answer.refused().round(), v1::ROUND_UNSPECIFIED);
  EXPECT_EQ(answer.refused().reason(), GetParam().reason) << answer.DebugString();
  EXPECT_FALSE(answer.refused().detail().empty());
  const absl::Status end = stream.Finish();
  EXPECT_EQ(end.code(), GetParam().code) << end;
  EXPECT_EQ(ReasonOf(end), GetParam().reason);
  ExpectAlive();
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadHelloTest,
    ::testing::Values(
        BadHello{"NoHello", [](v1::ClientMessage& m) { m.mutable_advertise_keys(); },
                 absl::StatusCode::kInvalidArgument, v1::REASON_MALFORMED},
        BadHello{"Empty", [](v1::ClientMessage& m) { m.Clear(); },
                 absl::StatusCode::kInvalidArgument, v1::REASON_MALFORMED},
        BadHello{"ShortIdentity",
                 [](v1::ClientMessage& m) { m.mutable_hello()->set_identity("short"); },
                 absl::StatusCode::kInvalidArgument, v1::REASON_MALFORMED},
        BadHello{
            "SmallOrderIdentity",
            [](v1::ClientMessage& m) { m.mutable_hello()->set_identity(std::string(32, '\0')); },
            absl::StatusCode::kInvalidArgument, v1::REASON_MALFORMED},
        BadHello{"WrongSignature",
                 [](v1::ClientMessage& m) { m.mutable_hello()->mutable_signature()->at(7) ^= 1; },
                 absl::StatusCode::kUnauthenticated, v1::REASON_BAD_SIGNATURE},
        BadHello{"SignatureOfAnother",
                 [](v1::ClientMessage& m) {
                   m.mutable_hello()->set_identity(
                       crypto::ToString(TestIdentity(2).public_key().bytes()));
                 },
                 absl::StatusCode::kUnauthenticated, v1::REASON_BAD_SIGNATURE},
        BadHello{"TaskChangedAfterSigning",
                 [](v1::ClientMessage& m) { m.mutable_hello()->set_task_id("other"); },
                 absl::StatusCode::kUnauthenticated, v1::REASON_BAD_SIGNATURE},
        BadHello{"AnotherVersion",
                 [](v1::ClientMessage& m) { m.mutable_hello()->set_protocol_version(2); },
                 absl::StatusCode::kUnimplemented, v1::REASON_UNSUPPORTED}),
    [](const auto& info) { return info.param.name; });

TEST_F(ServerAbuseTest, StrangersUnknownTasksAndUnknownSessionsAreRefused) {
  struct Case {
    uint8_t identity;
    std::string task;
    std::string session;
    absl::StatusCode code;
    v1::Reason reason;
  };
  const std::vector<Case> cases = {
      {201, "task", "", absl::StatusCode::kPermissionDenied, v1::REASON_NOT_A_MEMBER},
      {1, "other", "", absl::StatusCode::kNotFound, v1::REASON_UNKNOWN_TASK},
      {1, "task", std::string(16, 's'), absl::StatusCode::kNotFound, v1::REASON_UNKNOWN_SESSION},
  };
  for (const Case& one : cases) {
    TestStream stream(server_);
    stream.Join(TestIdentity(one.identity), one.task, one.session);
    EXPECT_EQ(stream.Read().refused().reason(), one.reason);
    EXPECT_EQ(stream.Finish().code(), one.code);
  }
  ExpectAlive();
}

TEST_F(ServerAbuseTest, AChallengeIsGoodForOneStream) {
  TestStream one(server_);
  ASSERT_TRUE(one.Read().has_challenge());
  TestStream other(server_);
  ASSERT_TRUE(other.Read().has_challenge());
  other.Write(one.Hello(TestIdentity(1), "task"));
  EXPECT_EQ(other.Read().refused().reason(), v1::REASON_BAD_SIGNATURE);
}

// ---- Bytes ----

// Sends these bytes as the first message of a bidirectional call; how the call ends.
absl::Status SendBytes(const TestServer& server, const std::string& method,
                       const std::string& bytes) {
  grpc::GenericStub stub(server.ParticipantChannel());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, method, &queue);
  const auto step = [&] {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return ok;
  };
  call->StartCall(nullptr);
  step();
  const grpc::Slice slice(bytes);
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  bool open = step();
  grpc::ByteBuffer answer;
  while (open) {
    call->Read(&answer, nullptr);
    open = step();
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  step();
  return FromGrpcStatus(status);
}

constexpr char kParticipate[] = "/veilsum.v1.ParticipantService/Participate";
constexpr char kUpload[] = "/veilsum.v1.ParticipantService/UploadMaskedInput";
constexpr char kDownload[] = "/veilsum.v1.ParticipantService/DownloadResult";

TEST_F(ServerAbuseTest, GarbageIsMalformed) {
  for (const char* method : {kParticipate, kUpload}) {
    for (const std::string& bytes :
         {std::string("\xff\xff\xff\xff garbage"), std::string(), std::string(1'000, '\x0a')}) {
      const absl::Status end = SendBytes(server_, method, bytes);
      EXPECT_EQ(end.code(), absl::StatusCode::kInvalidArgument) << method << " " << end;
      EXPECT_EQ(ReasonOf(end), v1::REASON_MALFORMED) << end;
    }
  }
  ExpectAlive();
}

TEST_F(ServerAbuseTest, RequestsThatDoNotParseAreMalformed) {
  const absl::Status end = SendBytes(server_, kDownload, "\xff\xff\xff\xff garbage");
  EXPECT_EQ(end.code(), absl::StatusCode::kInvalidArgument) << end;
  EXPECT_EQ(ReasonOf(end), v1::REASON_MALFORMED) << end;
  ExpectAlive();
}

// Nothing that has not said whose it is gets more than this parsed.
TEST_F(ServerAbuseTest, AFirstMessageOfMoreThanAHelloIsOversized) {
  v1::ClientMessage hello;
  hello.mutable_hello()->set_task_id(std::string(2000, 'x'));
  v1::UploadRequest open;
  open.mutable_open()->set_signature(std::string(2000, 'x'));
  for (const auto& [method, bytes] :
       {std::pair(kParticipate, hello.SerializeAsString()), {kUpload, open.SerializeAsString()}}) {
    const absl::Status end = SendBytes(server_, method, bytes);
    EXPECT_EQ(end.code(), absl::StatusCode::kInvalidArgument) << end;
    EXPECT_EQ(ReasonOf(end), v1::REASON_OVERSIZED) << end;
  }
  ExpectAlive();
}

TEST_F(ServerAbuseTest, AMessageAboveTheLimitEndsTheCallBeforeItIsRead) {
  const std::string huge(2'000'001, 'x');
  for (const char* method : {kParticipate, kUpload, kDownload}) {
    const absl::Status end = SendBytes(server_, method, huge);
    EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted) << end;
  }
  ExpectAlive();
}

// ---- In a session ----

TEST_F(ServerAbuseTest, AfterABadMessageTheStreamLives) {
  TestStream stream(server_);
  stream.Join(TestIdentity(1), "task");
  ASSERT_TRUE(stream.Read().has_offer());
  v1::ClientMessage message;
  stream.Write(message);
  EXPECT_EQ(stream.Read().refused().reason(), v1::REASON_MALFORMED);
  stream.Write(stream.Hello(TestIdentity(1), "task"));
  EXPECT_EQ(stream.Read().refused().reason(), v1::REASON_MALFORMED);
  message.mutable_consistency_check()->set_survivor_root_signature("x");
  stream.Write(message);
  const v1::ServerMessage no_check = stream.Read();
  EXPECT_EQ(no_check.refused().scope(), v1::Refused::SCOPE_MESSAGE) << no_check.DebugString();
  EXPECT_EQ(no_check.refused().round(), v1::ROUND_CONSISTENCY_CHECK);
  message.mutable_unmasking()->set_body("x");
  stream.Write(message);
  const v1::ServerMessage refused = stream.Read();
  EXPECT_EQ(refused.refused().round(), v1::ROUND_UNMASKING) << refused.DebugString();
  EXPECT_NE(refused.refused().reason(), v1::REASON_UNSPECIFIED);
  message.mutable_withdraw();
  stream.Write(message);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(ServerAbuseTest, TheNewestStreamOfAnIdentityIsServed) {
  TestStream old_stream(server_);
  old_stream.Join(TestIdentity(1), "task");
  const v1::ServerMessage offer = old_stream.Read();
  ASSERT_TRUE(offer.has_offer());
  TestStream new_stream(server_);
  new_stream.Join(TestIdentity(1), "task");
  EXPECT_EQ(new_stream.Read().offer().header(), offer.offer().header());
  const v1::ServerMessage displaced = old_stream.Read();
  EXPECT_EQ(displaced.refused().scope(), v1::Refused::SCOPE_CLIENT) << displaced.DebugString();
  EXPECT_EQ(displaced.refused().reason(), v1::REASON_DISPLACED);
  EXPECT_FALSE(displaced.refused().detail().empty());
  const absl::Status end = old_stream.Finish();
  EXPECT_EQ(end.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(end), v1::REASON_DISPLACED);
  v1::ClientMessage message;
  message.mutable_withdraw();
  new_stream.Write(message);
  EXPECT_TRUE(new_stream.Finish().ok());
}

// Two processes with one identity: the second is served, the first is told why it is not, once.
TEST_F(ServerAbuseTest, WhoReconnectsIsNotDisplacedByItself) {
  TestStream first(server_);
  first.Join(TestIdentity(1), "task");
  v1::SessionHeader header;
  ASSERT_TRUE(header.ParseFromString(first.Read().offer().header()));
  std::unique_ptr<TestStream> stream;
  for (int i = 0; i < 20; ++i) {
    auto next = std::make_unique<TestStream>(server_);
    next->Join(TestIdentity(1), "task", header.session_id());
    if (stream != nullptr) stream->Cancel();
    stream = std::move(next);
    EXPECT_TRUE(stream->Read().has_offer());
  }
  // The present stream hears nothing of it.
  v1::ClientMessage message;
  stream->Write(message);
  EXPECT_EQ(stream->Read().refused().reason(), v1::REASON_MALFORMED);
}

// The one that was challenged last counts, not the one whose hello came last.
TEST_F(ServerAbuseTest, AHelloOnAnOlderStreamDoesNotDisplaceANewerOne) {
  TestStream older(server_);
  ASSERT_TRUE(older.Read().has_challenge());
  TestStream newer(server_);
  newer.Join(TestIdentity(1), "task");
  ASSERT_TRUE(newer.Read().has_offer());
  older.Write(older.Hello(TestIdentity(1), "task"));
  EXPECT_EQ(older.Read().refused().reason(), v1::REASON_DISPLACED);
  v1::ClientMessage message;
  newer.Write(message);
  EXPECT_EQ(newer.Read().refused().reason(), v1::REASON_MALFORMED);
}

TEST_F(ServerAbuseTest, WhatComesAfterTheSessionsEndIsAnswered) {
  TestStream stream(server_);
  stream.Join(TestIdentity(1), "task");
  v1::SessionHeader header;
  ASSERT_TRUE(header.ParseFromString(stream.Read().offer().header()));
  const auto operators = server_.Operator();
  grpc::ClientContext context;
  v1::AbortSessionRequest abort;
  abort.set_session_id(header.session_id());
  v1::Session session;
  ASSERT_TRUE(operators->AbortSession(&context, abort, &session).ok());
  EXPECT_EQ(stream.Read().refused().scope(), v1::Refused::SCOPE_SESSION);
  v1::ClientMessage message;
  message.mutable_share_keys()->set_body("late");
  stream.Write(message);
  const v1::ServerMessage answer = stream.Read();
  EXPECT_EQ(answer.refused().scope(), v1::Refused::SCOPE_MESSAGE) << answer.DebugString();
  EXPECT_EQ(answer.refused().reason(), v1::REASON_LATE);
  EXPECT_EQ(answer.refused().round(), v1::ROUND_SHARE_KEYS);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(ServerAbuseTest, StreamsThatNeverSayHelloGiveWayToOthers) {
  TestServerOptions options;
  options.max_connections = 2;
  TestServer server(options);
  TestStream first(server);
  ASSERT_TRUE(first.Read().has_challenge());
  TestStream second(server);
  ASSERT_TRUE(second.Read().has_challenge());
  TestStream client(server);
  client.Join(TestIdentity(1), "task");
  EXPECT_TRUE(client.Read().has_offer());
  EXPECT_EQ(first.Read().refused().reason(), v1::REASON_OVERLOADED);
  const absl::Status end = first.Finish();
  EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted) << end;
  EXPECT_GT(RetryAfterOf(end), absl::ZeroDuration());
  second.Write(second.Hello(TestIdentity(2), "task"));
  EXPECT_TRUE(second.Read().has_offer());
}

TEST_F(ServerAbuseTest, UploadsThatHaveNotOpenedCountAmongThem) {
  TestServerOptions options;
  options.max_connections = 1;
  TestServer server(options);
  TestStream first(server);
  ASSERT_TRUE(first.Read().has_challenge());
  const auto stub = server.Participant();
  grpc::ClientContext context;
  const auto upload = stub->UploadMaskedInput(&context);
  EXPECT_EQ(first.Read().refused().reason(), v1::REASON_OVERLOADED);
  context.TryCancel();
  upload->Finish();
}

TEST_F(ServerAbuseTest, NoMoreClientsAreServedThanConfigured) {
  TestServerOptions options;
  options.max_connections = 2;
  TestServer server(options);
  TestStream one(server);
  one.Join(TestIdentity(1), "task");
  ASSERT_TRUE(one.Read().has_offer());
  TestStream two(server);
  two.Join(TestIdentity(2), "task");
  ASSERT_TRUE(two.Read().has_offer());
  TestStream three(server);
  three.Join(TestIdentity(3), "task");
  const v1::ServerMessage refused = three.Read();
  EXPECT_EQ(refused.refused().reason(), v1::REASON_OVERLOADED);
  EXPECT_GT(refused.refused().retry_after_ms(), 0u);
  const absl::Status end = three.Finish();
  EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GT(RetryAfterOf(end), absl::ZeroDuration());
}

// ---- Uploads and downloads without a right to them ----

absl::Status UploadOf(const TestServer& server, const std::vector<v1::UploadRequest>& parts) {
  const auto stub = server.Participant();
  grpc::ClientContext context;
  const auto call = stub->UploadMaskedInput(&context);
  for (const v1::UploadRequest& part : parts) call->Write(part);
  call->WritesDone();
  v1::UploadReply reply;
  while (call->Read(&reply)) {
  }
  return FromGrpcStatus(call->Finish());
}

v1::UploadRequest Open(const std::string& session_id, uint8_t identity) {
  v1::UploadRequest request;
  request.mutable_open()->set_session_id(session_id);
  request.mutable_open()->set_identity(
      crypto::ToString(TestIdentity(identity).public_key().bytes()));
  request.mutable_open()->set_total_bytes(33);
  request.mutable_open()->set_signature(std::string(64, 's'));
  return request;
}

TEST_F(ServerAbuseTest, UploadsNeedASessionASeatAndTheRightOrder) {
  TestStream stream(server_);
  stream.Join(TestIdentity(1), "task");
  v1::SessionHeader header;
  ASSERT_TRUE(header.ParseFromString(stream.Read().offer().header()));

  absl::Status end = UploadOf(server_, {Open(std::string(16, 's'), 1)});
  EXPECT_EQ(end.code(), absl::StatusCode::kNotFound) << end;
  EXPECT_EQ(ReasonOf(end), v1::REASON_UNKNOWN_SESSION);

  end = UploadOf(server_, {Open(header.session_id(), 2)});
  EXPECT_FALSE(end.ok());
  EXPECT_NE(ReasonOf(end), v1::REASON_UNSPECIFIED) << end;

  v1::UploadRequest data;
  data.mutable_data()->set_payload("bytes");
  end = UploadOf(server_, {data});
  EXPECT_EQ(ReasonOf(end), v1::REASON_MALFORMED) << end;
  EXPECT_EQ(ReasonOf(UploadOf(server_, {v1::UploadRequest()})), v1::REASON_MALFORMED);
  EXPECT_EQ(ReasonOf(UploadOf(server_, {})), v1::REASON_BAD_UPLOAD);
}

TEST_F(ServerAbuseTest, DownloadsNeedASessionAndASeat) {
  const auto download = [&](const std::string& session_id, size_t signature_bytes) {
    const auto stub = server_.Participant();
    grpc::ClientContext context;
    v1::DownloadResultRequest request;
    request.set_session_id(session_id);
    request.set_identity(crypto::ToString(TestIdentity(1).public_key().bytes()));
    request.set_signature(std::string(signature_bytes, 's'));
    const auto chunks = stub->DownloadResult(&context, request);
    v1::ResultChunk chunk;
    while (chunks->Read(&chunk)) {
    }
    return ReasonOf(FromGrpcStatus(chunks->Finish()));
  };
  TestStream stream(server_);
  stream.Join(TestIdentity(1), "task");
  v1::SessionHeader header;
  ASSERT_TRUE(header.ParseFromString(stream.Read().offer().header()));
  EXPECT_EQ(download(std::string(16, 's'), 64), v1::REASON_UNKNOWN_SESSION);
  EXPECT_EQ(download(header.session_id(), 63), v1::REASON_MALFORMED);
  EXPECT_EQ(download(header.session_id(), 64), v1::REASON_NOT_A_MEMBER);
}

}  // namespace
}  // namespace veilsum::aggregator
