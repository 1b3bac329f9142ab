// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Plays whole worlds, one schedule of disturbances each, and looks for one that ends as none may.
//
//   bazel run -c opt //tests/simulation:simulate -- --seed=1 --schedules=100000
//   bazel run -c opt //tests/simulation:simulate -- --replay=$PWD/found.txt --trace
//
// A world is one session: the real cores of the aggregator (DurableSession) and of all clients, on
// a virtual clock, with a network and a store that do what networks and stores do. A seed gives the
// session and its disturbances; the same seed gives the same world. A world that fails is shrunk to
// a short line (plan.h), printed, and worth a file in regressions/.
//
// A failure is:
//   I1  a published sum that is not the sum of the inputs of those it names;
//   I2  an input that is in the sum twice;
//   I3  a receipt for an input that is not in the store, or in the end not in the sum;
//   I4  more than one survivor set, in the store, told, or heard, over all restarts;
//   I5  a client that gives both shares of a peer, or says two different things in one round;
//   I6  result bytes that differ between two reads, or between clients;
//   I7  an effect of a message that was refused;
//   I9  a session, or a client that is there, that has not ended when all deadlines are over;
//   I10 a store whose log gives another session than the one that lives;
//   anything that leaves the aggregator before what it follows from is durable;
//   a reason that is wrong: a client that keeps to the protocol and is told otherwise, an abort
//   without a cause; a client that is in a published sum and is not told so;
//   what the privacy checker calls a leak (on a sample of worlds).
// No failure is:
//   an abort because too few are left, below the threshold, by the operator, because a client
//   cheated where one was made to, or because the disk was full when the survivors were to be
//   frozen;
//   a client that is left out because it, the network or the aggregator was away for too long, or
//   that lost its state, or that did not keep to the protocol, whatever it is told;
//   an operator's log that misses what clients did before a crash (refusals, progress).
// What is not simulated: stored bytes that change by themselves (aggregator/store has checksums),
// clocks, threads, memory, and gRPC.
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <string>

#include "CLI/CLI.hpp"
#include "tests/simulation/plan.h"
#include "tests/simulation/shrink.h"
#include "tests/simulation/world.h"

namespace veilsum::simulation {
namespace {

struct Flags {
  uint64_t seed = 1;
  uint64_t schedules = 1'000;
  uint32_t jobs = 1;
  uint32_t max_clients = 8;
  uint32_t privacy_every = 64;
  uint64_t most_failures = 1;
  std::string replay;
  bool trace = false;
};

class Campaign {
 public:
  explicit Campaign(const Flags& flags) : flags_(flags) {}

  bool Run() {
    const auto start = std::chrono::steady_clock::now();
    asio::thread_pool pool(flags_.jobs);
    for (uint32_t job = 0; job < flags_.jobs; ++job) {
      asio::post(pool, [this] { Work(); });
    }
    pool.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    for (const auto& [reason, count] : ends_) {
      std::printf("%10llu %s\n", static_cast<unsigned long long>(count),
                  reason == v1::REASON_UNSPECIFIED ? "completed" : v1::Reason_Name(reason).c_str());
    }
    std::printf("%llu steps, %llu kills of the aggregator, %llu comparisons with the store\n",
                static_cast<unsigned long long>(steps_), static_cast<unsigned long long>(kills_),
                static_cast<unsigned long long>(comparisons_));
    std::printf("%llu schedules from seed %llu, %llu failed, %.0f a minute\n",
                static_cast<unsigned long long>(played_),
                static_cast<unsigned long long>(flags_.seed),
                static_cast<unsigned long long>(failures_),
                static_cast<double>(played_) * 60 / took.count());
    return failures_ == 0;
  }

 private:
  void Work() {
    while (failures_ < flags_.most_failures) {
      const uint64_t number = next_++;
      if (number >= flags_.schedules) return;
      const uint64_t seed = flags_.seed + number;
      const Plan plan = MakePlan(seed, flags_.max_clients);
      WorldOptions options;
      options.check_privacy = flags_.privacy_every > 0 && seed % flags_.privacy_every == 0;
      const Verdict verdict = PlayWorld(plan, options);
      const std::lock_guard<std::mutex> lock(mutex_);
      ++played_;
      ++ends_[verdict.reason];
      steps_ += verdict.steps;
      kills_ += verdict.kills;
      comparisons_ += verdict.comparisons;
      if (!verdict.ok()) Tell(seed, plan, options, verdict);
    }
  }

  void Tell(uint64_t seed, const Plan& plan, const WorldOptions& options, const Verdict& verdict) {
    ++failures_;
    std::printf("seed %llu fails: %s\n  %s\n", static_cast<unsigned long long>(seed),
                verdict.violations[0].c_str(), ToText(plan).c_str());
    const Plan shrunk = Shrink(plan, FailsAlike(verdict, options));
    std::printf("shrunk: %s\n  %s\n", PlayWorld(shrunk, options).violations[0].c_str(),
                ToText(shrunk).c_str());
    std::fflush(stdout);
  }

  const Flags& flags_;
  std::atomic<uint64_t> next_{0};
  std::atomic<uint64_t> failures_{0};
  std::mutex mutex_;
  uint64_t played_ = 0;
  uint64_t steps_ = 0;
  uint64_t kills_ = 0;
  uint64_t comparisons_ = 0;
  std::map<v1::Reason, uint64_t> ends_;
};

bool Replay(const Flags& flags) {
  std::ifstream file(flags.replay);
  if (!file) {
    std::fprintf(stderr, "%s: cannot be read\n", flags.replay.c_str());
    return false;
  }
  bool ok = true;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const absl::StatusOr<Plan> plan = ParsePlan(line);
    if (!plan.ok()) {
      std::fprintf(stderr, "%s\n", plan.status().ToString().c_str());
      return false;
    }
    WorldOptions options;
    options.check_privacy = true;
    options.trace = flags.trace;
    const Verdict verdict = PlayWorld(*plan, options);
    ok &= verdict.ok();
    std::printf("%s: %s\n", verdict.ok() ? "ok" : "FAILS", line.c_str());
    for (const std::string& violation : verdict.violations) {
      std::printf("  %s\n", violation.c_str());
    }
  }
  return ok;
}

}  // namespace
}  // namespace veilsum::simulation

int main(int argc, char** argv) {
  veilsum::simulation::Flags flags;
  CLI::App app("Plays whole sessions under disturbances and checks every invariant.");
  app.add_option("--seed", flags.seed, "Of the first schedule.");
  app.add_option("--schedules", flags.schedules, "How many, one seed each.");
  app.add_option("--jobs", flags.jobs, "Threads.")->check(CLI::Range(1, 256));
  app.add_option("--max-clients", flags.max_clients, "Above 8: larger worlds now and then.")
      ->check(CLI::Range(3, 64));
  app.add_option("--privacy-every", flags.privacy_every,
                 "Of so many worlds, one is judged by the privacy checker; 0: none.");
  app.add_option("--most-failures", flags.most_failures, "Stop after so many.");
  app.add_option("--replay", flags.replay, "A file of plans, one a line, instead.");
  app.add_flag("--trace", flags.trace, "With --replay: what happens, to stderr.");
  CLI11_PARSE(app, argc, argv);
  const bool ok = flags.replay.empty() ? veilsum::simulation::Campaign(flags).Run()
                                       : veilsum::simulation::Replay(flags);
  return ok ? 0 : 1;
}
