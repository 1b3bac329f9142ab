// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator as a process: configuration, log, server, metrics, signals.

#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "aggregator/config/config.h"
#include "aggregator/core_dumps.h"
#include "aggregator/files.h"
#include "aggregator/log.h"
#include "aggregator/runtime/memory_guard.h"
#include "aggregator/server.h"
#include "aggregator/server_options.h"
#include "aggregator/transport/tls_versions.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/masking/kernels.h"
#include "metrics/admin_server.h"
#include "metrics/prometheus_recorder.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

constexpr char kVersion[] = "0.1.0";

constexpr char kHelp[] =
    R"(The Veilsum aggregator: sums vectors of clients without seeing a single one.

  aggregator --config=FILE [--section.key=value …]

deploy/aggregator.toml of the sources is a configuration with every key explained. Each key but
those of tasks may also be given as a flag, --server.address=0.0.0.0:7443, or as an environment
variable, VEILSUM_SERVER_ADDRESS. `veilsum init` makes a configuration with certificates to start
with. On SIGTERM and SIGINT the aggregator takes no new sessions, lets the running ones end, and
exits.
)";

// After a warning there is time to act.
constexpr absl::Duration kExpiryWarning = absl::Hours(14 * 24);

// The certificates that TLS was configured with: into the metrics, and said where they end soon.
void ReportCertificate(metrics::Recorder& recorder, metrics::Certificate which,
                       absl::string_view name, const std::string& pem) {
  const absl::StatusOr<absl::Time> ends = crypto::NotAfter(pem);
  if (!ends.ok()) return;  // None; or one that the server has refused already.
  recorder.CertificateExpiry(which, absl::ToDoubleSeconds(*ends - absl::UnixEpoch()));
  if (*ends - absl::Now() < kExpiryWarning) {
    spdlog::warn("{} ends {}: renew it", std::string(name), absl::FormatTime(*ends));
  }
}

void ReportCertificates(metrics::Recorder& recorder, const ServerOptions& options) {
  bool valid = true;
  if (options.participants.tls.has_value()) {
    const TlsOptions& tls = *options.participants.tls;
    const absl::StatusOr<absl::Time> ends = crypto::NotAfter(tls.certificate_chain);
    valid = ends.ok() && *ends > absl::Now();
    ReportCertificate(recorder, metrics::Certificate::kServer, "the server's certificate",
                      tls.certificate_chain);
    ReportCertificate(recorder, metrics::Certificate::kClientAuthority,
                      "the certificate of the clients' authority", tls.client_ca);
  }
  if (options.operators.has_value() && options.operators->tls.has_value()) {
    ReportCertificate(recorder, metrics::Certificate::kOperator, "the operator's certificate",
                      options.operators->tls->client_ca);
  }
  recorder.Ready(metrics::Check::kCertificate, valid);
}

std::string Describe(const std::optional<TlsOptions>& tls) {
  if (!tls.has_value()) return "WITHOUT TLS: anyone on the network can read and change it";
  return tls->require_client_certificate ? "TLS 1.3, client certificate required" : "TLS 1.3";
}

void SayWhatRuns(const Config& config, const LoadedOptions& loaded, const ServerOptions& options,
                 const AggregatorServer& server, int admin_port) {
  spdlog::info("veilsum aggregator {}, mask kernel {}", kVersion,
               std::string(crypto::ActiveKernel().name));
  spdlog::info("participants: {} (port {}), {}", config.server.address, server.ports().participants,
               Describe(options.participants.tls));
  if (options.operators.has_value()) {
    spdlog::info("operators: {} (port {}), {}", config.operator_listener.address,
                 server.ports().operators, Describe(options.operators->tls));
  }
  if (admin_port != 0) {
    spdlog::info("metrics and health: {} (port {}), plain HTTP", config.admin_address, admin_port);
  }
  if (loaded.roster_version == 0) {
    spdlog::warn("identities.open: anybody may take part, with as many seats as they like");
  } else if (loaded.identities == 0) {
    spdlog::info("whom the enrolment authority signed for roster version {} may take part",
                 loaded.roster_version);
  } else {
    spdlog::info("{} identities of roster version {} may take part", loaded.identities,
                 loaded.roster_version);
  }
  for (const v1::Task& task : config.tasks) {
    spdlog::info("task {}: tier {}, {} elements of {} bits, {} to {} clients, {}", task.task_id(),
                 task.tier() == v1::TIER_MALICIOUS ? "malicious" : "semi_honest",
                 task.vector().dimension(), task.vector().modulus_bits(), task.min_survivors(),
                 task.max_clients(),
                 task.sessions_on_demand() ? "sessions on demand" : "sessions when started");
  }
  spdlog::info("receipts: in memory, not crash-safe: sessions end with this process");
}

metrics::AdminHandlers HandlersFor(const metrics::PrometheusRecorder& recorder) {
  metrics::AdminHandlers handlers;
  handlers.metrics = [&recorder] { return recorder.Scrape(); };
  handlers.healthy = [] { return true; };
  handlers.not_ready = [&recorder] { return recorder.NotReady(); };
  handlers.status_page = [&recorder] {
    const std::vector<std::string> reasons = recorder.NotReady();
    return absl::StrCat(
        "veilsum aggregator ", kVersion, "\n",
        reasons.empty() ? "ready" : absl::StrCat("not ready: ", absl::StrJoin(reasons, "; ")),
        "\n`veilsum session list` shows the sessions\n");
  };
  return handlers;
}

// Until a signal comes; the next one ends the process at once.
void WaitForSignal() {
  asio::io_context context;
  asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([](std::error_code, int) {});
  context.run();
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
}

absl::Status Run(const Config& config) {
  metrics::PrometheusOptions metrics_options;
  metrics_options.version = kVersion;
  metrics_options.grpc_version = GrpcVersion();
  metrics_options.mask_kernel = std::string(crypto::ActiveKernel().name);
  metrics_options.store = "memory";
  metrics::PrometheusRecorder recorder(std::move(metrics_options));

  absl::StatusOr<LoadedOptions> loaded = LoadServerOptions(config);
  if (!loaded.ok()) return loaded.status();
  loaded->server.recorder = &recorder;
  const ServerOptions options = loaded->server;
  absl::StatusOr<std::unique_ptr<AggregatorServer>> server =
      AggregatorServer::Start(std::move(loaded->server));
  if (!server.ok()) return server.status();

  std::unique_ptr<metrics::AdminServer> admin;
  if (!config.admin_address.empty()) {
    auto started = metrics::AdminServer::Start(config.admin_address, HandlersFor(recorder));
    if (!started.ok()) return started.status();
    admin = *std::move(started);
  }
  ReportCertificates(recorder, options);
  // Nothing is stored yet, and memory has its own limit.
  for (metrics::Check check :
       {metrics::Check::kStore, metrics::Check::kDisk, metrics::Check::kMemory}) {
    recorder.Ready(check, true);
  }
  SayWhatRuns(config, *loaded, options, **server, admin == nullptr ? 0 : admin->port());
  WaitForSignal();
  spdlog::info("draining: no new sessions; running ones have {} s", config.drain_seconds);
  (*server)->Drain(absl::Seconds(config.drain_seconds));
  (*server)->Shutdown();
  spdlog::info("stopped");
  return absl::OkStatus();
}

absl::StatusOr<Config> LoadConfig(CommandLine line) {
  if (line.config_file.empty()) {
    return absl::InvalidArgumentError(
        "say which configuration: --config=FILE (`veilsum init DIR` makes one)");
  }
  const absl::StatusOr<std::string> text = ReadFile(line.config_file);
  if (!text.ok()) return text.status();
  Overrides overrides = OverridesFromEnvironment(environ);
  for (auto& [path, value] : line.overrides) overrides[path] = std::move(value);
  return ParseConfig(*text, line.config_file, std::move(overrides));
}

// Before there is anything in memory that should not leave it.
absl::Status GuardMemory(const Config& config) {
  if (config.core_dumps) {
    spdlog::warn("server.core_dumps: a crash may write shares and seeds to a core file");
    return absl::OkStatus();
  }
  absl::Status forbidden = ForbidCoreDumps();
  if (forbidden.ok()) spdlog::info("core dumps and debuggers: off (server.core_dumps)");
  return forbidden;
}

absl::Status LoadAndRun(CommandLine line) {
  const absl::StatusOr<Config> config = LoadConfig(std::move(line));
  if (!config.ok()) return config.status();
  StartLog(config->log_level, config->log_format);
  if (absl::Status guarded = GuardMemory(*config); !guarded.ok()) return guarded;
  return Run(*config);
}

int Main(int argc, char** argv) {
  AllowOnlyTls13();
  GiveBackLargeBlocks();
  absl::StatusOr<CommandLine> line = ParseCommandLine(argc, argv);
  if (line.ok() && (line->help || line->version)) {
    std::fputs(line->help ? kHelp : absl::StrCat("aggregator ", kVersion, "\n").c_str(), stdout);
    return EXIT_SUCCESS;
  }
  absl::Status status = line.status();
  if (line.ok()) status = LoadAndRun(*std::move(line));
  if (status.ok()) return EXIT_SUCCESS;
  std::fprintf(stderr, "aggregator: %s\n", std::string(status.message()).c_str());
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace veilsum::aggregator

int main(int argc, char** argv) { return veilsum::aggregator::Main(argc, argv); }
