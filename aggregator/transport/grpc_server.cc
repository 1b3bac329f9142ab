// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/grpc_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/transport/acceptor.h"
#include "aggregator/transport/keep_awake.h"
#include "aggregator/transport/services.h"
#include "proto/limits.h"

namespace veilsum::aggregator {
namespace {

// A silent connection is pinged, so that one that died is noticed.
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
// Memory stays flat under many uploads: a fixed window of each stream instead of an estimated one.
constexpr int kLookaheadBytes = 256 << 10;
// Bytes that gRPC holds for connections, before they are messages and after, encrypted: above this
// it closes connections without calls and cancels calls, so that it must be enough for all
// connections at once: a roster that goes to all of them has a window of 64 KB under way on each.
// The operator's listener has its own, so that a flood of participants does not shut the operator
// out.
constexpr size_t kLeastParticipantMemory = size_t{512} << 20;
constexpr size_t kMemoryOfConnection = size_t{128} << 10;
constexpr size_t kOperatorMemory = size_t{64} << 20;
// The greatest message of a participant: sealed shares for everybody.
constexpr size_t kMaxRequestBytes = 2'000'000;
static_assert(kMaxRequestBytes >
              limits::kMaxClients * (limits::kSealedSharesBytes + 2 * limits::kDigestBytes + 24));
static_assert(kMaxRequestBytes > limits::kMaxChunkBytes + 1024);
constexpr size_t kMaxOperatorRequestBytes = 64 << 10;
// Of one connection. A client has one control stream, an upload or a download, and for a moment
// those that it replaces; a proxy opens as many connections as it needs.
constexpr int kMaxConcurrentStreams = 100;
// For TLS, and for the connection's first bytes.
constexpr int kHandshakeTimeoutMs = 10'000;
// A connection without a single call is closed; its client connects again when it has one.
constexpr int kMaxIdleMs = 120'000;

// Descriptors that connections leave to stores and the admin server. Operators may come closer, so
// that a flood of participants does not shut them out.
constexpr uint64_t kParticipantReserve = 64;
constexpr uint64_t kOperatorReserve = 32;

struct ListenerLimits {
  const char* name;
  size_t memory;
  size_t max_request_bytes;
  uint64_t reserved_files;
};
ListenerLimits ParticipantLimits(uint64_t connections) {
  return {"participants", std::max(kLeastParticipantMemory, kMemoryOfConnection * connections),
          kMaxRequestBytes, kParticipantReserve};
}
constexpr ListenerLimits kOperatorLimits = {"operators", kOperatorMemory, kMaxOperatorRequestBytes,
                                            kOperatorReserve};

void SetArguments(grpc::ServerBuilder& builder, const ListenerLimits& limits) {
  grpc::ResourceQuota quota(limits.name);
  builder.SetResourceQuota(quota.Resize(limits.memory));
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.max_request_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(limits::kMaxMessageBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentStreams);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Clients ping this often; half of it, since a ping that comes a moment early is no abuse.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             limits::kKeepaliveMs / 2);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
}

}  // namespace

std::string GrpcVersion() { return grpc::Version(); }

struct GrpcServer::Listener {
  std::unique_ptr<grpc::Service> service;
  std::shared_ptr<TlsCredentials> tls;  // Null: no TLS. Outlives the server.
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<Acceptor> acceptor;  // Stops before the server does.
  int port = 0;

  absl::Status Start(const ListenOptions& options, const ListenerLimits& limits,
                     ServiceContext& context) {
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (options.tls.has_value()) {
      absl::StatusOr<std::shared_ptr<TlsCredentials>> created =
          TlsCredentials::Create(*options.tls);
      if (!created.ok()) return created.status();
      credentials = tls = *std::move(created);
    }
    AcceptorOptions accepting;
    accepting.address = options.address;
    accepting.reserved_files = limits.reserved_files;
    // As gRPC's own listener does.
    accepting.send_timeout = std::chrono::milliseconds(kKeepaliveTimeoutMs);
    absl::StatusOr<std::unique_ptr<Acceptor>> listening =
        Acceptor::Listen(std::move(accepting), context.executors.control(), context.recorder);
    if (!listening.ok()) return listening.status();
    grpc::ServerBuilder builder;
    SetArguments(builder, limits);
    using Accepted = grpc::experimental::ExternalConnectionAcceptor;
    const std::shared_ptr<Accepted> accepted = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
    builder.RegisterService(service.get());
    server = builder.BuildAndStart();
    if (server == nullptr) {
      return absl::InternalError(
          absl::StrCat("gRPC does not serve ", options.address, ": its own log says why"));
    }
    acceptor = *std::move(listening);
    port = acceptor->port();
    acceptor->Start([accepted](int listener_fd, int fd) {
      Accepted::NewConnectionParameters connection;
      connection.listener_fd = listener_fd;
      connection.fd = fd;
      accepted->HandleNewConnection(&connection);
    });
    return absl::OkStatus();
  }
};

struct GrpcServer::State {
  Listener participants;
  Listener operators;
  std::unique_ptr<KeepAwake> keep_awake;
};

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const ListenOptions& participants, const std::optional<ListenOptions>& operators,
    ServiceContext& context) {
  grpc::EnableDefaultHealthCheckService(true);
  auto state = std::make_unique<State>();
  state->participants.service = std::make_unique<ParticipantServiceAdapter>(context);
  absl::Status started = state->participants.Start(
      participants, ParticipantLimits(context.control_streams.most()), context);
  if (started.ok() && operators.has_value()) {
    state->operators.service = std::make_unique<OperatorServiceAdapter>(context);
    started = state->operators.Start(*operators, kOperatorLimits, context);
  }
  std::unique_ptr<GrpcServer> server(new GrpcServer(std::move(state)));
  if (!started.ok()) return started;
  server->SetServing(true);
  server->state_->keep_awake = std::make_unique<KeepAwake>(
      server->state_->participants.server->InProcessChannel(grpc::ChannelArguments()),
      context.executors.control());
  return server;
}

GrpcServer::GrpcServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

GrpcServer::~GrpcServer() { Shutdown(absl::ZeroDuration()); }

int GrpcServer::participant_port() const { return state_->participants.port; }
int GrpcServer::operator_port() const { return state_->operators.port; }

absl::Status GrpcServer::ReplaceTls(const std::optional<TlsOptions>& participants,
                                    const std::optional<TlsOptions>& operators) {
  struct Change {
    TlsCredentials* credentials;
    const std::optional<TlsOptions>& tls;
    bool there() const { return credentials != nullptr && tls.has_value(); }
  };
  const Change changes[] = {{state_->participants.tls.get(), participants},
                            {state_->operators.tls.get(), operators}};
  absl::Status status;
  for (const Change& change : changes) {
    if (change.there()) status.Update(change.credentials->Check(*change.tls));
  }
  if (!status.ok()) return status;
  for (const Change& change : changes) {
    if (change.there()) status.Update(change.credentials->Replace(*change.tls));
  }
  return status;
}

void GrpcServer::SetServing(bool serving) {
  for (Listener* listener : {&state_->participants, &state_->operators}) {
    if (listener->server == nullptr) continue;
    grpc::HealthCheckServiceInterface* health = listener->server->GetHealthCheckService();
    if (health != nullptr) health->SetServingStatus(serving);
  }
}

void GrpcServer::Shutdown(absl::Duration patience) {
  state_->keep_awake.reset();
  // A connection that came after its server's end would stay open, and belong to nobody.
  for (Listener* listener : {&state_->participants, &state_->operators}) listener->acceptor.reset();
  const auto deadline = std::chrono::system_clock::now() + absl::ToChronoMilliseconds(patience);
  for (Listener* listener : {&state_->participants, &state_->operators}) {
    if (listener->server == nullptr) continue;
    listener->server->Shutdown(deadline);
    listener->server->Wait();
  }
}

}  // namespace veilsum::aggregator
