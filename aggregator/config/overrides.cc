// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "aggregator/config/config.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

// Tasks are lists, which have no names of this kind.
constexpr absl::string_view kSections[] = {"server",     "operator", "admin",
                                           "identities", "limits",   "log"};

absl::Status BadArgument(absl::string_view argument, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
                   absl::StrCat("the argument ", argument, ": ", text));
}

}  // namespace

Overrides OverridesFromEnvironment(const char* const* environment) {
  Overrides overrides;
  for (; *environment != nullptr; ++environment) {
    const std::pair<std::string, std::string> variable =
        absl::StrSplit(*environment, absl::MaxSplits('=', 1));
    absl::string_view rest = variable.first;
    if (!absl::ConsumePrefix(&rest, "VEILSUM_")) continue;
    const std::string name = absl::AsciiStrToLower(rest);
    for (absl::string_view section : kSections) {
      absl::string_view key = name;
      if (!absl::ConsumePrefix(&key, section) || !absl::ConsumePrefix(&key, "_")) continue;
      overrides[absl::StrCat(section, ".", key)] =
          Override{variable.second, absl::StrCat("the environment variable ", variable.first)};
    }
  }
  return overrides;
}

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--help") {
      line.help = true;
      continue;
    }
    if (argument == "--version") {
      line.version = true;
      continue;
    }
    absl::string_view flag = argument;
    if (!absl::ConsumePrefix(&flag, "--")) {
      return BadArgument(argument,
                         "must be --config=FILE, --section.key=value, --help or --version");
    }
    const size_t equals = flag.find('=');
    const std::string name(flag.substr(0, equals));
    if (name != "config" && !absl::StrContains(name, '.')) {
      return BadArgument(argument, "is not known; keys are named --section.key=value");
    }
    std::string value;
    if (equals != absl::string_view::npos) {
      value = std::string(flag.substr(equals + 1));
    } else if (i + 1 < argc && !absl::StartsWith(argv[i + 1], "--")) {
      value = argv[++i];
    } else {
      return BadArgument(argument, "has no value");
    }
    if (name == "config") {
      line.config_file = value;
    } else {
      line.overrides[name] = Override{value, absl::StrCat("the flag --", name)};
    }
  }
  return line;
}

}  // namespace veilsum::aggregator
