// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Thousands of clients of the SDK, each with a connection and an identity of its own, in sessions
// of a live aggregator, one after another. Prints a line of JSON for each session: whether its mean
// is that of the clients' own inputs, to the last bit, and what it took. README.md explains all of
// it.
//
//   swarm --target=HOST:PORT --roots=FILE --task=ID --clients=N --dimension=D
//         [--dropout=ROUND:FRACTION,…] [--connections=N] [--sessions=N]

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "crypto/primitives/random.h"
#include "tests/load/dropouts.h"
#include "tests/load/idle_connections.h"
#include "tests/load/inputs.h"
#include "tests/load/meters.h"
#include "tests/load/swarm_client.h"

namespace veilsum::load {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  SwarmClientOptions client;
  std::string roots;
  std::string roster;
  std::string identity_seed;
  bool print_roster = false;
  uint32_t clients = 10;
  uint64_t dimension = 1000;
  std::string dropout;
  uint32_t connections = 0;
  std::string waiting_task;
  uint32_t sessions = 1;
  uint32_t at_once = 64;
  int threads = 2;
  int timeout_seconds = 600;
  pid_t aggregator_pid = 0;
  uint32_t processes = 1;
  uint32_t process = 0;
  std::string share;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Client i's key: the same in every run with the same seed, so that a roster can name it before.
crypto::IdentityKeyPair MakeIdentity(const Options& options, uint32_t client) {
  if (options.identity_seed.empty()) return crypto::IdentityKeyPair::Generate(crypto::RandomBytes);
  crypto::DeterministicRandom random(crypto::AsBytes(options.identity_seed),
                                     absl::StrCat("swarm identity ", client));
  return crypto::IdentityKeyPair::Generate([&](absl::Span<uint8_t> out) { random.Fill(out); });
}

void PrintRoster(const Options& options) {
  std::cout << "version = 1\n\n[identities]\n";
  for (uint32_t i = 0; i < options.clients; ++i) {
    std::cout << "client-" << i << " = \"" << MakeIdentity(options, i).public_key().ToHex()
              << "\"\n";
  }
}

// How the clients of one session fared. Thread-safe.
class Fates {
 public:
  explicit Fates(Clock::time_point start) : start_(start) {}

  void Connected() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++connected_;
    changed_.notify_all();
  }
  void Ended(bool connected, bool left, const absl::StatusOr<AggregateResult>& result) {
    // Outside the lock: a million floats take a while.
    const std::string mean = result.ok() && result->has_mean ? MeanDigest(result->mean) : "";
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!connected) ++connected_;  // It never will.
    ++ended_;
    if (left) {
      ++left_;
    } else if (!result.ok()) {
      ++failed_;
      if (trouble_.empty()) trouble_ = std::string(result.status().message());
    } else {
      seconds_.push_back(SecondsSince(start_));
      means_.insert(mean);
      participants_.insert(result->participants);
    }
    changed_.notify_all();
  }
  // Until no more than `under_way` of the `started` are neither connected nor over.
  void AwaitConnected(uint32_t started, uint32_t under_way) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return started <= connected_ + under_way; });
  }
  void AwaitEnds(uint32_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return ended_ == count; });
  }

  // After the ends. Empty if everybody who stayed was told what was expected.
  // Of the first client that failed and should not have; empty: of none.
  const std::string& trouble() const { return trouble_; }
  std::string Trouble(const absl::StatusOr<Inputs::Expected>& expected_inputs) const {
    if (!trouble_.empty()) return trouble_;
    const Inputs::Expected& expected = *expected_inputs;
    if (participants_ != std::set<uint32_t>{expected.inputs}) {
      return absl::StrCat(participants_.empty() ? 0 : *participants_.begin(),
                          " inputs are in the sum instead of ", expected.inputs);
    }
    for (const std::string& mean : means_) {
      if (!mean.empty() && mean != expected.mean_digest) {
        return "the mean is not that of the inputs";
      }
    }
    return "";
  }

  nlohmann::json Report() const {
    return {{"participants", participants_.empty() ? 0 : *participants_.begin()},
            {"stayed", seconds_.size()},
            {"left", left_},
            {"failed", failed_},
            {"has_mean", !means_.empty() && !means_.begin()->empty()},
            {"client_seconds",
             {{"p50", Percentile(0.5)},
              {"p90", Percentile(0.9)},
              {"p99", Percentile(0.99)},
              {"max", Percentile(1)}}}};
  }

 private:
  double Percentile(double part) const {
    if (seconds_.empty()) return 0;
    std::vector<double> sorted = seconds_;
    std::sort(sorted.begin(), sorted.end());
    const double rank = std::ceil(part * static_cast<double>(sorted.size()));
    return sorted[static_cast<size_t>(std::max(1.0, rank)) - 1];
  }

  const Clock::time_point start_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint32_t connected_ = 0;
  uint32_t ended_ = 0;
  uint32_t left_ = 0;
  uint32_t failed_ = 0;
  std::string trouble_;
  std::vector<double> seconds_;
  std::set<std::string> means_;
  std::set<uint32_t> participants_;
};

class Swarm {
 public:
  explicit Swarm(Options options)
      : options_(std::move(options)), aggregator_(options_.aggregator_pid) {
    options_.client.roots_pem = Contents(options_.roots);
    options_.client.roster = Contents(options_.roster);
    options_.client.timeout = absl::Seconds(options_.timeout_seconds);
    options_.client.executor = Executor::Create(options_.threads);
    options_.client.pool = std::make_shared<asio::thread_pool>(options_.threads);
    // Clients' updates are windows of this, each a step further.
    wave_.resize(options_.dimension + options_.clients + options_.sessions);
    for (size_t i = 0; i < wave_.size(); ++i) {
      wave_[i] = options_.client.clip * std::sin(static_cast<float>(i + options_.process));
    }
  }

  absl::Status Create() {
    const absl::StatusOr<Dropouts> dropouts = Dropouts::Parse(options_.dropout);
    if (!dropouts.ok()) return dropouts.status();
    const std::vector<v1::Round> leaves = dropouts->Of(options_.clients);
    const uint32_t first = options_.process * options_.clients;
    for (uint32_t i = 0; i < options_.clients; ++i) {
      auto made = MakeSwarmClient(options_.client, MakeIdentity(options_, first + i), leaves[i]);
      if (!made.ok()) return made.status();
      clients_.push_back(*std::move(made));
    }
    if (options_.connections > options_.clients) Idle();
    return absl::OkStatus();
  }

  // One session. False: not exact.
  bool Play(uint32_t number) {
    v1::VectorSpec spec;
    spec.set_dimension(options_.dimension);
    spec.set_clip(options_.client.clip);
    spec.set_quantisation_bits(options_.client.quantisation_bits);
    spec.set_max_weight(1);
    const auto inputs = std::make_shared<Inputs>(spec);
    const Clock::time_point start = Clock::now();
    const double own_cpu = OwnCpuSeconds(), aggregator_cpu = aggregator_.CpuSeconds();
    const TcpBytes bytes = CountTcpBytes();
    Fates fates(start);
    PhaseMeter phases(aggregator_);
    for (uint32_t i = 0; i < clients_.size(); ++i) {
      Begin(i, number, inputs, fates, phases);
      fates.AwaitConnected(i + 1, options_.at_once);
    }
    fates.AwaitEnds(static_cast<uint32_t>(clients_.size()));

    nlohmann::json report = fates.Report();
    report["session"] = number;
    report["clients"] = options_.clients;
    report["dimension"] = options_.dimension;
    report["seconds"] = SecondsSince(start);
    report["phases"] = phases.Report();
    report["swarm_cpu_seconds"] = OwnCpuSeconds() - own_cpu;
    if (aggregator_.has_process()) {
      report["aggregator_cpu_seconds"] = aggregator_.CpuSeconds() - aggregator_cpu;
      report["aggregator_peak_rss_bytes"] = aggregator_.PeakBytes();
    }
    AddBytes(bytes, report);
    const bool exact = Judge(number, *inputs, fates, report);
    std::cout << report.dump() << std::endl;
    return exact;
  }

 private:
  void Idle() {
    IdleOptions idle;
    idle.target = options_.client.target;
    idle.roots_pem = options_.client.roots_pem;
    idle.task = options_.waiting_task;
    idle.silent = options_.waiting_task.empty();
    idle.connections = options_.connections - options_.clients;
    idle.at_once = options_.at_once;
    idle_ = std::make_unique<IdleConnections>(idle);
    idle_->Connect();
  }

  void Begin(uint32_t client, uint32_t session, const std::shared_ptr<Inputs>& inputs, Fates& fates,
             PhaseMeter& phases) {
    const auto window = wave_.begin() + client + session;
    // Events of one client come one at a time.
    const auto connected = std::make_shared<bool>(false);
    SwarmClientEvents events;
    events.progress = [&fates, &phases, connected](const Progress& progress) {
      if (progress.stage != Progress::Stage::kConnecting && !*connected) {
        *connected = true;
        fates.Connected();
      }
      phases.Saw(progress);
    };
    events.ended = [&fates, connected](bool left, const absl::StatusOr<AggregateResult>& result) {
      fates.Ended(*connected, left, result);
    };
    clients_[client]->Begin(std::vector<float>(window, window + options_.dimension), inputs,
                            std::move(events));
  }

  // Those who stayed still have their connections, those who left have none any more.
  void AddBytes(const TcpBytes& before, nlohmann::json& report) const {
    const TcpBytes now = CountTcpBytes();
    const double stayed = std::max(1.0, report["stayed"].get<double>());
    report["sent_bytes_per_client"] = static_cast<double>(now.sent - before.sent) / stayed;
    report["received_bytes_per_client"] =
        static_cast<double>(now.received - before.received) / stayed;
  }

  bool Judge(uint32_t session, Inputs& inputs, const Fates& fates, nlohmann::json& report) const {
    absl::Status shared = Share(session, inputs);
    const absl::StatusOr<Inputs::Expected> expected = inputs.Expect();
    shared.Update(expected.status());
    // What a client ran into says more than what came of it.
    const std::string trouble = shared.ok() || !fates.trouble().empty()
                                    ? fates.Trouble(expected)
                                    : std::string(shared.message());
    report["exact"] = trouble.empty();
    report["trouble"] = trouble;
    report["sum_digest"] = expected.ok() ? expected->sum_digest : "";
    return trouble.empty();
  }

  // The inputs of all processes of the session.
  absl::Status Share(uint32_t session, Inputs& inputs) const {
    if (options_.processes <= 1) return absl::OkStatus();
    const auto path = [&](uint32_t process) {
      return absl::StrCat(options_.share, "/session-", session, "-process-", process);
    };
    absl::Status status = inputs.Save(path(options_.process));
    for (uint32_t other = 0; other < options_.processes && status.ok(); ++other) {
      if (other == options_.process) continue;
      const Clock::time_point start = Clock::now();
      do {
        status = inputs.Merge(path(other));
        if (status.ok() || !absl::IsUnavailable(status)) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      } while (SecondsSince(start) < options_.timeout_seconds);
    }
    return status;
  }

  Options options_;
  const ProcessMeter aggregator_;
  std::vector<float> wave_;
  std::vector<std::unique_ptr<SwarmClient>> clients_;
  std::unique_ptr<IdleConnections> idle_;
};

int Run(const Options& options) {
  if (options.print_roster) {
    PrintRoster(options);
    return 0;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Swarm swarm(options);
  if (const absl::Status created = swarm.Create(); !created.ok()) {
    std::cerr << "swarm: " << created.message() << "\n";
    return 1;
  }
  bool exact = true;
  for (uint32_t i = 0; i < options.sessions; ++i) exact = swarm.Play(i) && exact;
  return exact ? 0 : 1;
}

}  // namespace
}  // namespace veilsum::load

int main(int argc, char** argv) {
  // As the aggregator: Debian's gRPC searches for circles among its locks.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  veilsum::load::Options options;
  CLI::App app("Clients of the SDK in sessions of a live aggregator.");
  app.add_option("--target", options.client.target, "host:port of the aggregator");
  app.add_option("--roots", options.roots, "PEM file of its authority; left out: no TLS")
      ->check(CLI::ExistingFile);
  app.add_option("--task", options.client.task, "whose sessions to take part in");
  app.add_option("--clients", options.clients, "how many, which is a full session of the task")
      ->check(CLI::PositiveNumber);
  app.add_option("--dimension", options.dimension, "of the task");
  app.add_option("--dropout", options.dropout, "ROUND:FRACTION,… of the clients that leave there");
  app.add_option("--connections", options.connections,
                 "in all: those beyond --clients take part in nothing");
  app.add_option("--waiting-task", options.waiting_task,
                 "for whose sessions the others wait; left out: they say nothing");
  app.add_option("--sessions", options.sessions, "one after another");
  app.add_option("--at-once", options.at_once, "most connections that are being made at a time");
  app.add_option("--clip", options.client.clip, "of the task");
  app.add_option("--quantisation-bits", options.client.quantisation_bits, "of the task");
  app.add_option("--threads", options.threads, "that all clients share");
  app.add_option("--timeout-seconds", options.timeout_seconds, "of a session");
  app.add_option("--aggregator-pid", options.aggregator_pid,
                 "if it runs on this machine: its processor time and memory are reported, too");
  app.add_option("--identity-seed", options.identity_seed,
                 "any text: the same identities in every run; left out: new ones");
  app.add_flag("--print-roster", options.print_roster,
               "print a roster file of the identities, and do nothing else");
  app.add_option("--roster", options.roster, "the roster file, for tasks of the malicious tier")
      ->check(CLI::ExistingFile);
  app.add_option("--processes", options.processes,
                 "so many swarms share each session, alike but for --process");
  app.add_option("--process", options.process, "this one's number, from 0");
  app.add_option("--share", options.share, "a folder for what they tell each other");
  CLI11_PARSE(app, argc, argv);
  return veilsum::load::Run(options);
}
