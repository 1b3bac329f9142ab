// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator of a scenario, with TLS, in this process, and its operator.
#ifndef VEILSUM_TESTS_SCENARIOS_GRPC_STAGE_H_
#define VEILSUM_TESTS_SCENARIOS_GRPC_STAGE_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "aggregator/server.h"
#include "proto/operator.grpc.pb.h"
#include "tests/scenarios/cast.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {

class GrpcStage {
 public:
  // One task, as the scenario wants it, of which one session is open.
  static absl::StatusOr<std::unique_ptr<GrpcStage>> Open(const Scenario& scenario,
                                                         const Cast& cast);

  // A connection of its own for a participant.
  std::shared_ptr<grpc::Channel> NewChannel() const;

  // Blocks until the session has ended.
  absl::StatusOr<v1::Session> WatchUntilEnd() const;
  // The sum as the operator downloads it.
  absl::StatusOr<std::string> ReadResult() const;

 private:
  GrpcStage() = default;

  std::unique_ptr<aggregator::AggregatorServer> server_;
  std::unique_ptr<v1::OperatorService::Stub> operator_;
  std::string session_id_;
};

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_GRPC_STAGE_H_
