// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How a command ends, for scripts and for people.
#ifndef VEILSUM_AGGREGATOR_CLI_EXIT_CODE_H_
#define VEILSUM_AGGREGATOR_CLI_EXIT_CODE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace veilsum::aggregator::cli {

// Shown by --help; never renumbered.
enum ExitCode {
  kDone = 0,
  kRefused = 1,         // The planner or the aggregator said no; the text says why.
  kWrongUse = 2,        // A flag, an argument or a file is wrong.
  kUnreachable = 3,     // No aggregator answered, or none that TLS trusts.
  kSessionAborted = 4,  // The session that was watched or asked for did not complete.
};

inline constexpr char kExitCodeHelp[] =
    "Exit codes: 0 done, 1 refused (the text says why), 2 wrong flags or files,\n"
    "3 aggregator not reachable, 4 session aborted.";

ExitCode ExitCodeOf(const absl::Status& status);

// "veilsum: INFEASIBLE_PARAMETERS: …": the stable reason where there is one, else the kind of
// error. With `json`, an object with the keys code, reason and message.
std::string ErrorText(const absl::Status& status, bool json);

// `text` without control characters, which could do things to a terminal: for what others wrote.
std::string Printable(absl::string_view text);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_EXIT_CODE_H_
