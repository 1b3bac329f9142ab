// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Connections to a live aggregator that take part in nothing: participants that have said hello and
// wait for a session, or that connect and say nothing.
#ifndef VEILSUM_TESTS_LOAD_IDLE_CONNECTIONS_H_
#define VEILSUM_TESTS_LOAD_IDLE_CONNECTIONS_H_

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace veilsum::load {

struct IdleOptions {
  std::string target;
  std::string roots_pem;  // Empty: no TLS.
  std::string task;       // Whose sessions to wait for.
  uint32_t connections = 100;
  uint32_t at_once = 64;  // That are being made. Each costs both sides a handshake.
  bool silent = false;    // Connect, and say nothing.
};

// Not thread-safe.
class IdleConnections {
 public:
  explicit IdleConnections(IdleOptions options);
  ~IdleConnections();  // Ends them.

  // Once; blocks until all stand or have failed.
  void Connect();
  // How many stand, and where known what became of the others.
  nlohmann::json Report() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace veilsum::load

#endif  // VEILSUM_TESTS_LOAD_IDLE_CONNECTIONS_H_
