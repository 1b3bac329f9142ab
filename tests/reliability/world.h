// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// An aggregator, its clients, its operator, and the judge of all they see. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_WORLD_H_
#define VEILSUM_TESTS_RELIABILITY_WORLD_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/reliability/aggregator_process.h"
#include "tests/reliability/auditor.h"
#include "tests/reliability/history.h"
#include "tests/reliability/installation.h"
#include "tests/reliability/population.h"
#include "tests/reliability/tcp_proxy.h"

namespace veilsum::reliability {

// What was found by anybody. `durable`: see Expectations.
std::vector<std::string> Judge(const Installation& installation, const History& history,
                               const Auditor& auditor, bool durable);

// Everything of it, with a network that is good until it is told otherwise. Nothing runs yet. Not
// thread-safe, as AggregatorProcess.
struct World {
  // `binary`: of the aggregator.
  World(const std::string& binary, const std::string& name, InstallationOptions options,
        std::vector<std::string> before = {});

  // Starts the aggregator and waits until it is ready. Errors of WaitUntilReady.
  absl::Status Start(const std::vector<std::string>& environment = {});
  // Until the operator has read so many that have ended, or DEADLINE_EXCEEDED.
  absl::Status WaitForSessions(size_t count, absl::Duration at_most = absl::Minutes(1));
  // The clients stop, and every session ends; what does not is a violation.
  void Finish();
  std::vector<std::string> Judged() const { return Judge(installation, history, auditor, true); }

  History history;
  const Installation installation;
  AggregatorProcess process;
  TcpProxy proxy;  // Between clients and aggregator.
  Auditor auditor;
  Population population;
};

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_WORLD_H_
