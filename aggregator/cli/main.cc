// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "aggregator/cli/command_line.h"

int main(int argc, char** argv) {
  // Errors are told in our words; gRPC's log is there for who asks for it.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  veilsum::aggregator::cli::Console console = {std::cout, std::cerr, isatty(STDOUT_FILENO) == 1};
  return veilsum::aggregator::cli::RunVeilsum(std::vector<std::string>(argv + 1, argv + argc),
                                              console);
}
