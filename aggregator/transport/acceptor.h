// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Listens, and takes connections in, for gRPC. Its own listener is deaf for good once accept()
// fails (1.51), as it does when descriptors run out, and anybody who connects often enough can
// bring that about. This one goes on, and leaves descriptors for those who need them more.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_ACCEPTOR_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_ACCEPTOR_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "aggregator/runtime/executors.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

struct AcceptorOptions {
  // host:port, where an IPv6 address is in brackets; port 0 takes a free one. 0.0.0.0 and [::] both
  // mean every address of either kind. A name listens on each of its addresses that is there.
  std::string address;
  // Descriptors are given out lowest first. A connection that would get one of the last so many is
  // closed at once, so that stores, and whatever else opens files, always find some.
  uint64_t reserved_files = 64;
  // What was sent and not acknowledged for so long ends its connection; 0: the system's default.
  std::chrono::milliseconds send_timeout{0};
  // How long to wait where none can be taken in.
  std::chrono::milliseconds pause{100};
};

class Acceptor {
 public:
  // What becomes of a connection: `fd`, which does not block, is the handler's to close.
  using Handler = std::function<void(int listener_fd, int fd)>;

  // Binds and listens: who connects waits for Start. INVALID_ARGUMENT: no address. UNAVAILABLE: it
  // cannot be resolved, is taken, or is not this machine's. `recorder` outlives the executor.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(AcceptorOptions options,
                                                          Executor executor,
                                                          metrics::Recorder& recorder);
  ~Acceptor();  // Stops.

  int port() const;

  // Once. The handler is called on the executor, one connection after another.
  void Start(Handler handler);
  // Nobody is listening afterwards, and the handler is neither running nor kept. Not on the
  // executor, which must still run.
  void Stop();

 private:
  struct State;
  explicit Acceptor(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // Null once stopped.
  const int port_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_ACCEPTOR_H_
