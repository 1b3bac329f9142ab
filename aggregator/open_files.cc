// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/open_files.h"

#include <sys/resource.h>

#include <limits>

#include "absl/strings/str_cat.h"

namespace veilsum::aggregator {
namespace {

// For all besides clients' connections: stores, listeners, operators, the admin server, and gRPC's
// own.
constexpr uint64_t kOtherFiles = 200;

}  // namespace

uint64_t RaiseOpenFiles() {
  rlimit limit{};
  // It fails for none of the reasons that it could fail for; without a limit there is nothing to
  // do.
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<uint64_t>::max();
  const rlimit raised = {limit.rlim_max, limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return limit.rlim_cur;
}

std::string WarningOfOpenFiles(uint64_t open_files, uint64_t max_connections) {
  const uint64_t needed = max_connections + kOtherFiles;
  if (open_files >= needed) return "";
  return absl::StrCat(
      "this process may have ", open_files,
      " files open, and limits.max_connections = ", max_connections, " takes ", needed,
      ": raise the limit (LimitNOFILE of the service, ulimit -Hn of the shell), or "
      "lower limits.max_connections; otherwise clients are refused without a reason");
}

}  // namespace veilsum::aggregator
