// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The demo as an operator: starts sessions and reads their sums over the operator's service.

#ifndef VEILSUM_EXAMPLES_DEMO_OPERATOR_CLIENT_H_
#define VEILSUM_EXAMPLES_DEMO_OPERATOR_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/operator.grpc.pb.h"
#include "proto/operator.pb.h"

namespace veilsum::demo {

struct OperatorCredentials {
  std::string roots_pem, certificate_pem, private_key_pem;
};

class OperatorClient {
 public:
  OperatorClient(const std::string& address, const OperatorCredentials& credentials);

  absl::Status WaitUntilServing();
  absl::StatusOr<v1::Task> CreateTask(const v1::Task& task);
  absl::StatusOr<v1::Session> StartSession(const std::string& task_id,
                                           const std::string& model_hash);
  absl::StatusOr<v1::Session> GetSession(const std::string& session_id);
  // The packed sum.
  absl::StatusOr<std::string> GetResult(const std::string& session_id);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::OperatorService::Stub> stub_;
};

}  // namespace veilsum::demo

#endif  // VEILSUM_EXAMPLES_DEMO_OPERATOR_CLIENT_H_
