// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How the command line reaches an aggregator: flags and environment, over a file with the same
// names (`veilsum init` writes operator.toml).
#ifndef VEILSUM_AGGREGATOR_CLI_CONNECTION_H_
#define VEILSUM_AGGREGATOR_CLI_CONNECTION_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace veilsum::aggregator::cli {

inline constexpr char kDefaultConnectionFile[] = "operator.toml";

// Empty strings and false: not given.
struct ConnectionFlags {
  std::string config;  // A file with the keys operator, ca, certificate, key, insecure.
  std::string address;
  std::string ca;
  std::string certificate;
  std::string key;
  bool insecure = false;
};

// Paths as they may be opened.
struct Connection {
  std::string address;
  std::string ca;
  std::string certificate;
  std::string key;
  bool insecure = false;
};

// `text` is what `file` holds; relative paths start at its folder. INVALID_ARGUMENT naming file,
// line and key.
absl::StatusOr<Connection> ParseConnection(absl::string_view text, const std::string& file);

// Flags win over the environment (VEILSUM_CONFIG, VEILSUM_OPERATOR, VEILSUM_CA, …), and that over
// the file, which is read if it was named, or is the default one and exists.
// INVALID_ARGUMENT if after that something is missing.
absl::StatusOr<Connection> ResolveConnection(const ConnectionFlags& flags);

// Reads the PEM files. Connects at the first call.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const Connection& connection);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_CONNECTION_H_
