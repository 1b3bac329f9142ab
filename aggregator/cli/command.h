// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How a command joins the command line: it adds its subcommand and flags to a CLI::App, and when
// chosen leaves behind what to do, so that nothing happens before the whole line was understood.
#ifndef VEILSUM_AGGREGATOR_CLI_COMMAND_H_
#define VEILSUM_AGGREGATOR_CLI_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "absl/status/status.h"
#include "aggregator/cli/console.h"

namespace veilsum::aggregator::cli {

struct Chosen {
  std::function<absl::Status(Console&)> run;
  bool json = false;  // Errors too are for a program.
};

// `chosen` outlives the parsing and running.
void AddEnrollCommands(CLI::App& app, Chosen& chosen);  // `enroll …`.
void AddInitCommand(CLI::App& app, Chosen& chosen);
void AddPlanCommand(CLI::App& app, Chosen& chosen);
// `task …` and `session …`.
void AddOperatorCommands(CLI::App& app, Chosen& chosen);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_COMMAND_H_
