// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Plain HTTP for those who run the aggregator, on a port of its own that is meant for loopback or
// a private network: no TLS, no authentication, nothing secret, nothing that changes anything.
//
//   /metrics   Prometheus' text format
//   /healthz   200 as long as the process answers
//   /readyz    200 if it takes sessions, 503 with the reasons, one a line
//   /          a page for people

#ifndef VEILSUM_METRICS_ADMIN_SERVER_H_
#define VEILSUM_METRICS_ADMIN_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace veilsum::metrics {

// All are called from the server's threads, several at a time, and should answer within a second.
struct AdminHandlers {
  std::function<std::string()> metrics;
  // Why not; empty if ready.
  std::function<std::vector<std::string>()> not_ready;
  // Plain text, lines of any number.
  std::function<std::string()> status_page;
};

class AdminServer {
 public:
  // Listens on `address`, "127.0.0.1:9464" or "[::1]:9464"; port 0 takes a free one. Every handler
  // must be set. Unavailable with civetweb's reason if it cannot (port in use, no such address).
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& address,
                                                            AdminHandlers handlers);
  // Waits for requests in progress. Then the address is free again.
  ~AdminServer();

  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  int port() const;

 private:
  struct State;
  explicit AdminServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace veilsum::metrics

#endif  // VEILSUM_METRICS_ADMIN_SERVER_H_
