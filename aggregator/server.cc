// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/server.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "aggregator/config/task_rules.h"
#include "aggregator/runtime/memory_guard.h"
#include "crypto/primitives/random.h"
#include "proto/limits.h"

namespace veilsum::aggregator {
namespace {

// After the grace: for the aborts to reach everybody.
constexpr absl::Duration kAbortTime = absl::Seconds(4);
// For clients to fetch the result of a session that has just ended.
constexpr absl::Duration kLeaveTime = absl::Seconds(4);
constexpr absl::Duration kLastCalls = absl::Seconds(1);

// An upload opens beside the control stream of its client, and the old one may linger.
constexpr uint64_t kUploadsPerClient = 2;
// One, and one that it has given up but that is not over yet, twice.
constexpr uint64_t kDownloadsPerClient = 4;
constexpr uint64_t kOperatorDownloads = 64;

// Each may make gRPC hold the greatest message of the wire for kHandshakeTime.
constexpr uint64_t kMostHandshakes = 4096;

std::chrono::milliseconds ChunkTime(uint64_t bytes_per_second) {
  if (bytes_per_second == 0) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(1000 * limits::kChunkBytes / bytes_per_second + 1);
}

absl::StatusOr<std::vector<v1::Task>> CheckTasks(const AggregatorOptions& options) {
  std::vector<v1::Task> checked;
  for (const v1::Task& task : options.tasks) {
    absl::StatusOr<v1::Task> one = CheckTask(task);
    if (!one.ok()) return one.status();
    if (absl::Status fits = CheckFits(*one, options); !fits.ok()) return fits;
    checked.push_back(*std::move(one));
  }
  return checked;
}

MemoryGuardOptions WithUploads(MemoryGuardOptions options,
                               const std::shared_ptr<Aggregator>& aggregator) {
  options.reclaim = [aggregator, reclaim = std::move(options.reclaim)] {
    aggregator->TrimUploads();
    reclaim();
  };
  return options;
}

}  // namespace

// In the order in which they depend on each other: the last one goes first.
struct AggregatorServer::State {
  State(ServerOptions options, size_t threads)
      : stores(options.aggregator.storage.sessions != nullptr),
        recorder(options.recorder != nullptr ? *options.recorder : null_recorder),
        executors(threads),
        context{std::make_shared<Aggregator>(std::move(options.aggregator), executors, recorder),
                executors,
                recorder,
                crypto::RandomBytes,
                StreamCount(options.max_connections),
                StreamCount(kUploadsPerClient * options.max_connections),
                StreamCount(options.max_connections, kDownloadsPerClient),
                StreamCount(kOperatorDownloads),
                LargeWrites(executors.control(), options.large_writes_under_way,
                            options.longest_write_turn),
                TokenBuckets(options.call_rate),
                Places(std::min(options.max_connections, kMostHandshakes)),
                Places(options.max_connections),
                Places(kLeavingStreams),
                options.stall_time,
                options.room_time,
                ChunkTime(options.least_upload_bytes_per_second)},
        memory(std::make_shared<MemoryGuard>(
            WithUploads(std::move(options.memory), context.aggregator), recorder,
            [aggregator = context.aggregator](Pressure pressure, uint64_t excess_bytes) {
              aggregator->SetPressure(pressure, excess_bytes);
            })) {}

  bool BecomesIdle(absl::Duration time);
  void EndSessions();
  void Shutdown();

  const bool stores;  // Sessions outlive the process.
  metrics::NullRecorder null_recorder;
  metrics::Recorder& recorder;
  Executors executors;
  ServiceContext context;
  std::shared_ptr<MemoryGuard> memory;
  std::unique_ptr<GrpcServer> grpc;
  Aggregator::Recovered recovered;
  bool ended = false;
  bool down = false;
};

absl::StatusOr<std::unique_ptr<AggregatorServer>> AggregatorServer::Start(ServerOptions options) {
  absl::StatusOr<std::vector<v1::Task>> tasks = CheckTasks(options.aggregator);
  if (!tasks.ok()) return tasks.status();
  options.aggregator.tasks = *std::move(tasks);
  if (options.aggregator.random == nullptr) options.aggregator.random = crypto::RandomBytes;
  const size_t threads =
      options.threads != 0 ? options.threads : std::max(2u, std::thread::hardware_concurrency());
  const ListenOptions participants = options.participants;
  const std::optional<ListenOptions> operators = options.operators;
  auto state = std::make_unique<State>(std::move(options), threads);
  const auto failed = [&](const absl::Status& status) {
    state->Shutdown();
    return status;
  };
  const auto recovered = state->context.aggregator->Recover();
  if (!recovered.ok()) return failed(recovered.status());
  state->recovered = *recovered;
  state->memory->Start(state->executors.control());
  auto grpc = GrpcServer::Start(participants, operators, state->context);
  if (!grpc.ok()) return failed(grpc.status());
  state->grpc = *std::move(grpc);
  return std::unique_ptr<AggregatorServer>(new AggregatorServer(std::move(state)));
}

AggregatorServer::AggregatorServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

AggregatorServer::~AggregatorServer() { Shutdown(); }

AggregatorServer::Ports AggregatorServer::ports() const {
  return {state_->grpc->participant_port(), state_->grpc->operator_port()};
}

absl::Status AggregatorServer::ReplaceTls(const std::optional<TlsOptions>& participants,
                                          const std::optional<TlsOptions>& operators) {
  return state_->grpc->ReplaceTls(participants, operators);
}

uint64_t AggregatorServer::connections() const {
  return state_->context.control_streams.open() + state_->context.lingering.taken();
}

// No new sessions; true once none runs any more, within `time`.
bool AggregatorServer::State::BecomesIdle(absl::Duration time) {
  const auto idle = std::make_shared<std::promise<void>>();
  std::future<void> when_idle = idle->get_future();
  context.aggregator->Drain([idle] { idle->set_value(); });
  return when_idle.wait_for(absl::ToChronoMilliseconds(time)) == std::future_status::ready;
}

// Those that have not ended by themselves: once. Nothing is asked of the storage any more then.
void AggregatorServer::State::EndSessions() {
  if (std::exchange(ended, true)) return;
  if (stores) {
    const auto stopped = std::make_shared<std::promise<void>>();
    context.aggregator->Stop([stopped] { stopped->set_value(); });
    return stopped->get_future().wait();
  }
  context.aggregator->AbortAll(v1::REASON_SHUTDOWN, "the aggregator is shutting down");
  BecomesIdle(kAbortTime);
}

void AggregatorServer::State::Shutdown() {
  if (std::exchange(down, true)) return;
  EndSessions();
  memory->Stop();
  if (grpc != nullptr) grpc->Shutdown(kLastCalls);
  executors.Join();
}

const Aggregator::Recovered& AggregatorServer::recovered() const { return state_->recovered; }

void AggregatorServer::Drain(absl::Duration grace) {
  state_->grpc->SetServing(false);
  if (!state_->BecomesIdle(grace)) state_->EndSessions();
  using Clock = std::chrono::steady_clock;
  const auto leave_by = Clock::now() + absl::ToChronoMilliseconds(kLeaveTime);
  while (connections() > 0 && Clock::now() < leave_by) absl::SleepFor(absl::Milliseconds(10));
}

void AggregatorServer::Shutdown() { state_->Shutdown(); }

}  // namespace veilsum::aggregator
