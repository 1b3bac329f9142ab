// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// An operator who reads every session that has ended, again and again: what was said once must stay
// as it was, whatever happens to the aggregator. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_AUDITOR_H_
#define VEILSUM_TESTS_RELIABILITY_AUDITOR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "proto/operator.grpc.pb.h"
#include "tests/reliability/history.h"

namespace veilsum::reliability {

// Not thread-safe.
class Auditor {
 public:
  // `durable`: the aggregator forgets no session by a restart. `history` outlives it.
  Auditor(uint16_t operator_port, bool durable, History& history);

  // Reads the sessions that have ended since; with `again` the others too, which must be as they
  // were. UNAVAILABLE and the like when the aggregator does not answer; nothing is wrong then.
  absl::Status Read(bool again);

  const OperatorViews& sessions() const { return sessions_; }
  // Of the last Read.
  int running() const { return running_; }
  uint64_t sums_read_again() const { return sums_read_again_; }

 private:
  absl::Status ReadSession(const std::string& id, v1::Session& session);
  absl::Status ReadSum(const std::string& id, std::string& packed);
  absl::Status Take(const v1::Session& listed);
  absl::Status Compare(const OperatorView& first, bool sum_is_kept);

  const std::unique_ptr<v1::OperatorService::Stub> stub_;
  const bool durable_;
  History& history_;
  OperatorViews sessions_;
  int running_ = 0;
  uint64_t sums_read_again_ = 0;
};

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_AUDITOR_H_
