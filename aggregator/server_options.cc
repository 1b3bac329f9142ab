// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/server_options.h"

#include <utility>

#include "aggregator/config/identity_root.h"
#include "aggregator/files.h"
#include "aggregator/runtime/memory_guard.h"

namespace veilsum::aggregator {
namespace {

absl::Status ReadInto(const std::string& path, std::string& text) {
  if (path.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> read = ReadFile(path);
  if (!read.ok()) return read.status();
  text = *std::move(read);
  return absl::OkStatus();
}

absl::StatusOr<ListenOptions> LoadListener(const ListenerConfig& config) {
  ListenOptions options;
  options.address = config.address;
  if (config.insecure) return options;
  TlsOptions tls;
  absl::Status read = ReadInto(config.certificate, tls.certificate_chain);
  read.Update(ReadInto(config.private_key, tls.private_key));
  read.Update(ReadInto(config.client_ca, tls.client_ca));
  if (!read.ok()) return read;
  tls.require_client_certificate = config.require_client_certificate;
  options.tls = std::move(tls);
  return options;
}

}  // namespace

absl::StatusOr<ServerTls> LoadServerTls(const Config& config) {
  const absl::StatusOr<ListenOptions> participants = LoadListener(config.server);
  if (!participants.ok()) return participants.status();
  ServerTls tls{participants->tls, std::nullopt};
  if (config.operator_listener.address.empty()) return tls;
  const absl::StatusOr<ListenOptions> operators = LoadListener(config.operator_listener);
  if (!operators.ok()) return operators.status();
  tls.operators = operators->tls;
  return tls;
}

absl::StatusOr<LoadedOptions> LoadServerOptions(const Config& config) {
  LoadedOptions options;
  absl::StatusOr<ListenOptions> participants = LoadListener(config.server);
  if (!participants.ok()) return participants.status();
  options.server.participants = *std::move(participants);
  if (!config.operator_listener.address.empty()) {
    absl::StatusOr<ListenOptions> operators = LoadListener(config.operator_listener);
    if (!operators.ok()) return operators.status();
    options.server.operators = *std::move(operators);
  }
  absl::StatusOr<IdentityRoot> root = LoadIdentityRoot(config.identities);
  if (!root.ok()) return root.status();
  options.identities = root->identities;
  options.roster_version = root->roster_version;
  options.server.aggregator.admits = std::move(root->admits);
  options.server.aggregator.enrolment = std::move(root->enrolment);
  options.server.aggregator.roster_version = root->roster_version;
  options.server.aggregator.tasks = config.tasks;
  options.server.aggregator.pending_upload_bytes = config.limits.pending_upload_bytes;
  options.server.aggregator.accumulator_bytes = config.limits.accumulator_bytes;
  options.server.aggregator.max_sessions = config.limits.max_sessions;
  options.server.aggregator.kept_results = config.limits.kept_results;
  options.server.threads = config.threads;
  options.server.memory.limit_bytes =
      config.limits.memory_bytes != 0 ? config.limits.memory_bytes : AvailableBytes();
  options.server.least_upload_bytes_per_second = config.limits.least_upload_bytes_per_second;
  options.server.max_connections = config.limits.max_connections;
  return options;
}

}  // namespace veilsum::aggregator
