// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One client's control stream as the runtime sees it. The transport implements it.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_PARTICIPANT_CONNECTION_H_
#define VEILSUM_AGGREGATOR_RUNTIME_PARTICIPANT_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {

// A message in wire form, so that one that goes to many is encoded once.
struct EncodedMessage {
  std::shared_ptr<const std::string> bytes;  // A serialised v1::ServerMessage.
  // A later one makes it useless: a connection that lags behind may leave it out.
  bool droppable = false;
  // Where `bytes` is null: makes them when they are about to be written. From any thread.
  std::function<v1::ServerMessage()> make = nullptr;
};

inline EncodedMessage Encode(const v1::ServerMessage& message) {
  return {std::make_shared<const std::string>(message.SerializeAsString()),
          message.has_progress() || message.has_waiting(), nullptr};
}

// Thread-safe; nothing blocks.
class ParticipantConnection {
 public:
  virtual ~ParticipantConnection() = default;

  // In order. A connection that cannot keep up closes itself; its client comes back and resumes.
  virtual void Send(EncodedMessage message) = 0;
  // After what was sent before. OK: the session is over and the client has been told how.
  virtual void Close(absl::Status status) = 0;
  // Says the last word instead of what still waits to be sent, and closes, at one stroke: a client
  // that goes as it hears the one gets the status of the other.
  virtual void Dismiss(EncodedMessage last_word, absl::Status status) = 0;
  // Tells the newer of two connections: greater for the one that was opened later.
  virtual uint64_t number() const = 0;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_PARTICIPANT_CONNECTION_H_
