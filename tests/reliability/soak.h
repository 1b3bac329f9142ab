// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A live aggregator under clients, while it is killed and stopped and its network breaks, at
// random; then everything is judged. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_SOAK_H_
#define VEILSUM_TESTS_RELIABILITY_SOAK_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/reliability/private_loopback.h"

namespace veilsum::reliability {

struct SoakOptions {
  std::string aggregator;  // The binary.
  int clients = 20;
  int kills = 200;
  uint64_t seed = 1;
  uint64_t dimension = 300'000;  // Three chunks of an upload.
  // Store sessions in a data directory. Without one a killed aggregator forgets them.
  bool durable = true;
  // Judge as if sessions were stored: to see that the judge sees that they are not.
  bool judge_as_durable = true;
  // Between two faults, at random, at most.
  absl::Duration longest_peace = absl::Seconds(4);
  double death_probability = 0.004;
  double cut_probability = 0.01;
  // Null: no cable is pulled.
  PrivateLoopback* loopback = nullptr;
  // Between lines that say how it goes; none by default.
  int kills_between_reports = 0;
};

struct SoakReport {
  std::vector<std::string> violations;
  int kills = 0;
  int stops = 0;           // SIGSTOP, and SIGCONT later.
  int network_faults = 0;  // Cuts, resets, blackholes, and:
  int pulled_cables = 0;
  int client_deaths = 0;
  int sessions = 0;  // That any client was offered.
  int completed = 0;
  std::map<std::string, int> aborted;  // By reason.
  std::map<std::string, int> failed;   // Aggregations of clients, by reason.
  int aggregations = 0;                // That were a success.
  int durable_receipts = 0;
  int completed_over_kills = 0;  // Sessions that completed in another process than they began in.
  uint64_t sums_read_again = 0;
  int descriptors_at_start = 0;  // Of the last process.
  int descriptors_at_end = 0;    // When the clients had left.
  std::string folder;            // With the aggregator's log.

  std::string Text() const;
};

SoakReport RunSoak(const SoakOptions& options);

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_SOAK_H_
