// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/main_library.h"

#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "aggregator/certificate_watch.h"
#include "aggregator/config/config.h"
#include "aggregator/core_dumps.h"
#include "aggregator/files.h"
#include "aggregator/log.h"
#include "aggregator/open_files.h"
#include "aggregator/runtime/memory_guard.h"
#include "aggregator/server.h"
#include "aggregator/server_options.h"
#include "aggregator/store/storage.h"
#include "aggregator/transport/tls_versions.h"
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

constexpr std::chrono::seconds kCheckInterval{1};

std::string Describe(const std::optional<TlsOptions>& tls) {
  if (!tls.has_value()) return "WITHOUT TLS: anyone on the network can read and change it";
  return tls->require_client_certificate ? "TLS 1.3, client certificate required" : "TLS 1.3";
}

std::string Describe(const Aggregator::Recovered& recovered) {
  std::string text =
      absl::StrCat(recovered.running, " sessions that go on, ", recovered.ended,
                   " that have ended, ", recovered.tasks, " tasks that operators created");
  if (recovered.lost > 0) {
    absl::StrAppend(&text, "; ", recovered.lost, " sessions are damaged and have been given up");
  }
  return text;
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
  if (config.data_directory.empty()) {
    spdlog::warn(
        "receipts: in memory, not crash-safe: sessions end with this process "
        "(server.data_directory)");
    return;
  }
  const Aggregator::Recovered& recovered = server.recovered();
  spdlog::info("receipts: crash-safe, in {}", config.data_directory);
  spdlog::info("taken up from there: {}", Describe(recovered));
}

metrics::AdminHandlers HandlersFor(const metrics::PrometheusRecorder& recorder,
                                   const std::string& store) {
  metrics::AdminHandlers handlers;
  handlers.metrics = [&recorder] { return recorder.Scrape(); };
  handlers.not_ready = [&recorder] { return recorder.NotReady(); };
  handlers.status_page = [&recorder, store] {
    const std::vector<std::string> reasons = recorder.NotReady();
    return absl::StrCat(
        "veilsum aggregator ", kVersion, "\n",
        reasons.empty() ? "ready" : absl::StrCat("not ready: ", absl::StrJoin(reasons, "; ")), "\n",
        store, "\n`veilsum session list` shows the sessions\n");
  };
  return handlers;
}

absl::StatusOr<Storage> OpenStorageOf(const Config& config, metrics::Recorder& recorder) {
  if (config.data_directory.empty()) return Storage{};
  StorageOptions options;
  options.directory = config.data_directory;
  options.recorder = &recorder;
  return OpenStorage(std::move(options));
}

// Tells the metrics, and the log when it changes, whether what the aggregator needs is there.
class ReadinessChecks {
 public:
  ReadinessChecks(const Storage& storage, const Config& config, metrics::Recorder& recorder)
      : sessions_(storage.sessions), blobs_(storage.blobs), config_(config), recorder_(recorder) {}

  void Run() {
    Report(metrics::Check::kStore, "the store", store_, Store());
    Report(metrics::Check::kDisk, "the disk", disk_, Disk());
  }

 private:
  absl::Status Store() const {
    const auto sessions = sessions_.lock();
    return sessions == nullptr ? absl::OkStatus() : sessions->healthy();
  }

  absl::Status Disk() const {
    const auto blobs = blobs_.lock();
    if (blobs == nullptr) return absl::OkStatus();
    const std::optional<uint64_t> free = blobs->free_bytes();
    recorder_.StoreFreeBytes(free.value_or(0));
    if (free.has_value() && *free < config_.limits.least_free_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(*free, " bytes are free on the disk of ", config_.data_directory,
                       ", fewer than limits.least_free_bytes = ", config_.limits.least_free_bytes));
    }
    return blobs->healthy();
  }

  void Report(metrics::Check check, const char* name, absl::Status& last, absl::Status now) {
    recorder_.Ready(check, now.ok());
    if (now.ok() != last.ok()) {
      now.ok() ? spdlog::warn("{} is well again", name)
               : spdlog::error("not ready: {}: {}", name, std::string(now.message()));
    }
    last = std::move(now);
  }

  // The server's: when it stops, they are closed, and answer whoever waits for the disk.
  const std::weak_ptr<const SessionStore> sessions_;
  const std::weak_ptr<const BlobStore> blobs_;
  const Config& config_;
  metrics::Recorder& recorder_;
  absl::Status store_;
  absl::Status disk_;
};

// Now and then.
void Repeat(asio::steady_timer& timer, const std::function<void()>& work) {
  work();
  timer.expires_after(kCheckInterval);
  timer.async_wait([&timer, &work](std::error_code error) {
    if (!error) Repeat(timer, work);
  });
}

// Until a signal comes; the next one ends the process at once.
void WaitForSignal(const std::function<void()>& meanwhile) {
  asio::io_context context;
  asio::steady_timer timer(context);
  asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([&](std::error_code, int) { timer.cancel(); });
  Repeat(timer, meanwhile);
  context.run();
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
}

absl::Status Run(const Config& config) {
  metrics::PrometheusOptions metrics_options;
  metrics_options.version = kVersion;
  metrics_options.grpc_version = GrpcVersion();
  metrics_options.mask_kernel = std::string(crypto::ActiveKernel().name);
  metrics_options.store = config.data_directory.empty() ? "memory" : "sqlite";
  metrics::PrometheusRecorder recorder(std::move(metrics_options));

  absl::StatusOr<LoadedOptions> loaded = LoadServerOptions(config);
  if (!loaded.ok()) return loaded.status();
  absl::StatusOr<Storage> storage = OpenStorageOf(config, recorder);
  if (!storage.ok()) return storage.status();
  loaded->server.recorder = &recorder;
  const ServerOptions options = loaded->server;
  ReadinessChecks checks(*storage, config, recorder);
  loaded->server.aggregator.storage = *std::move(storage);
  absl::StatusOr<std::unique_ptr<AggregatorServer>> server =
      AggregatorServer::Start(std::move(loaded->server));
  if (!server.ok()) return server.status();

  std::unique_ptr<metrics::AdminServer> admin;
  if (!config.admin_address.empty()) {
    const std::string store = config.data_directory.empty()
                                  ? "in memory, nothing is stored"
                                  : absl::StrCat("taken up from ", config.data_directory, ": ",
                                                 Describe((*server)->recovered()));
    auto started = metrics::AdminServer::Start(config.admin_address, HandlersFor(recorder, store));
    if (!started.ok()) return started.status();
    admin = *std::move(started);
  }
  CertificateWatch certificates(config, TlsOf(options), **server, recorder);
  SayWhatRuns(config, *loaded, options, **server, admin == nullptr ? 0 : admin->port());
  recorder.Ready(metrics::Check::kMemory, true);  // The server says when it is not.
  WaitForSignal([&] {
    checks.Run();
    certificates.Look();
  });
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

void GetOpenFiles(const Config& config) {
  const std::string warning = WarningOfOpenFiles(RaiseOpenFiles(), config.limits.max_connections);
  if (!warning.empty()) spdlog::warn("{}", warning);
}

absl::Status SelectMaskKernel(const Config& config) {
  if (config.mask_kernel == "auto") return absl::OkStatus();
  const absl::Status status = crypto::SelectKernel(config.mask_kernel);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat("server.mask_kernel: ", status.message(), ", or auto"));
}

absl::Status LoadAndRun(CommandLine line) {
  const absl::StatusOr<Config> config = LoadConfig(std::move(line));
  if (!config.ok()) return config.status();
  StartLog(config->log_level, config->log_format);
  if (absl::Status guarded = GuardMemory(*config); !guarded.ok()) return guarded;
  if (absl::Status selected = SelectMaskKernel(*config); !selected.ok()) return selected;
  GetOpenFiles(*config);
  return Run(*config);
}

}  // namespace

int Main(int argc, char** argv) {
  AllowOnlyTls13();
  GiveBackLargeBlocks();
  // A debugging aid that Debian's build of Abseil has left on: every lock that gRPC takes would
  // look for cycles in a graph of all of them.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
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

}  // namespace veilsum::aggregator
