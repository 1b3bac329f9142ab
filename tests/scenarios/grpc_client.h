// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One client of a scenario over gRPC: a real ParticipantRunner, with the script in its hooks.
#ifndef VEILSUM_TESTS_SCENARIOS_GRPC_CLIENT_H_
#define VEILSUM_TESTS_SCENARIOS_GRPC_CLIENT_H_

#include <grpcpp/channel.h>

#include <asio.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "client_sdk/transport/participant_runner.h"
#include "crypto/masking/lanes.h"
#include "tests/scenarios/cast.h"
#include "tests/scenarios/interposer.h"
#include "tests/scenarios/outcome.h"

namespace veilsum::scenarios {

class GrpcClient {
 public:
  // What happened to this client; called on threads of the pool, nothing held.
  enum class Event {
    kAdvertised,  // The aggregator has its keys.
    kRosterSeen,
    kToldToWait,  // There is no seat for it now.
    kDone,        // Once, the last one.
  };
  struct Surroundings {
    std::function<void(uint32_t client, Event event)> tell;
    std::function<void(uint32_t other)> wait_until_done;  // Blocks.
  };

  GrpcClient(const Scenario& scenario, const Cast& cast, uint32_t client, Blackboard* blackboard,
             Surroundings surroundings);

  void Start(std::shared_ptr<grpc::Channel> channel, asio::thread_pool& pool);
  // Thread-safe, after Start.
  void Cancel() { runner_->Cancel(); }

  // After kDone.
  ClientOutcome Report() const;
  const std::optional<crypto::LaneVector>& input() const { return input_; }

 private:
  client::RunnerOptions MakeOptions(std::shared_ptr<grpc::Channel> channel,
                                    asio::thread_pool& pool);
  std::optional<v1::ClientMessage> Outgoing(v1::ClientMessage message);
  std::optional<v1::ServerMessage> Incoming(v1::ServerMessage message,
                                            std::vector<v1::ClientMessage>& say);
  client::Fault At(const client::Point& point);

  const Scenario& scenario_;
  const Cast& cast_;
  const uint32_t client_;
  const ClientScript& script_;
  const Surroundings surroundings_;
  const std::vector<float> update_;
  Interposer interposer_;
  std::vector<When> passed_;  // Points that had their effect: each has it once.
  std::optional<crypto::LaneVector> input_;
  std::shared_ptr<client::ParticipantRunner> runner_;
  std::optional<absl::StatusOr<client::RunnerResult>> result_;
  bool vanished_ = false;
};

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_GRPC_CLIENT_H_
