// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// bazel run //tests/reliability:soak -- --kills=200 --clients=20 --seed=1
// Exits with 0 only if nothing was found. See README.md.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "tests/reliability/soak.h"

int main(int argc, char** argv) {
  veilsum::reliability::SoakOptions options;
  options.kills_between_reports = 10;
  bool in_memory = false;
  double longest_peace = 4;
  CLI::App app("A live aggregator that is killed at random, and a judge of what came of it");
  app.add_option("--aggregator", options.aggregator, "The binary")->required();
  app.add_option("--kills", options.kills, "How often it is killed");
  app.add_option("--clients", options.clients, "How many clients take part");
  app.add_option("--seed", options.seed, "Of everything that is drawn");
  app.add_option("--dimension", options.dimension, "Elements of an input");
  app.add_option("--longest-peace", longest_peace, "Most seconds between two faults");
  app.add_flag("--in-memory", in_memory, "Without a data directory: the judge must find losses");
  app.add_flag("!--forgive-losses", options.judge_as_durable, "Let it forget sessions");
  CLI11_PARSE(app, argc, argv);
  const auto loopback = veilsum::reliability::PrivateLoopback::Enter();
  if (loopback == nullptr)
    std::puts("no network of its own without CAP_SYS_ADMIN: no cable is pulled");
  options.loopback = loopback.get();
  options.durable = !in_memory;
  options.longest_peace = absl::Seconds(longest_peace);
  const veilsum::reliability::SoakReport report = veilsum::reliability::RunSoak(options);
  std::printf("seed %llu, logs in %s\n%s", static_cast<unsigned long long>(options.seed),
              report.folder.c_str(), report.Text().c_str());
  return report.violations.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}
