// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One story of a session as plain data: who joins, who dies or loses its connection and when, who
// lies and how, and what must come of it. It knows nothing of how it is played: in_memory_driver.h
// and grpc_driver.h both play it, checker.h judges both. README.md says how to write one.
#ifndef VEILSUM_TESTS_SCENARIOS_SCENARIO_H_
#define VEILSUM_TESTS_SCENARIOS_SCENARIO_H_

#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "proto/participant.pb.h"
#include "proto/reason.pb.h"
#include "proto/session.pb.h"
#include "tests/scenarios/misbehaviour.h"

namespace veilsum::scenarios {

// Short names for the rounds, as scenarios speak of them.
inline constexpr v1::Round kAdvertiseKeys = v1::ROUND_ADVERTISE_KEYS;
inline constexpr v1::Round kShareKeys = v1::ROUND_SHARE_KEYS;
inline constexpr v1::Round kMaskedInput = v1::ROUND_MASKED_INPUT_COLLECTION;
inline constexpr v1::Round kConsistencyCheck = v1::ROUND_CONSISTENCY_CHECK;
inline constexpr v1::Round kUnmasking = v1::ROUND_UNMASKING;
// Those that take place in a session of this tier, in order.
std::vector<v1::Round> RoundsOf(v1::Tier tier);

// A point in one client's session.
struct When {
  enum class Moment {
    kBefore,     // Nothing of the round's message has left the client.
    kSent,       // It has left; whether it arrives is open.
    kAfter,      // The aggregator said that it has it.
    kMidUpload,  // Half of the upload is on its way.
  };
  Moment moment;
  v1::Round round;

  friend bool operator==(const When&, const When&) = default;
};
constexpr When Before(v1::Round round) { return {When::Moment::kBefore, round}; }
constexpr When RightAfterSending(v1::Round round) { return {When::Moment::kSent, round}; }
constexpr When After(v1::Round round) { return {When::Moment::kAfter, round}; }
constexpr When MidUpload() { return {When::Moment::kMidUpload, kMaskedInput}; }

// What a caller may get wrong: the SDK refuses before anything is sent.
enum class CallerError {
  kNone,
  kShortUpdate,
  kLongUpdate,
  kNan,
  kInfinity,
  kNoWeight,
  kTooMuchWeight,
};

// What one client does, and what must become of it.
struct ClientScript {
  uint64_t weight = 1;
  std::optional<When> vanishes;  // For good, without a word.
  std::vector<When> reconnects;  // Loses all connections and comes back at once.
  Misbehaviour misbehaviour = Misbehaviour::kNone;
  CallerError caller_error = CallerError::kNone;
  // Its message of that round leaves only once the other client's session is over.
  struct Patience {
    uint32_t other;
    v1::Round round;
  };
  std::optional<Patience> waits_for;
  // Once everybody else who will ever advertise keys has done so, but for those who wait.
  bool joins_last = false;
  bool too_late = false;  // Comes when the roster is closed.

  // Expectations.
  bool included = true;               // Its input is in the sum.
  std::optional<v1::Reason> dropped;  // Why the aggregator says it dropped it, if it did.
  std::optional<v1::Reason> told;     // Why its own side says it has no result; unset: it has.
  std::optional<v1::Reason> refusal;  // The answer to what it said out of turn.

  bool hears_the_end() const { return !vanishes.has_value(); }
};

// Setters return the scenario, so that a story is one expression; those below `Client` speak of the
// client that was named last.
class Scenario {
 public:
  explicit Scenario(std::string name) : name_(std::move(name)) {}

  // ---- The session. Clients are numbered from 0, ascending by identity ----

  Scenario& Clients(uint32_t count) { return Set(clients_, count); }
  Scenario& Harary(double corrupt, double dropout);
  // The malicious tier, with A = 1 and n_min = 3 at least.
  Scenario& Malicious();
  Scenario& CorruptionRate(double rate) { return Set(corruption_rate_, rate); }
  Scenario& MinSurvivors(uint32_t count) { return Set(min_survivors_, count); }
  Scenario& Dimension(uint64_t dimension) { return Set(dimension_, dimension); }
  Scenario& Bits(uint32_t bits) { return Set(quantisation_bits_, bits); }
  Scenario& MaxWeight(uint64_t weight) { return Set(max_weight_, weight); }
  Scenario& Seed(uint64_t seed) { return Set(seed_, seed); }

  // ---- One client ----

  Scenario& Client(uint32_t client) { return Set(current_, client); }
  Scenario& Weighs(uint64_t weight) { return Set(script().weight, weight); }
  Scenario& Vanishes(When when);
  Scenario& Reconnects(When when);
  Scenario& Lies(Misbehaviour how) { return Set(script().misbehaviour, how); }
  Scenario& ErrsAsCaller(CallerError how) { return Set(script().caller_error, how); }
  Scenario& JoinsLast() { return Set(script().joins_last, true); }
  Scenario& WaitsFor(uint32_t other, v1::Round round) {
    return SetOptional(script().waits_for, ClientScript::Patience{other, round});
  }
  Scenario& ComesTooLate() { return Set(script().too_late, true); }

  Scenario& IsLeftOut() { return Set(script().included, false); }
  Scenario& IsDropped(v1::Reason reason) { return SetOptional(script().dropped, reason); }
  Scenario& IsTold(v1::Reason reason) { return SetOptional(script().told, reason); }
  Scenario& IsAnswered(v1::Reason reason) { return SetOptional(script().refusal, reason); }

  // ---- What comes of it: a sum of all who are not left out, unless it aborts ----

  Scenario& Threshold(uint32_t threshold) { return SetOptional(threshold_, threshold); }
  Scenario& Aborts(v1::Reason reason) { return Set(abort_reason_, reason); }

  const std::string& name() const { return name_; }
  v1::Tier tier() const { return tier_; }
  bool malicious() const { return tier_ == v1::TIER_MALICIOUS; }
  uint32_t clients() const { return clients_; }
  v1::GraphRule graph() const { return graph_; }
  double corruption_rate() const { return corruption_rate_; }
  double dropout_rate() const { return dropout_rate_; }
  uint32_t min_survivors() const { return min_survivors_; }
  uint64_t dimension() const { return dimension_; }
  uint32_t quantisation_bits() const { return quantisation_bits_; }
  uint64_t max_weight() const { return max_weight_; }
  uint64_t seed() const { return seed_; }
  std::optional<uint32_t> threshold() const { return threshold_; }
  v1::Reason abort_reason() const { return abort_reason_; }
  bool aborts() const { return abort_reason_ != v1::REASON_UNSPECIFIED; }
  const ClientScript& script(uint32_t client) const;

  // Whose inputs must be in the sum, ascending; nobody's if it aborts.
  std::vector<uint32_t> Included() const;
  // Who is expected in the phase of this round when it has shaken out: the phase ends with the
  // last of those who answer, if nobody waits for the silent ones.
  struct Turnout {
    uint32_t answering = 0;
    uint32_t silent = 0;  // Not those whom the aggregator drops or who take their leave.
  };
  Turnout TurnoutOf(v1::Round round) const;
  // Seats that can be taken at most; strangers and those who come too late take none.
  uint32_t Seats() const;

  // For another story of the same clients.
  Scenario& Named(std::string name) { return Set(name_, std::move(name)); }
  Scenario& AnyThreshold() {
    threshold_.reset();
    return *this;
  }

 private:
  template <class T>
  Scenario& Set(T& field, T value) {
    field = std::move(value);
    return *this;
  }
  template <class T>
  Scenario& SetOptional(std::optional<T>& field, T value) {
    field = std::move(value);
    return *this;
  }
  ClientScript& script() { return scripts_[current_]; }

  std::string name_;
  v1::Tier tier_ = v1::TIER_SEMI_HONEST;
  uint32_t clients_ = 4;
  v1::GraphRule graph_ = v1::GRAPH_RULE_COMPLETE;
  double corruption_rate_ = 0;
  double dropout_rate_ = 0;
  uint32_t min_survivors_ = 2;
  uint64_t dimension_ = 100;
  uint32_t quantisation_bits_ = 8;
  uint64_t max_weight_ = 10;
  uint64_t seed_ = 1;
  uint32_t current_ = 0;
  std::map<uint32_t, ClientScript> scripts_;
  std::optional<uint32_t> threshold_;
  v1::Reason abort_reason_ = v1::REASON_UNSPECIFIED;
};

// For gtest's names of parameterised tests.
inline std::string NameOf(const Scenario& scenario) { return scenario.name(); }
inline void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name(); }

// The same story in the malicious tier, under a name of its own. Nothing where another one would
// come of it: the sparse graph, or fewer clients than are needed there.
std::optional<Scenario> InMaliciousTier(const Scenario& scenario);
std::vector<Scenario> InMaliciousTier(const std::vector<Scenario>& scenarios);

// The stories that every driver must be able to tell (all_scenarios.cc).
std::vector<Scenario> NamedScenarios();
// "Vanish in each round × each count up to the tolerance".
std::vector<Scenario> DropoutMatrix();
// Every kind of bad input that one client of five can send.
std::vector<Scenario> MisbehaviourScenarios();
// What one client of five can do to the consistency check.
std::vector<Scenario> ConsistencyLiars();
// All of the above in the malicious tier, and what happens only there.
std::vector<Scenario> MaliciousScenarios();

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_SCENARIO_H_
