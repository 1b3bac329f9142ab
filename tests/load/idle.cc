// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Connections to a live aggregator that take part in nothing: participants that have said hello and
// wait for a session, or that connect and say nothing. Prints a line of JSON once all stand, holds
// them until its input ends, and prints another one: how many still stand.
//
//   idle --target=HOST:PORT --roots=FILE --task=ID --connections=N [--silent] [--at-once=N]

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/load/idle_connections.h"

namespace veilsum::load {
namespace {

using Clock = std::chrono::steady_clock;

int Run(const IdleOptions& options) {
  IdleConnections connections(options);
  const Clock::time_point start = Clock::now();
  connections.Connect();
  nlohmann::json report = connections.Report();
  report["seconds"] = std::chrono::duration<double>(Clock::now() - start).count();
  std::cout << report.dump() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
  }
  report = connections.Report();
  std::cout << report.dump() << std::endl;
  return report["standing"] == options.connections ? 0 : 1;
}

}  // namespace
}  // namespace veilsum::load

int main(int argc, char** argv) {
  veilsum::load::IdleOptions options;
  std::string roots;
  CLI::App app("Connections to a live aggregator that take part in nothing.");
  app.add_option("--target", options.target, "host:port of the aggregator")->required();
  app.add_option("--roots", roots, "PEM file of its authority; left out: no TLS")
      ->check(CLI::ExistingFile);
  app.add_option("--task", options.task, "whose sessions to wait for");
  app.add_option("--connections", options.connections, "how many");
  app.add_option("--at-once", options.at_once, "most that are being made at a time");
  app.add_flag("--silent", options.silent, "connect, and say nothing");
  CLI11_PARSE(app, argc, argv);
  std::ifstream file(roots);
  options.roots_pem.assign(std::istreambuf_iterator<char>(file), {});
  return veilsum::load::Run(options);
}
