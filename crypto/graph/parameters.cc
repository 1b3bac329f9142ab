// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/graph/parameters.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "crypto/graph/hypergeometric.h"
#include "crypto/graph/scaled_number.h"

namespace veilsum::crypto {
namespace {

constexpr int64_t kBillion = 1'000'000'000;

// A request with its rates turned into counts. From here on everything is integer arithmetic.
struct Population {
  Tier tier;
  uint32_t clients;    // n
  uint32_t corrupted;  // A
  uint32_t dropped;    // D
};

bool IsFraction(double rate) { return rate >= 0 && rate < 1; }  // false for NaN

// A rate in billionths. One IEEE multiplication and an exact rounding: the same everywhere. A
// positive rate stays positive.
int64_t Billionths(double rate) {
  if (rate <= 0) return 0;
  return std::max<int64_t>(1, std::llround(rate * static_cast<double>(kBillion)));
}

absl::Status CheckRate(absl::string_view name, double rate) {
  if (IsFraction(rate) && Billionths(rate) < kBillion) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the ", name, " is ", rate, ": give a fraction of the clients in [0, 1)"));
}

absl::Status CheckRequest(const GraphRequest& request) {
  if (absl::Status status = CheckRate("corruption rate", request.corrupt); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckRate("dropout rate", request.dropout); !status.ok()) return status;
  if (request.clients < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        request.clients, " clients: a sum over fewer than 2 clients hides nobody's input"));
  }
  if (request.rule == GraphRule::kHarary && request.tier == Tier::kMalicious) {
    return absl::InvalidArgumentError(
        "the malicious tier needs the complete graph: a server that chooses who takes part can "
        "steer a Harary graph; ask for the complete graph, in cohorts if there are too many "
        "clients for one");
  }
  if (request.rule == GraphRule::kHarary && request.clients > kMaxHararyClients) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.clients, " clients: a Harary graph is planned for at most ",
                     kMaxHararyClients, "; split them into cohorts"));
  }
  return absl::OkStatus();
}

// Above the semi-honest tier the dropouts count twice: once missing, once because the server may
// show the survivors different sets. Close to γ + 2δ = 1 no threshold lies between the two.
absl::Status CheckRatesTogether(const GraphRequest& request) {
  const int64_t corrupt = Billionths(request.corrupt);
  const int64_t dropout = Billionths(request.dropout);
  if (request.tier == Tier::kSemiHonest) {
    if (corrupt + dropout < kBillion) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("corruption rate ", request.corrupt, " and dropout rate ", request.dropout,
                     " add up to 1 or more: nobody honest is sure to be left; lower one of them"));
  }
  if (corrupt + 2 * dropout <= 9 * (kBillion / 10)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "corruption rate ", request.corrupt, " + 2 x dropout rate ", request.dropout,
      " is above 0.9: no threshold both survives the dropouts and stops a server that shows "
      "clients different survivors; lower one of them"));
}

Population Count(const GraphRequest& request) {
  return {request.tier, request.clients, FloorOfRate(request.corrupt, request.clients),
          FloorOfRate(request.dropout, request.clients)};
}

// The complete graph counts at least one corrupted client wherever any is feared.
uint32_t CorruptedOfComplete(const GraphRequest& request) {
  if (request.corrupt <= 0) return 0;
  return std::max<uint32_t>(1, Count(request).corrupted);
}

absl::StatusOr<GraphParameters> PlanComplete(const GraphRequest& request) {
  const uint64_t n = request.clients;
  const uint64_t corrupted = CorruptedOfComplete(request);
  const uint64_t threshold = std::max<uint64_t>(2, (n + corrupted) / 2 + 1);
  const uint64_t left = n - Count(request).dropped;
  if (threshold > n) {
    return absl::FailedPreconditionError(
        absl::StrCat("with ", corrupted, " of ", n, " clients corrupted the threshold would be ",
                     threshold, ", more than there are; lower the corruption rate"));
  }
  if (left < threshold) {
    return absl::FailedPreconditionError(absl::StrCat(
        "with ", corrupted, " of ", n, " clients corrupted the threshold is ", threshold,
        ", but after the dropouts asked for only ", left, " clients are left; at most ",
        n - threshold, " may drop out: lower the dropout rate or the corruption rate"));
  }
  return GraphParameters{static_cast<uint32_t>(n - 1), static_cast<uint32_t>(threshold)};
}

// Least x in [from, end) for which `holds`, or `end`. `holds` is false up to some point and true
// from there on. Gallops, so that an answer close to `from` is found in few questions.
template <typename Predicate>
uint32_t LeastThat(uint32_t from, uint32_t end, const Predicate& holds) {
  uint32_t low = from;  // all of [from, low) fail
  uint32_t high = end;  // the answer is at most this
  for (uint32_t step = 1; low < end; step *= 2) {
    const uint32_t probe = low + std::min(step - 1, end - 1 - low);
    if (holds(probe)) {
      high = probe;
      break;
    }
    low = probe + 1;
  }
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (holds(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// The conditions on a Harary graph's k and t, each as in Bell et al. 2020, theorem 3.10.
class HararyConditions {
 public:
  explicit HararyConditions(const Population& population)
      : population_(population),
        drawn_(population.clients),
        clients_(ScaledNumber::FromInteger(population.clients)) {}

  // Expected number of pairs whose separation needs all k neighbours of one of them bad.
  ScaledNumber ConnectivityFailure(uint32_t k) const {
    const uint64_t n = population_.clients;
    const uint32_t bad = std::min(population_.clients, population_.corrupted + population_.dropped);
    return ScaledNumber::FromInteger(n * (n - k - 1)) * ScaledNumber::PowerOfTwo(-1) *
           drawn_.Choose(bad, k) / drawn_.Choose(population_.clients, k);
  }

  // n · Pr[some client has more than `corrupted` corrupted neighbours]; exact unless above `limit`.
  ScaledNumber PrivacyFailure(uint32_t k, uint32_t corrupted, const ScaledNumber& limit) const {
    const Urn urn{population_.clients, population_.corrupted, k};
    return clients_ * drawn_.Above(urn, corrupted, limit / clients_);
  }

  // n · Pr[some client has fewer than t surviving neighbours]; exact unless above `limit`.
  ScaledNumber CorrectnessFailure(uint32_t k, uint32_t t, const ScaledNumber& limit) const {
    const Urn urn{population_.clients, population_.clients - population_.dropped, k};
    return clients_ * drawn_.Below(urn, t, limit / clients_);
  }

 private:
  Population population_;
  Hypergeometric drawn_;
  ScaledNumber clients_;
};

uint32_t HararyThreshold(Tier tier, uint32_t k, uint32_t most_corrupted) {
  if (tier == Tier::kSemiHonest) return std::max<uint32_t>(2, most_corrupted + 1);
  // ceil((s - 1.25)/2) + 1 for an integer s is floor(s/2) + 1.
  return std::max<uint32_t>(2, (most_corrupted + k) / 2 + 1);
}

// Corrupted neighbours from which on a client's privacy is lost, less one.
uint32_t MostCorruptedHarmless(Tier tier, const GraphParameters& parameters) {
  if (tier == Tier::kSemiHonest) return std::max<uint32_t>(parameters.threshold, 1) - 1;
  const int64_t spare = 2 * int64_t{parameters.threshold} - parameters.degree - 1;
  return static_cast<uint32_t>(std::max<int64_t>(spare, 0));
}

// The smallest feasible even k. Neither a scan (tens of thousands of candidates) nor bisection is
// right: t grows with k in steps, so a feasible k may have an infeasible one above it. But t never
// falls as k grows, and for a fixed t correctness only gets better with k. So from an infeasible k
// with its t one may leap to the least k that is correct for that t: none in between is feasible.
absl::StatusOr<GraphParameters> PlanHarary(const Population& population) {
  const HararyConditions conditions(population);
  const ScaledNumber privacy_limit = ScaledNumber::PowerOfTwo(-(kPrivacyBits + 1));
  const ScaledNumber correctness_limit = ScaledNumber::PowerOfTwo(-kCorrectnessBits);

  const uint32_t end = population.clients / 2;  // of k/2, as k <= n - 2
  uint32_t half = LeastThat(
      1, end, [&](uint32_t h) { return conditions.ConnectivityFailure(2 * h) <= privacy_limit; });
  uint32_t most_corrupted = 0;  // t1
  while (half < end) {
    const uint32_t k = 2 * half;
    most_corrupted = LeastThat(most_corrupted, k, [&](uint32_t corrupted) {
      return conditions.PrivacyFailure(k, corrupted, privacy_limit) <= privacy_limit;
    });
    const uint32_t t = HararyThreshold(population.tier, k, most_corrupted);
    const auto correct = [&](uint32_t h) {
      return t <= 2 * h &&
             conditions.CorrectnessFailure(2 * h, t, correctness_limit) <= correctness_limit;
    };
    if (correct(half)) return GraphParameters{k, t};
    half = LeastThat(half + 1, end, correct);
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "no Harary graph of ", population.clients, " clients, ", population.corrupted,
      " corrupted and ", population.dropped,
      " dropping out, is sparser than the complete graph and still private, connected and "
      "correct; use the complete graph, or lower the rates"));
}

}  // namespace

uint32_t FloorOfRate(double rate, uint32_t clients) {
  return static_cast<uint32_t>(Billionths(rate) * clients / kBillion);
}

absl::StatusOr<GraphParameters> PlanGraph(const GraphRequest& request) {
  if (absl::Status status = CheckRequest(request); !status.ok()) return status;
  if (absl::Status status = CheckRatesTogether(request); !status.ok()) return status;
  if (request.rule == GraphRule::kComplete) return PlanComplete(request);
  return PlanHarary(Count(request));
}

PlanReport DescribePlan(const GraphRequest& request, const GraphParameters& parameters,
                        uint32_t n_min) {
  PlanReport report;
  const bool complete = request.rule == GraphRule::kComplete;
  if (!CheckRequest(request).ok()) return report;
  const Population population = Count(request);
  const uint32_t corrupted = complete ? CorruptedOfComplete(request) : population.corrupted;
  report.least_honest_inputs = n_min > corrupted ? n_min - corrupted : 0;
  if (complete) {
    constexpr double kNever = -std::numeric_limits<double>::infinity();
    report.dropouts_tolerated = request.clients - std::min(request.clients, parameters.threshold);
    report.log2_connectivity_failure = kNever;
    report.log2_privacy_failure = kNever;
    report.log2_correctness_failure = kNever;
    return report;
  }
  if (parameters.degree >= request.clients) return report;
  const HararyConditions conditions(population);
  const ScaledNumber sure = ScaledNumber::FromInteger(1);
  const auto log_of = [](const ScaledNumber& bound) { return std::min(0.0, bound.Log2()); };
  const uint32_t harmless = MostCorruptedHarmless(request.tier, parameters);
  report.dropouts_tolerated = population.dropped;
  report.log2_connectivity_failure = log_of(conditions.ConnectivityFailure(parameters.degree));
  report.log2_privacy_failure =
      log_of(conditions.PrivacyFailure(parameters.degree, harmless, sure));
  report.log2_correctness_failure =
      log_of(conditions.CorrectnessFailure(parameters.degree, parameters.threshold, sure));
  return report;
}

}  // namespace veilsum::crypto
