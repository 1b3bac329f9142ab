// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/server_options.h"

#include <memory>
#include <utility>

#include "aggregator/config/roster.h"
#include "aggregator/files.h"

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

absl::Status LoadIdentities(const Config& config, LoadedOptions& options) {
  if (config.identities_open) {
    options.server.aggregator.admits = [](const IdentityPublicKey&) { return true; };
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> text = ReadFile(config.identities_file);
  if (!text.ok()) return text.status();
  absl::StatusOr<IdentityNames> names = ParseIdentities(*text, config.identities_file);
  if (!names.ok()) return names.status();
  options.identities = names->size();
  const auto shared = std::make_shared<const IdentityNames>(*std::move(names));
  options.server.aggregator.admits = [shared](const IdentityPublicKey& identity) {
    return shared->count(identity) != 0;
  };
  return absl::OkStatus();
}

}  // namespace

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
  if (absl::Status loaded = LoadIdentities(config, options); !loaded.ok()) return loaded;
  options.server.aggregator.tasks = config.tasks;
  options.server.aggregator.pending_upload_bytes = config.limits.pending_upload_bytes;
  options.server.aggregator.max_sessions = config.limits.max_sessions;
  options.server.aggregator.kept_results = config.limits.kept_results;
  options.server.threads = config.threads;
  options.server.max_connections = config.limits.max_connections;
  return options;
}

}  // namespace veilsum::aggregator
