// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "absl/status/status.h"
#include "aggregator/cli/command.h"
#include "aggregator/cli/exit_code.h"

namespace veilsum::aggregator::cli {

int RunVeilsum(const std::vector<std::string>& arguments, Console& console) {
  CLI::App app("Plans, sets up and operates secure aggregation.", "veilsum");
  app.footer(kExitCodeHelp);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Chosen chosen;
  AddInitCommand(app, chosen);
  AddEnrollCommands(app, chosen);
  AddPlanCommand(app, chosen);
  AddOperatorCommands(app, chosen);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    // Help is no error; CLI11 tells them apart by its own exit codes.
    return app.exit(error, console.out, console.err) == 0 ? kDone : kWrongUse;
  }
  const absl::Status status = chosen.run(console);
  console.out.flush();
  if (!status.ok()) console.err << ErrorText(status, chosen.json);
  return ExitCodeOf(status);
}

}  // namespace veilsum::aggregator::cli
