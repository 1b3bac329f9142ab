// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The operator's command line as a function, so that tests can call it.
#ifndef VEILSUM_AGGREGATOR_CLI_COMMAND_LINE_H_
#define VEILSUM_AGGREGATOR_CLI_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "aggregator/cli/console.h"

namespace veilsum::aggregator::cli {

// `arguments` without the program's name. Returns an ExitCode (exit_code.h).
int RunVeilsum(const std::vector<std::string>& arguments, Console& console);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_COMMAND_LINE_H_
