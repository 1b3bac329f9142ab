// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The operator's RPCs as functions: every one blocks, has a deadline or ends with its session, and
// gives errors with a stable reason (proto/reason_status.h). One that comes from the connection
// says so and names the address.
#ifndef VEILSUM_AGGREGATOR_CLI_OPERATOR_CLIENT_H_
#define VEILSUM_AGGREGATOR_CLI_OPERATOR_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aggregator/cli/connection.h"
#include "proto/operator.grpc.pb.h"
#include "proto/operator.pb.h"

namespace veilsum::aggregator::cli {

// Session ids are 16 bytes. Thread-safe.
class OperatorClient {
 public:
  static absl::StatusOr<OperatorClient> Open(const Connection& connection);

  absl::StatusOr<v1::Task> CreateTask(const v1::Task& task);
  absl::StatusOr<v1::Task> GetTask(const std::string& task_id);
  absl::StatusOr<v1::ListTasksResponse> ListTasks();
  // `model_hash`: 32 bytes, or empty.
  absl::StatusOr<v1::Session> StartSession(const std::string& task_id,
                                           const std::string& model_hash);
  // Newest first. Of all tasks if `task_id` is empty.
  absl::StatusOr<v1::ListSessionsResponse> ListSessions(const std::string& task_id);
  absl::StatusOr<v1::Session> GetSession(const std::string& session_id);
  absl::StatusOr<v1::Session> AbortSession(const std::string& session_id,
                                           const std::string& detail);
  // Calls `on_change` with the state now and after every change; returns once the session has
  // ended. A broken connection is made again a few times.
  absl::Status WatchSession(const std::string& session_id,
                            const std::function<void(const v1::Session&)>& on_change);
  // The packed sum, which must have `bytes` bytes: what the session says.
  absl::StatusOr<std::string> GetResult(const std::string& session_id, uint64_t bytes);

  // The session whose id begins with these hexadecimal digits; empty: the newest.
  // NOT_FOUND, or INVALID_ARGUMENT if there are several.
  absl::StatusOr<v1::Session> FindSession(absl::string_view hex);

 private:
  OperatorClient(std::string address, std::unique_ptr<v1::OperatorService::Stub> stub)
      : address_(std::move(address)), stub_(std::move(stub)) {}

  template <class Request, class Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::OperatorService::Stub::*method)(
                                    grpc::ClientContext*, const Request&, Response*),
                                const Request& request);
  absl::Status StatusOf(const grpc::Status& status) const;
  // Appends to `sum` from where it ends.
  absl::Status Download(const std::string& session_id, uint64_t bytes, std::string& sum);

  std::string address_;
  std::unique_ptr<v1::OperatorService::Stub> stub_;
};

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_OPERATOR_CLIENT_H_
