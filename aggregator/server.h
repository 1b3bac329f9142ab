// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator as one object: what main runs, and what a test runs in its own process.
#ifndef VEILSUM_AGGREGATOR_SERVER_H_
#define VEILSUM_AGGREGATOR_SERVER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aggregator/runtime/aggregator.h"
#include "aggregator/runtime/memory_guard.h"
#include "aggregator/transport/grpc_server.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

struct ServerOptions {
  ListenOptions participants;
  std::optional<ListenOptions> operators;
  // `random` may be left out: the system's randomness.
  AggregatorOptions aggregator;
  size_t threads = 0;  // Of each of the two pools (executors.h); 0: one per core.
  uint64_t max_connections = 12'000;
  std::chrono::milliseconds stall_time = kStallTime;       // Of downloads.
  std::chrono::milliseconds room_time = kRoomTime;         // For an upload to find room in memory.
  uint64_t large_writes_under_way = kLargeWritesUnderWay;  // Bytes.
  std::chrono::milliseconds longest_write_turn = kLongestWriteTurn;
  uint64_t least_upload_bytes_per_second = 4096;  // 0: uploads may take their time.
  Rate call_rate = kCallRate;                     // Of one connection.
  MemoryGuardOptions memory;
  metrics::Recorder* recorder = nullptr;  // Not owned, outlives the server; null: nothing is told.
};

// Drain and Shutdown: from one thread. The rest is thread-safe.
class AggregatorServer {
 public:
  // With a storage (AggregatorOptions), takes up what is stored first; then serves at once.
  // INVALID_ARGUMENT: a task that CheckTask (task_rules.h) refuses, or that does not fit the
  // budgets (CheckFits); certificates that are none. UNAVAILABLE: cannot listen. Those of the
  // storage.
  static absl::StatusOr<std::unique_ptr<AggregatorServer>> Start(ServerOptions options);
  // Shuts down at once.
  ~AggregatorServer();

  // What was stored.
  const Aggregator::Recovered& recovered() const;

  struct Ports {
    int participants = 0;
    int operators = 0;  // 0: no such listener.
  };
  Ports ports() const;

  // No new sessions and clients, and "not serving" to health checks. Sessions that run have `grace`
  // to end, and their clients a moment to fetch what they are owed. Those that have not ended then
  // stay stored and go on in the next process; without a storage they are aborted
  // (REASON_SHUTDOWN). Blocks until then, at most grace + 10 s.
  void Drain(absl::Duration grace);
  // Ends everything: what runs stops where it is, and is aborted without a storage. The storage has
  // then been given all that was asked of it, and is closed unless others hold it. Blocks for a few
  // seconds at most, apart from that.
  void Shutdown();

  // As GrpcServer::ReplaceTls. Not once Shutdown was called.
  absl::Status ReplaceTls(const std::optional<TlsOptions>& participants,
                          const std::optional<TlsOptions>& operators);

  // Streams of clients that are open, also of those who have only to go.
  uint64_t connections() const;

 private:
  struct State;
  explicit AggregatorServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_SERVER_H_
