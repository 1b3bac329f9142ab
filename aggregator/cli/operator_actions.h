// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What `veilsum task …` and `veilsum session …` do once the command line was understood.
#ifndef VEILSUM_AGGREGATOR_CLI_OPERATOR_ACTIONS_H_
#define VEILSUM_AGGREGATOR_CLI_OPERATOR_ACTIONS_H_

#include <string>

#include "absl/status/status.h"
#include "aggregator/cli/console.h"
#include "aggregator/cli/operator_client.h"

namespace veilsum::aggregator::cli {

struct OperatorFlags {
  ConnectionFlags connection;
  std::string file;        // Of task create.
  std::string task;        // A task's id.
  std::string session;     // A session's id, or how it begins; empty: the newest.
  std::string model_hash;  // 64 hexadecimal digits, or empty.
  std::string model;       // A file whose SHA-256 is the model hash, or empty.
  std::string detail;      // Of session abort.
  std::string output;      // Of session result; empty: standard output.
  std::string format = "human";
  bool watch = false;  // Of session start.

  bool json() const { return format == "json"; }
};

absl::Status CreateTask(OperatorClient& client, const OperatorFlags& flags, Console& console);
absl::Status ListTasks(OperatorClient& client, const OperatorFlags& flags, Console& console);
absl::Status ShowTask(OperatorClient& client, const OperatorFlags& flags, Console& console);

absl::Status StartSession(OperatorClient& client, const OperatorFlags& flags, Console& console);
absl::Status ListSessions(OperatorClient& client, const OperatorFlags& flags, Console& console);
// Until it has ended. ABORTED with the reason if it did not complete.
absl::Status WatchSession(OperatorClient& client, const OperatorFlags& flags, Console& console);
// Format human, json, csv, npy (the mean) or raw (the packed sum).
absl::Status ShowResult(OperatorClient& client, const OperatorFlags& flags, Console& console);
absl::Status AbortSession(OperatorClient& client, const OperatorFlags& flags, Console& console);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_OPERATOR_ACTIONS_H_
