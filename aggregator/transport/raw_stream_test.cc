// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Streams whose large message waits for its turn, over real gRPC.

#include "aggregator/transport/raw_stream.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/executors.h"
#include "aggregator/transport/buffers.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {
namespace {

// More than a connection's window takes, so that it is under way until the client reads it.
constexpr size_t kLargeMessage = 8 << 20;

// Nothing here takes so long, unless it never ends.
constexpr std::chrono::seconds kLong{30};

// Does what the test says as it begins.
class Stream final : public RawStream {
 public:
  using Script = std::function<void(Stream&)>;
  struct Service {
    Executors executors{2};
    metrics::NullRecorder recorder;
    // One large message at a time, however long it takes.
    LargeWrites large_writes{executors.control(), 1, std::chrono::hours(1)};
    Places leaving{1};
    Script script;
  };

  Stream(grpc::CallbackServerContext* context, Service& service)
      : RawStream(context, service.executors.control(), service.large_writes,
                  RpcMetrics(service.recorder, metrics::Method::kParticipate)),
        service_(service) {}

  void WriteText(std::string text) {
    Write(ToByteBuffer(std::make_shared<const std::string>(std::move(text))));
  }
  using RawStream::CancelEndAfter;
  using RawStream::DropQueued;
  using RawStream::End;

 private:
  void Begun() override {
    service_.script(*this);
    ReadNext();
  }
  void Received(grpc::ByteBuffer) override { ReadNext(); }
  void HalfClosed() override { End(absl::OkStatus()); }
  void Over() override { LeaveThrough(service_.leaving); }

  Service& service_;
};

class Call final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Call(grpc::GenericStub& stub) {
    context_.set_deadline(std::chrono::system_clock::now() + 2 * kLong);
    stub.PrepareBidiStreamingCall(&context_, "/any/method", {}, this);
    AddHold();
    StartCall();
  }

  ~Call() override {
    context_.TryCancel();
    if (!ended_) End();
  }

  // The length of the next message; nothing at the stream's end.
  std::optional<size_t> Read() {
    read_ = std::promise<bool>();
    StartRead(&message_);
    if (!read_.get_future().get()) return std::nullopt;
    return message_.Length();
  }
  grpc::Status End() {
    ended_ = true;
    RemoveHold();
    return done_.get_future().get();
  }

 private:
  void OnReadDone(bool ok) override { read_.set_value(ok); }
  void OnDone(const grpc::Status& status) override { done_.set_value(status); }

  grpc::ClientContext context_;
  grpc::ByteBuffer message_;
  std::promise<bool> read_;
  std::promise<grpc::Status> done_;
  bool ended_ = false;
};

class RawStreamTest : public testing::Test {
 protected:
  // The library stays up from one test to the next: as it goes down it waits ten seconds for
  // connections that are still being closed.
  static void SetUpTestSuite() { grpc_init(); }
  ~RawStreamTest() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    service_.executors.Join();
  }

  // One after another: returns when the stream has begun.
  std::unique_ptr<Call> Open(Stream::Script script) {
    std::promise<void> begun;
    service_.script = [&](Stream& stream) {
      script(stream);
      begun.set_value();
    };
    auto call = std::make_unique<Call>(stub_);
    begun.get_future().wait();
    return call;
  }
  // Nobody else's large message leaves as long as this is there.
  LargeWrites::Turn TakeTheTurn() { return service_.large_writes.Take(kLargeMessage, nullptr); }

  Stream::Service service_;

 private:
  class Generic final : public grpc::CallbackGenericService {
   public:
    explicit Generic(Stream::Service& service) : service_(service) {}
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override {
      return RawStream::Launch(std::make_shared<Stream>(context, service_));
    }

   private:
    Stream::Service& service_;
  };

  std::string Serve() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(&generic_);
    server_ = builder.BuildAndStart();
    return absl::StrCat("127.0.0.1:", port);
  }
  static grpc::ChannelArguments Arguments() {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    return arguments;
  }

  Generic generic_{service_};
  std::unique_ptr<grpc::Server> server_;
  grpc::GenericStub stub_{
      grpc::CreateCustomChannel(Serve(), grpc::InsecureChannelCredentials(), Arguments())};
};

void WriteLarge(Stream& stream) { stream.WriteText(std::string(kLargeMessage, 'x')); }

TEST_F(RawStreamTest, ALargeMessageWaitsForItsTurnAndWhatIsBehindItWaitsToo) {
  std::optional<LargeWrites::Turn> turn(TakeTheTurn());
  const auto call = Open([](Stream& stream) {
    stream.WriteText("first");
    WriteLarge(stream);
    stream.WriteText("last");
    stream.End(absl::OkStatus());
  });
  EXPECT_EQ(call->Read(), 5u);
  turn.reset();
  EXPECT_EQ(call->Read(), kLargeMessage);
  EXPECT_EQ(call->Read(), 4u);
  EXPECT_EQ(call->Read(), std::nullopt);
  EXPECT_TRUE(call->End().ok());
}

TEST_F(RawStreamTest, OneThatIsUnderWayKeepsItsTurnUntilItHasLeft) {
  const auto call = Open(WriteLarge);
  std::promise<void> came;
  auto is_next = came.get_future();
  const auto next = service_.large_writes.Take(kLargeMessage, [&] { came.set_value(); });
  EXPECT_FALSE(next.came_at_once());
  EXPECT_EQ(is_next.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_EQ(call->Read(), kLargeMessage);
  EXPECT_EQ(is_next.wait_for(kLong), std::future_status::ready);
}

TEST_F(RawStreamTest, WhoEndsWhileItWaitsGivesWay) {
  const auto turn = TakeTheTurn();
  const auto end = [](Stream& stream) {
    WriteLarge(stream);
    stream.End(absl::AbortedError("it was over"));
  };
  const auto first = Open(end);
  const auto second = Open(end);  // It needs the one place for those that leave.
  EXPECT_EQ(first->End().error_code(), grpc::StatusCode::ABORTED);
}

TEST_F(RawStreamTest, WhoEndedAndHasNothingLeftToSayIsOver) {
  const auto turn = TakeTheTurn();
  const auto call = Open([](Stream& stream) {
    WriteLarge(stream);
    stream.End(absl::AbortedError("it was over"));
    stream.CancelEndAfter();
    stream.DropQueued();
    stream.End(absl::OkStatus());
  });
  EXPECT_EQ(call->End().error_code(), grpc::StatusCode::ABORTED);
}

TEST_F(RawStreamTest, WhatIsDroppedLeavesTheLine) {
  std::optional<LargeWrites::Turn> turn(TakeTheTurn());
  const auto call = Open([](Stream& stream) {
    WriteLarge(stream);
    stream.DropQueued();
    stream.WriteText("instead");
  });
  EXPECT_EQ(call->Read(), 7u);
  turn.reset();
  EXPECT_TRUE(service_.large_writes.Take(kLargeMessage, nullptr).came_at_once());
}

}  // namespace
}  // namespace veilsum::aggregator
