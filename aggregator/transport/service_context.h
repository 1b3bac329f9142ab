// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What every RPC needs, and how many there may be.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_SERVICE_CONTEXT_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_SERVICE_CONTEXT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/types/span.h"
#include "aggregator/runtime/aggregator.h"
#include "aggregator/runtime/executors.h"
#include "aggregator/transport/large_writes.h"
#include "aggregator/transport/places.h"
#include "aggregator/transport/stream_count.h"
#include "aggregator/transport/token_bucket.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

// A client that has not said who it is by then is cut off.
inline constexpr std::chrono::seconds kHandshakeTime{10};

// A download of which the client takes no chunk (limits::kChunkBytes) for so long is ended; it can
// go on from there.
inline constexpr std::chrono::seconds kStallTime{60};

// An upload that got no room in so long is refused; its client begins at the end of the line.
inline constexpr std::chrono::seconds kRoomTime{30};

// Streams that are over wait in these places until their client has taken the last word. Of each,
// one message may be in memory.
inline constexpr uint64_t kLeavingStreams = 1024;

// Of large messages to participants, all together; and how long one that is taken slowly keeps
// another waiting.
inline constexpr uint64_t kLargeWritesUnderWay = 64 << 20;
inline constexpr std::chrono::seconds kLongestWriteTurn{1};

// Of one control stream. A client says some ten messages in a session.
inline constexpr Rate kMessageRate = {10, 64};

// RPCs that one connection begins. A client begins three in a session; a proxy has some hundred
// clients on a connection.
inline constexpr Rate kCallRate = {100, 400};

// An upload takes so many messages, and one more for so many bytes.
inline constexpr uint64_t kUploadMessages = 256;
inline constexpr uint64_t kBytesPerUploadMessage = 1024;

struct ServiceContext {
  std::shared_ptr<Aggregator> aggregator;
  Executors& executors;
  metrics::Recorder& recorder;
  // Writes unpredictable bytes. Thread-safe.
  std::function<void(absl::Span<uint8_t>)> random;
  // Those that have shown whose they are and are served.
  StreamCount control_streams;
  StreamCount uploads;
  StreamCount downloads;
  StreamCount operator_downloads;
  LargeWrites large_writes;  // To participants.
  // Those that have not shown it yet; those whose session has ended, which go by themselves; and
  // those that were refused or replaced.
  TokenBuckets calls;  // By connection.
  Places handshakes;
  Places lingering;
  Places leaving;
  std::chrono::milliseconds stall_time = kStallTime;
  std::chrono::milliseconds room_time = kRoomTime;
  // An upload brings limits::kChunkBytes, or what is missing, in this time; zero: there is no least
  // rate. By chunks, since gRPC passes on whole messages alone.
  std::chrono::milliseconds chunk_time{0};
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_SERVICE_CONTEXT_H_
