// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "aggregator/config/table_reader.h"
#include "aggregator/files.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

absl::Status Missing(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT, text);
}

// What the flag says, or else the environment; empty: neither.
std::string Given(const std::string& flag, const char* variable) {
  const char* const value = flag.empty() ? std::getenv(variable) : nullptr;
  return value == nullptr ? flag : value;
}

void Override(std::string& value, const std::string& flag, const char* variable) {
  std::string given = Given(flag, variable);
  if (!given.empty()) value = std::move(given);
}

absl::Status CheckComplete(const Connection& connection) {
  if (connection.address.empty()) {
    return Missing(absl::StrCat("where is the aggregator? Give --operator host:port with --ca, ",
                                "--certificate and --key, or --config FILE; there is no ",
                                kDefaultConnectionFile, " here"));
  }
  if (connection.insecure) return absl::OkStatus();
  if (connection.ca.empty() || connection.certificate.empty() || connection.key.empty()) {
    return Missing(
        "TLS needs --ca (who signed the aggregator's certificate), --certificate and --key (the "
        "operator's); --insecure goes without, so that anyone on the network can operate");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Connection> ParseConnection(absl::string_view text, const std::string& file) {
  absl::StatusOr<Document> document = ParseDocument(text, file);
  if (!document.ok()) return document.status();
  Connection connection;
  TableReader table(*document, &document->root, "");
  table.String("operator", connection.address);
  table.String("ca", connection.ca);
  table.String("certificate", connection.certificate);
  table.String("key", connection.key);
  table.Bool("insecure", connection.insecure);
  table.Finish();
  if (!document->status.ok()) return document->status;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  for (std::string* path : {&connection.ca, &connection.certificate, &connection.key}) {
    if (!path->empty()) *path = (folder / *path).string();
  }
  return connection;
}

absl::StatusOr<Connection> ResolveConnection(const ConnectionFlags& flags) {
  const std::string named = Given(flags.config, "VEILSUM_CONFIG");
  const std::string file = named.empty() ? kDefaultConnectionFile : named;
  Connection connection;
  std::error_code error;
  if (!named.empty() || std::filesystem::exists(file, error)) {
    const absl::StatusOr<std::string> text = ReadFile(file);
    if (!text.ok()) return text.status();
    absl::StatusOr<Connection> parsed = ParseConnection(*text, file);
    if (!parsed.ok()) return parsed.status();
    connection = *std::move(parsed);
  }
  Override(connection.address, flags.address, "VEILSUM_OPERATOR");
  Override(connection.ca, flags.ca, "VEILSUM_CA");
  Override(connection.certificate, flags.certificate, "VEILSUM_CERTIFICATE");
  Override(connection.key, flags.key, "VEILSUM_KEY");
  connection.insecure = connection.insecure || flags.insecure;
  if (absl::Status status = CheckComplete(connection); !status.ok()) return status;
  return connection;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const Connection& connection) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!connection.insecure) {
    grpc::SslCredentialsOptions tls;
    for (const auto& [pem, path] : {std::pair(&tls.pem_root_certs, &connection.ca),
                                    std::pair(&tls.pem_cert_chain, &connection.certificate),
                                    std::pair(&tls.pem_private_key, &connection.key)}) {
      absl::StatusOr<std::string> contents = ReadFile(*path);
      if (!contents.ok()) return contents.status();
      *pem = *std::move(contents);
    }
    credentials = grpc::SslCredentials(tls);
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(limits::kMaxMessageBytes));
  // Watching is silent for as long as nothing happens.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, limits::kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // An address of a kind that this machine does not speak must not take minutes to give up on.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  return grpc::CreateCustomChannel(connection.address, credentials, arguments);
}

}  // namespace veilsum::aggregator::cli
