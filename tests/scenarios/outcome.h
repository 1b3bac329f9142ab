// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What became of a scenario, in the same words from every driver.
#ifndef VEILSUM_TESTS_SCENARIOS_OUTCOME_H_
#define VEILSUM_TESTS_SCENARIOS_OUTCOME_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "crypto/masking/lanes.h"
#include "crypto/primitives/bytes.h"
#include "proto/reason.pb.h"
#include "tests/scenarios/interposer.h"

namespace veilsum::scenarios {

crypto::Digest DigestOf(const std::vector<float>& mean);

// One client's own view.
struct ClientOutcome {
  bool gone = false;  // Vanished, by script or by chaos.
  bool ended = false;
  absl::Status status;  // OK: it has the result.
  uint32_t included = 0;
  crypto::Digest mean_digest{};  // DigestOf the mean: of a thousand clients, too much to keep.
  uint64_t weight_sum = 0;
  Evidence evidence;
};

struct Outcome {
  // ---- The aggregator's view ----
  bool finished = false;
  v1::Reason abort_reason = v1::REASON_UNSPECIFIED;  // Unspecified: completed.
  std::string abort_detail;
  std::vector<uint32_t> included;  // As published, in its order.
  std::map<uint32_t, v1::Reason> dropped;
  uint32_t roster_size = 0;
  uint32_t threshold = 0;
  uint32_t degree = 0;
  std::string packed_sum;  // As the operator reads it; empty if there is none.

  std::vector<ClientOutcome> clients;
  // The quantised input of one client, outside of the protocol. Only of those who encoded one.
  std::function<crypto::LaneVector(uint32_t client)> input_of;
  // What the driver saw happen that must never happen (invariants I6, I7, I9).
  std::vector<std::string> violations;
};

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_OUTCOME_H_
