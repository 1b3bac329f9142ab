// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Everything that makes one world what it is, as plain data: a session, a seed for what is small
// (how long each message takes), and a list of disturbances for what is not. The same plan is the
// same world, step by step. As text it is one line, which a shrunken failure is kept as.
#ifndef VEILSUM_TESTS_SIMULATION_PLAN_H_
#define VEILSUM_TESTS_SIMULATION_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace veilsum::simulation {

// What `a` and `b` mean is beside each; `client` where it is about one. Durations in milliseconds.
enum class Kind {
  kCut,        // The client's connections break. a & 1: what it had sent is lost too;
               // a & 2: it notices only after b. 4: not the upload's, 8: only the upload's.
  kPartition,  // As kCut, and the client cannot connect for b.
  kDelay,      // Nothing of the client arrives, in either direction, before b has passed.
  kDuplicate,  // Its next message on the stream arrives twice.
  kReplay,     // Something that was once said by anybody (a chooses) arrives from it.
  kBend,       // Its next message is changed: b says how, a & 1: and signed again.
  kBendChunk,  // The next part of its upload is changed: b says how.
  kCrash,      // The client's process dies, and starts again after b. a & 1: an entry of its
               // journal that was being written is durable; a & 2: its state is lost.
  kVanish,     // The client is gone for good.
  kWithdraw,   // The client's caller gives up.
  kAbort,      // The operator ends the session.
  kKill,       // The aggregator's process dies, after `a & 15` of the actions of its next step
               // (0: now), and starts again after b. `a >> 4` says what of the store's unfinished
               // work is durable: see Store::Crash.
  kDiskFull,   // For b: checkpoints fail, commits wait.
  kStall,      // For b the store gets nothing done.
  kEvict,      // The bytes of the client's upload are thrown away.
  kCompare,    // Restore(log) is compared with the living session, if nothing is under way.
};
inline constexpr int kKinds = static_cast<int>(Kind::kCompare) + 1;

struct Disturbance {
  Kind kind;
  uint64_t step = 0;  // Before this step of the clock.
  uint32_t client = 0;
  uint64_t a = 0;
  uint64_t b = 0;

  friend bool operator==(const Disturbance&, const Disturbance&) = default;
};

struct Plan {
  uint64_t random = 0;  // Seeds the small things.

  // The session.
  uint32_t clients = 3;
  uint32_t seats = 3;
  bool malicious = false;
  bool harary = false;
  uint32_t min_survivors = 2;
  uint32_t dimension = 4;
  uint32_t target_percent = 100;  // ClosingRule of every phase.
  uint32_t checkpoint_ms = 200;
  bool for_operator_only = false;  // The audience.
  uint32_t fold_news_ms = 0;       // From the end of a fold until the session hears of it.

  std::vector<Disturbance> disturbances;

  friend bool operator==(const Plan&, const Plan&) = default;
};

// Of a schedule's own seed. `max_clients`: 3 … 64.
Plan MakePlan(uint64_t seed, uint32_t max_clients);

// "random=17 clients=3 … | kill@57 a=3 b=200 | cut@80 client=2 a=1"
std::string ToText(const Plan& plan);
// INVALID_ARGUMENT naming what is wrong.
absl::StatusOr<Plan> ParsePlan(absl::string_view text);

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_PLAN_H_
