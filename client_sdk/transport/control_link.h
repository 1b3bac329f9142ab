// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The control stream that always comes back: connects, answers the Challenge with a Hello, and
// does so again whenever the stream breaks.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_CONTROL_LINK_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_CONTROL_LINK_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client_sdk/transport/bidi_call.h"
#include "client_sdk/transport/call_context.h"
#include "client_sdk/transport/execution.h"
#include "client_sdk/transport/retry.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::client {

// All methods and callbacks on the strand. The owner outlives on_closed.
class ControlLink : public std::enable_shared_from_this<ControlLink> {
 public:
  struct Options {
    // The Hello that answers this challenge; nullopt: say nothing (a test's hook).
    std::function<std::optional<v1::ClientMessage>(const v1::Challenge&)> make_hello;
    // Longest wait between two streams, but for what the aggregator asks for.
    std::function<absl::Duration()> greatest_backoff;
    // A Hello is on its way: messages may follow.
    std::function<void()> on_established;
    // Everything but the Challenge and the refusal of a Hello.
    std::function<void(v1::ServerMessage)> on_message;
    // The stream broke or could not be made; it will be tried again.
    std::function<void(const absl::Status&)> on_trouble;
    // Trying again does not help: the aggregator refused the Hello or the call. No more streams.
    std::function<void(absl::Status)> on_failed;
    // After Close: nothing is left.
    std::function<void()> on_closed;
  };

  ControlLink(CallContext context, Options options);

  void Start();
  // Dropped when no stream is established: whoever is resumed is asked again. `written` is
  // called when gRPC took it.
  void Send(v1::ClientMessage message, std::function<void()> written = nullptr);
  bool established() const { return established_; }
  // Breaks the present stream; comes back as after any other break.
  void Cut();
  // The end, once. `flush`: what was sent gets out first, if that takes no longer than a second.
  void Close(bool flush);

 private:
  // As bytes until it is this client's turn on the pool: parsed, a roster takes four times as much
  // memory, and where clients share a process many wait.
  using Call = BidiCall<v1::ClientMessage, grpc::ByteBuffer>;

  void Connect();
  void Parse(grpc::ByteBuffer bytes);
  void Received(v1::ServerMessage message);
  void Challenged(const v1::Challenge& challenge);
  void HelloRefused(const v1::Refused& refused);
  void Ended(absl::Status status);
  void RetryLater(const absl::Status& status);
  void Closed();

  const CallContext context_;
  Options options_;
  Backoff backoff_;
  asio::steady_timer timer_;
  std::shared_ptr<Call> call_;
  bool challenged_ = false;
  bool established_ = false;
  bool closing_ = false;
  // Why this side broke the call, instead of what gRPC says about it.
  std::optional<absl::Status> verdict_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_CONTROL_LINK_H_
