// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Where tests make a real client misbehave: lose its connection, die, or lie. Not part of the
// SDK; an empty Hooks costs nothing. Called on the strand of the client.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_HOOKS_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_HOOKS_H_

#include <functional>
#include <optional>
#include <vector>

#include "proto/participant.pb.h"

namespace veilsum::client {

enum class Fault {
  kNone,
  kCutConnection,  // All RPCs break; the client comes back as after any broken connection.
  kDie,            // All RPCs break; the client never says another word.
};

struct Point {
  enum class Moment {
    kBeforeSend,    // Nothing of the round's message has been sent.
    kAfterSend,     // gRPC took it; whether it arrived is open.
    kAccepted,      // The aggregator said that it has it.
    kBeforeUpload,  // UploadOpen has not been sent.
    kMidUpload,     // Half of the chunks (at least one) are with gRPC, UploadClose is not.
    kAfterReceipt,
  };
  Moment moment;
  v1::Round round;
};

struct Hooks {
  // Sees every message of the control stream, Hello too, and may change or swallow (nullopt) it.
  std::function<std::optional<v1::ClientMessage>(v1::ClientMessage)> outgoing;
  // The same for the upload.
  std::function<std::optional<v1::UploadRequest>(v1::UploadRequest)> outgoing_upload;
  // Sees what the aggregator says once it knows who speaks, and may change or swallow it. `say`:
  // goes to the aggregator at once, past `outgoing`.
  std::function<std::optional<v1::ServerMessage>(v1::ServerMessage,
                                                 std::vector<v1::ClientMessage>& say)>
      incoming;
  // Sees the upload's receipt before anything else is told of it.
  std::function<void(const v1::UploadReceipt&)> receipt;
  // Asked at each point, every time it is passed.
  std::function<Fault(const Point&)> at;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_HOOKS_H_
