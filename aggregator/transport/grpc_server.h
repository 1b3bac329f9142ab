// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The gRPC server: two listeners, one for participants and one for operators, with TLS, health and
// the limits of the wire.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_GRPC_SERVER_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_GRPC_SERVER_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aggregator/transport/service_context.h"
#include "aggregator/transport/tls_credentials.h"

namespace veilsum::aggregator {

struct ListenOptions {
  std::string address;            // host:port; port 0 takes a free one.
  std::optional<TlsOptions> tls;  // Nothing: no TLS.
};

// Of the library.
std::string GrpcVersion();

// Thread-safe.
class GrpcServer {
 public:
  // Serves at once, and is healthy ("SERVING"). Errors as CheckTls; UNAVAILABLE when it cannot
  // listen.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const ListenOptions& participants, const std::optional<ListenOptions>& operators,
      ServiceContext& context);
  // Shuts down at once.
  ~GrpcServer();

  int participant_port() const;
  int operator_port() const;  // 0: no such listener.

  // For connections that begin from now on; of a listener that was started without TLS nothing
  // changes. Both or none; errors as TlsCredentials::Replace.
  absl::Status ReplaceTls(const std::optional<TlsOptions>& participants,
                          const std::optional<TlsOptions>& operators);

  // What gRPC's health service answers.
  void SetServing(bool serving);
  // Calls under way have this long to end by themselves. Returns when all have ended.
  void Shutdown(absl::Duration patience);

 private:
  struct Listener;
  struct State;
  explicit GrpcServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_GRPC_SERVER_H_
