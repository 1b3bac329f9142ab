// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Where a command prints to.
#ifndef VEILSUM_AGGREGATOR_CLI_CONSOLE_H_
#define VEILSUM_AGGREGATOR_CLI_CONSOLE_H_

#include <iosfwd>

namespace veilsum::aggregator::cli {

struct Console {
  std::ostream& out;
  std::ostream& err;
  bool terminal = false;  // Is `out` one that a line can be overwritten on?
};

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_CONSOLE_H_
