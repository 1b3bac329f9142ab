// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_CRYPTO_GRAPH_PARAMETERS_H_
#define VEILSUM_CRYPTO_GRAPH_PARAMETERS_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace veilsum::crypto {

// What the server, with the clients under its control, may do and still learn only the sum.
enum class Tier { kSemiHonest, kSemiMalicious, kMalicious };

// Who masks with whom: everybody with everybody, or each with its k neighbours on a Harary ring.
enum class GraphRule { kComplete, kHarary };

// Largest population a Harary graph is planned for: the planner keeps 16 bytes per client.
inline constexpr uint32_t kMaxHararyClients = 1u << 20;

// What an operator knows. Rates are fractions of the clients in [0, 1); they are rounded to a
// multiple of 10^-9 first, so that 0.29 of 100 clients is 29 of them and not 28.
struct GraphRequest {
  Tier tier = Tier::kMalicious;
  GraphRule rule = GraphRule::kComplete;
  uint32_t clients = 0;  // n: the length of the roster
  double corrupt = 0;    // γ: the server controls at most floor(γn) clients
  double dropout = 0;    // δ: at most floor(δn) clients fall away
};

// floor(rate · clients), with the rate rounded as above. For a rate in [0, 1).
uint32_t FloorOfRate(double rate, uint32_t clients);

struct GraphParameters {
  uint32_t degree = 0;     // k: neighbours of each client, itself not counted
  uint32_t threshold = 0;  // t: shares that open a secret; fewer tell nothing

  friend bool operator==(const GraphParameters&, const GraphParameters&) = default;
};

// Statistical parameters of a Harary graph (Bell et al. 2020, section 3): a session is private and
// its graph connected but for a probability of 2^-40 (each half of it), correct but for 2^-20.
inline constexpr int kPrivacyBits = 40;
inline constexpr int kCorrectnessBits = 20;

// Plans degree and threshold. The same request gives the same answer on every machine: everything
// after the rounding of the rates is integer arithmetic (see scaled_number.h).
//
// Complete graph: k = n - 1 and t = floor((n + A)/2) + 1, where A = max(1, floor(γn)) for γ > 0 and
// 0 otherwise: two sets of t clients then share an honest one, so no secret is opened twice.
// Harary graph: the smallest even k < n - 1 that keeps the bounds above, with
//   semi-honest t = t1 + 1, semi-malicious t = ceil((t1 + k - 1.25)/2) + 1 (2t > k + corrupted),
// where t1 bounds the corrupted neighbours of any client, and t >= 2.
//
// InvalidArgument: a rate that is no fraction, too few or too many clients, a rule that the tier
// does not allow. FailedPrecondition: well formed, but no parameters exist; the message says why
// and what to change.
absl::StatusOr<GraphParameters> PlanGraph(const GraphRequest& request);

// What planned parameters give, for an operator to read.
struct PlanReport {
  // Honest inputs in any sum that is revealed, at least: n_min less the corrupted; 0 if none.
  uint32_t least_honest_inputs = 0;
  // Dropouts with which every secret can still be opened. Complete graph: n - t, always. Harary:
  // the floor(δn) asked for, but for the probability of `log2_correctness_failure`.
  uint32_t dropouts_tolerated = 0;
  // Base-2 logarithms of failure probabilities; minus infinity: cannot happen.
  double log2_connectivity_failure = 0;  // honest survivors fall into parts, each summed alone
  double log2_privacy_failure = 0;       // some client has enough corrupted neighbours to open it
  double log2_correctness_failure = 0;   // some client is left with fewer than t neighbours
};

// Describes `parameters` as returned by PlanGraph for this `request`, with sums of at least `n_min`
// clients. Parameters for another request give numbers without meaning, and no crash.
PlanReport DescribePlan(const GraphRequest& request, const GraphParameters& parameters,
                        uint32_t n_min);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_GRAPH_PARAMETERS_H_
