// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What an operator sets. deploy/aggregator.toml explains every key; this is its shape.
#ifndef VEILSUM_AGGREGATOR_CONFIG_CONFIG_H_
#define VEILSUM_AGGREGATOR_CONFIG_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aggregator/config/table_reader.h"
#include "proto/operator.pb.h"

namespace veilsum::aggregator {

// Paths are as they may be opened: relative ones were resolved against the file's folder.
struct ListenerConfig {
  std::string address;  // host:port; port 0 takes a free one. Empty: no such listener.
  std::string certificate;
  std::string private_key;
  std::string client_ca;
  bool require_client_certificate = false;
  bool insecure = false;
};

// Exactly one of roster, authority and open is set.
struct IdentitiesConfig {
  std::string roster{};         // A roster file, which names its own version.
  std::string authority{};      // PEM: the public key of an enrolment authority, and
  uint64_t roster_version = 0;  // which issue of its signatures counts.
  bool open = false;
};

struct LimitsConfig {
  uint64_t pending_upload_bytes = uint64_t{256} << 20;
  uint64_t max_connections = 12'000;
  uint64_t max_sessions = 64;
  uint64_t accumulator_bytes = uint64_t{4} << 30;
  uint64_t kept_results = 16;
  uint64_t least_free_bytes = uint64_t{256} << 20;  // Of the data directory's disk.
  uint64_t memory_bytes = 0;  // Of the whole process; 0: what the machine or its container has.
  uint64_t least_upload_bytes_per_second = 4096;  // 0: none.
};

struct Config {
  ListenerConfig server;
  std::string data_directory;  // Empty: everything is in memory and ends with the process.
  uint64_t threads = 0;        // 0: one per core.
  uint64_t drain_seconds = 30;
  bool core_dumps = false;
  std::string mask_kernel = "auto";  // Or a name that crypto::SelectKernel knows.
  ListenerConfig operator_listener;
  std::string admin_address;  // Empty: no endpoint.
  IdentitiesConfig identities;
  LimitsConfig limits;
  std::string log_level = "info";
  std::string log_format = "auto";  // "text", "json", or by whether the log goes to a terminal.
  std::vector<v1::Task> tasks;      // As CheckTask (task_rules.h) returned them.
};

// INVALID_ARGUMENT naming the file and line, the environment variable or the flag, the key, and
// what to do; the errors of CheckTask for a task. `overrides` win over the file.
absl::StatusOr<Config> ParseConfig(absl::string_view text, absl::string_view file,
                                   Overrides overrides);

// ---- Where overrides come from ----

// VEILSUM_SECTION_KEY=value for the sections of the configuration; other variables are not ours.
// `environment` ends with a null pointer, as environ does.
Overrides OverridesFromEnvironment(const char* const* environment);

struct CommandLine {
  std::string config_file;
  bool help = false;
  bool version = false;
  Overrides overrides;
};
// --config=FILE, --section.key=value, --help, --version; as --config FILE too, as `veilsum` takes
// it.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CONFIG_CONFIG_H_
