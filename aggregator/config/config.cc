// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/config/config.h"

#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/config/task_config.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::aggregator {
namespace {

constexpr uint64_t kMostThreads = 1024;
constexpr uint64_t kMostDrainSeconds = 30;
constexpr uint64_t kMostConnections = 1'000'000;
constexpr uint64_t kMostSessions = 10'000;
// More, and a client with a good line would be cut off.
constexpr uint64_t kMostBytesPerSecond = 1'000'000;

constexpr std::pair<absl::string_view, int> kLogLevels[] = {
    {"debug", 0}, {"info", 1}, {"warning", 2}, {"error", 3}};
constexpr std::pair<absl::string_view, int> kLogFormats[] = {{"auto", 0}, {"text", 1}, {"json", 2}};

class ConfigReader {
 public:
  explicit ConfigReader(Document& document)
      : document_(document), folder_(std::filesystem::path(document.file).parent_path()) {}

  Config Read() {
    TableReader root(document_, &document_.root, "");
    ReadServer(root);
    ReadOperator(root);
    ReadAdmin(root);
    ReadIdentities(root);
    ReadLimits(root);
    ReadLog(root);
    for (TableReader& table : root.Tables("task")) ReadTaskTable(table);
    root.Finish();
    FindUnusedOverride();
    return std::move(config_);
  }

 private:
  void ReadPath(TableReader& table, absl::string_view key, std::string& path) {
    table.String(key, path);
    if (path.empty()) return;
    const std::filesystem::path given(path);
    if (given.is_relative()) path = (folder_ / given).string();
  }

  void ReadListener(TableReader& table, ListenerConfig& listener) {
    table.String("address", listener.address);
    ReadPath(table, "certificate", listener.certificate);
    ReadPath(table, "private_key", listener.private_key);
    ReadPath(table, "client_ca", listener.client_ca);
    table.Bool("insecure", listener.insecure);
    if (!listener.address.empty() && listener.address.find(':') == std::string::npos) {
      table.Fail("address", "must be host:port");
    }
  }

  static void CheckTls(TableReader& table, const ListenerConfig& listener) {
    if (listener.insecure) return;
    if (listener.certificate.empty() || listener.private_key.empty()) {
      table.Fail("",
                 "needs certificate and private_key (PEM files); insecure = true runs without "
                 "TLS, so that anyone on the network can read and change what is sent");
    }
  }

  void ReadServer(TableReader& root) {
    TableReader table = root.Table("server");
    ListenerConfig& server = config_.server;
    server.address = "127.0.0.1:7443";
    ReadListener(table, server);
    table.Bool("require_client_certificate", server.require_client_certificate);
    ReadPath(table, "data_directory", config_.data_directory);
    table.Unsigned("threads", config_.threads, 0, kMostThreads);
    table.Unsigned("drain_seconds", config_.drain_seconds, 0, kMostDrainSeconds);
    table.Bool("core_dumps", config_.core_dumps);
    table.String("mask_kernel", config_.mask_kernel);
    if (server.address.empty()) table.Fail("address", "must be host:port");
    CheckTls(table, server);
    if (server.require_client_certificate && server.client_ca.empty()) {
      table.Fail("require_client_certificate",
                 "needs client_ca: the PEM file of the authority that signs clients' certificates");
    }
    table.Finish();
  }

  void ReadOperator(TableReader& root) {
    TableReader table = root.Table("operator");
    ListenerConfig& listener = config_.operator_listener;
    ReadListener(table, listener);
    if (!listener.address.empty() && !listener.insecure) {
      if (listener.certificate.empty() && listener.private_key.empty()) {
        listener.certificate = config_.server.certificate;
        listener.private_key = config_.server.private_key;
      }
      CheckTls(table, listener);
      if (listener.client_ca.empty()) {
        table.Fail("",
                   "needs client_ca: the PEM file of the operator's own certificate (or of the "
                   "authority that signs operators' certificates), since whoever reaches this "
                   "address may start and abort sessions; insecure = true lets everybody");
      }
    }
    listener.require_client_certificate = !listener.insecure;
    table.Finish();
  }

  void ReadAdmin(TableReader& root) {
    TableReader table = root.Table("admin");
    table.String("address", config_.admin_address);
    table.Finish();
  }

  void ReadIdentities(TableReader& root) {
    TableReader table = root.Table("identities");
    IdentitiesConfig& identities = config_.identities;
    ReadPath(table, "roster", identities.roster);
    ReadPath(table, "authority", identities.authority);
    table.Unsigned("roster_version", identities.roster_version, 1);
    table.Bool("open", identities.open);
    const int roots =
        int{!identities.roster.empty()} + int{!identities.authority.empty()} + int{identities.open};
    if (roots != 1) {
      table.Fail("",
                 "needs one of three: roster, the file of those who may take part; authority with "
                 "roster_version, the public key of who enrols them; or open = true, which lets "
                 "anybody take part: one person may then hold many seats, and no threshold "
                 "protects the others from that");
    }
    if (identities.authority.empty() != (identities.roster_version == 0)) {
      table.Fail("", identities.authority.empty()
                         ? "takes roster_version beside authority alone: a roster file names its "
                           "own version"
                         : "needs roster_version beside authority: which issue of its signatures "
                           "counts, as given to `veilsum enroll sign`");
    }
    table.Finish();
  }

  void ReadLimits(TableReader& root) {
    TableReader table = root.Table("limits");
    LimitsConfig& limits = config_.limits;
    table.Unsigned("pending_upload_bytes", limits.pending_upload_bytes, 1);
    table.Unsigned("max_connections", limits.max_connections, 1, kMostConnections);
    table.Unsigned("max_sessions", limits.max_sessions, 1, kMostSessions);
    table.Unsigned("accumulator_bytes", limits.accumulator_bytes, 1);
    table.Unsigned("kept_results", limits.kept_results, 1, kMostSessions);
    table.Unsigned("least_free_bytes", limits.least_free_bytes, 0);
    table.Unsigned("memory_bytes", limits.memory_bytes);
    table.Unsigned("least_upload_bytes_per_second", limits.least_upload_bytes_per_second, 0,
                   kMostBytesPerSecond);
    if (limits.memory_bytes != 0 && limits.memory_bytes < limits.pending_upload_bytes) {
      table.Fail("memory_bytes",
                 absl::StrCat("must hold more than pending_upload_bytes = ",
                              limits.pending_upload_bytes, ", or be 0: what the machine has"));
    }
    table.Finish();
  }

  void ReadLog(TableReader& root) {
    TableReader table = root.Table("log");
    ReadName(table, "level", kLogLevels, config_.log_level);
    ReadName(table, "format", kLogFormats, config_.log_format);
    table.Finish();
  }

  static void ReadName(TableReader& table, absl::string_view key,
                       absl::Span<const std::pair<absl::string_view, int>> names,
                       std::string& value) {
    int choice = -1;
    table.Choice(key, names, choice);
    if (choice >= 0) value = std::string(names[choice].first);
  }

  void ReadTaskTable(TableReader& table) {
    v1::Task task = ReadTask(table);
    if (!table.ok()) return;
    if (task.tier() == v1::TIER_MALICIOUS && config_.identities.open) {
      return table.Fail(
          "tier",
          "is malicious (the default), but identities.open lets anybody take every seat, so "
          "clients refuse its sessions: set identities.roster or identities.authority, or tier = "
          "\"semi_honest\" if an honest-but-curious aggregator will do");
    }
    const uint64_t upload = PackedBytes(task.vector());
    if (upload > config_.limits.pending_upload_bytes) {
      return table.Fail(
          "dimension",
          absl::StrCat("makes one upload ", upload, " bytes, more than limits.pending_upload_bytes",
                       " = ", config_.limits.pending_upload_bytes,
                       "; an input is only counted as a whole, so at least one must fit"));
    }
    if (!task_ids_.insert(task.task_id()).second) {
      return table.Fail("id", absl::StrCat("\"", task.task_id(), "\" is taken by another task"));
    }
    config_.tasks.push_back(std::move(task));
  }

  // One that no key asked for is misspelt.
  void FindUnusedOverride() {
    for (const auto& [path, override_value] : document_.overrides) {
      if (override_value.used) continue;
      document_.Fail(override_value.origin,
                     absl::StrCat(path, " is not a known key; deploy/aggregator.toml names them"));
    }
  }

  Document& document_;
  std::filesystem::path folder_;
  Config config_;
  std::set<std::string> task_ids_;
};

}  // namespace

absl::StatusOr<Config> ParseConfig(absl::string_view text, absl::string_view file,
                                   Overrides overrides) {
  absl::StatusOr<Document> document = ParseDocument(text, file);
  if (!document.ok()) return document.status();
  document->overrides = std::move(overrides);
  Config config = ConfigReader(*document).Read();
  if (!document->status.ok()) return document->status;
  return config;
}

}  // namespace veilsum::aggregator
