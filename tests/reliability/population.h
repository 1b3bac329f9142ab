// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Many real clients in this process, each with an identity, a connection and a store of its own,
// that take part in one session after the other, die and come back. What they see goes into the
// history. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_POPULATION_H_
#define VEILSUM_TESTS_RELIABILITY_POPULATION_H_

#include <asio.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/reliability/history.h"
#include "tests/reliability/installation.h"

namespace veilsum::reliability {

struct PopulationOptions {
  uint16_t port = 0;  // Of the aggregator, or of a proxy before it.
  uint64_t seed = 0;
  // At each point of a session that a client passes.
  double death_probability = 0;
  double cut_probability = 0;
  absl::Duration session_slack = absl::Seconds(30);
};

class Population {
 public:
  // `installation` and `history` outlive it.
  Population(const Installation& installation, History& history, PopulationOptions options);
  // Stops it at once.
  ~Population();

  void Start();
  // No new sessions: those who wait for one leave, the others may end theirs. False: some did not
  // within the time; a violation for each.
  bool Stop(absl::Duration at_most);

  // Aggregations that were a success, of all clients.
  int successes() const;
  int deaths() const;

 private:
  class Member;
  struct Shared;

  std::unique_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Member>> members_;
  bool stopped_ = false;
};

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_POPULATION_H_
