// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A bad network between clients and an aggregator on this machine: a TCP proxy that passes bytes on
// until it is told to misbehave. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_TCP_PROXY_H_
#define VEILSUM_TESTS_RELIABILITY_TCP_PROXY_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace veilsum::reliability {

// Thread-safe. A command has been carried out when its call returns.
class TcpProxy {
 public:
  // What becomes of one connection, decided when it is made.
  struct Fate {
    std::chrono::milliseconds delay{0};  // Of everything that is passed on, both ways.
    bool byte_at_a_time = false;
    std::optional<uint64_t> reset_after_bytes = std::nullopt;  // Of both ways together.
  };

  // From a free port of the loopback to `upstream_port` of it, where nobody needs to listen yet.
  explicit TcpProxy(uint16_t upstream_port);
  ~TcpProxy();

  uint16_t port() const;

  // For connections that are made from now on; called on the proxy's thread. Null: a good network.
  void SetFates(std::function<Fate()> next);
  // Ends all present connections as their peers would (FIN), or rudely (RST).
  void Cut();
  void Reset();
  // On: nothing is passed on and nobody is told of the other side's end, but connections can be
  // made. Off: what was held back goes on its way.
  void Blackhole(bool on);

  // That are open, and that were ever made.
  int connections();
  uint64_t accepted();
  // Passed on so far, both ways.
  uint64_t bytes();

 private:
  class Connection;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_TCP_PROXY_H_
