// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One client of a swarm: the SDK as a program uses it, or the SDK dying at a point of its choice,
// which is what a client that crashes looks like to everybody else.
#ifndef VEILSUM_TESTS_LOAD_SWARM_CLIENT_H_
#define VEILSUM_TESTS_LOAD_SWARM_CLIENT_H_

#include <asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client_sdk/veilsum.h"
#include "crypto/primitives/identity.h"
#include "proto/participant.pb.h"
#include "tests/load/inputs.h"

namespace veilsum::load {

// What all clients of a swarm have in common.
struct SwarmClientOptions {
  std::string target;
  std::string task;
  std::string roots_pem;  // Empty: no TLS.
  std::string roster;     // The contents of a roster file; empty: whoever takes part.
  float clip = 1;
  uint32_t quantisation_bits = 16;
  absl::Duration timeout = absl::InfiniteDuration();
  std::shared_ptr<Executor> executor;       // Of those that stay.
  std::shared_ptr<asio::thread_pool> pool;  // Of those that leave.
};

// One session of one client. Called on the threads above.
struct SwarmClientEvents {
  std::function<void(const Progress&)> progress;
  // The last one. `left`: it died as it was to.
  std::function<void(bool left, absl::StatusOr<AggregateResult>)> ended;
};

class SwarmClient {
 public:
  virtual ~SwarmClient() = default;  // Between sessions.
  // Takes part in the next session. An input that will be in the sum is added to `inputs`.
  virtual void Begin(std::vector<float> update, const std::shared_ptr<Inputs>& inputs,
                     SwarmClientEvents events) = 0;
};

// `leaves`: in every session, before it sends anything of that round; ROUND_UNSPECIFIED: never.
absl::StatusOr<std::unique_ptr<SwarmClient>> MakeSwarmClient(const SwarmClientOptions& options,
                                                             crypto::IdentityKeyPair identity,
                                                             v1::Round leaves);

}  // namespace veilsum::load

#endif  // VEILSUM_TESTS_LOAD_SWARM_CLIENT_H_
