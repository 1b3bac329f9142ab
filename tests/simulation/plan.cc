// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/plan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/simulation/random.h"

namespace veilsum::simulation {
namespace {

constexpr std::array<absl::string_view, kKinds> kNames = {
    "cut",    "partition", "delay", "duplicate", "replay",    "bend",  "bend-chunk", "crash",
    "vanish", "withdraw",  "abort", "kill",      "disk-full", "stall", "evict",      "compare"};

// ---- Drawing ----

void DrawSession(Random& random, uint32_t max_clients, Plan& plan) {
  const uint64_t size = random.Below(100);
  plan.clients = size < 45   ? 3
                 : size < 80 ? 4
                 : size < 92 ? 5
                             : static_cast<uint32_t>(random.Between(6, 8));
  if (max_clients > 8 && size >= 92) {
    plan.clients = static_cast<uint32_t>(random.Between(9, max_clients));
  }
  plan.clients = std::min(plan.clients, max_clients);
  plan.malicious = random.Chance(60);
  plan.harary = !plan.malicious && plan.clients >= 5 && random.Chance(60);
  plan.seats = plan.clients + (random.Chance(10) ? 1 : 0);
  plan.min_survivors = plan.malicious ? 3 : 2;
  if (random.Chance(15)) {
    plan.min_survivors = std::max(plan.min_survivors, plan.clients - 1);
  }
  constexpr std::array<uint32_t, 4> kDimensions = {8, 9, 16, 32};
  plan.dimension = std::max(kDimensions[random.Below(4)], plan.clients);
  plan.target_percent = random.Chance(35) ? 60 : 100;
  constexpr std::array<uint32_t, 4> kCheckpoints = {5, 50, 300, 3'000};
  plan.checkpoint_ms = kCheckpoints[random.Below(4)];
  plan.for_operator_only = random.Chance(5);
  if (random.Chance(50)) plan.fold_news_ms = static_cast<uint32_t>(random.Between(1, 30));
}

// By weight.
constexpr std::array<std::pair<Kind, uint32_t>, kKinds> kWeights = {{
    {Kind::kCut, 14},
    {Kind::kPartition, 6},
    {Kind::kDelay, 8},
    {Kind::kDuplicate, 5},
    {Kind::kReplay, 3},
    {Kind::kBend, 3},
    {Kind::kBendChunk, 1},
    {Kind::kCrash, 12},
    {Kind::kVanish, 5},
    {Kind::kWithdraw, 3},
    {Kind::kAbort, 1},
    {Kind::kKill, 24},
    {Kind::kDiskFull, 3},
    {Kind::kStall, 4},
    {Kind::kEvict, 3},
    {Kind::kCompare, 5},
}};

Kind DrawKind(Random& random) {
  uint32_t all = 0;
  for (const auto& [kind, weight] : kWeights) all += weight;
  uint64_t dice = random.Below(all);
  for (const auto& [kind, weight] : kWeights) {
    if (dice < weight) return kind;
    dice -= weight;
  }
  return Kind::kCut;
}

// Mostly short; now and then longer than a phase.
uint64_t DrawDuration(Random& random) {
  const uint64_t dice = random.Below(100);
  if (dice < 60) return random.Between(1, 500);
  return dice < 90 ? random.Between(500, 6'000) : random.Between(6'000, 30'000);
}

Disturbance Draw(Random& random, const Plan& plan, uint64_t steps) {
  Disturbance one{DrawKind(random), random.Below(steps)};
  one.client = static_cast<uint32_t>(random.Below(plan.clients));
  one.b = DrawDuration(random);
  switch (one.kind) {
    case Kind::kCut:
    case Kind::kPartition:
      one.a = random.Below(16);
      break;
    case Kind::kReplay:
    case Kind::kBend:
    case Kind::kBendChunk:
      one.a = random.Below(1'000);
      one.b = random.Below(1'000'000);
      break;
    case Kind::kCrash:
      // State is lost seldom.
      one.a = random.Below(2) | (random.Chance(20) ? 2 : 0);
      break;
    case Kind::kKill:
      one.a = random.Below(16) | random.Below(64) << 4;
      if (random.Chance(50)) one.a &= ~uint64_t{15};
      break;
    default:
      break;
  }
  return one;
}

// ---- Text ----

struct Number {
  absl::string_view name;
  uint64_t value;
};

std::vector<Number> NumbersOf(const Plan& plan) {
  return {{"random", plan.random},
          {"clients", plan.clients},
          {"seats", plan.seats},
          {"malicious", plan.malicious},
          {"harary", plan.harary},
          {"min_survivors", plan.min_survivors},
          {"dimension", plan.dimension},
          {"target_percent", plan.target_percent},
          {"checkpoint_ms", plan.checkpoint_ms},
          {"for_operator_only", plan.for_operator_only},
          {"fold_news_ms", plan.fold_news_ms}};
}

bool SetNumber(Plan& plan, absl::string_view name, uint64_t value) {
  const uint32_t small = static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX));
  if (name == "random")
    plan.random = value;
  else if (name == "clients")
    plan.clients = small;
  else if (name == "seats")
    plan.seats = small;
  else if (name == "malicious")
    plan.malicious = value != 0;
  else if (name == "harary")
    plan.harary = value != 0;
  else if (name == "min_survivors")
    plan.min_survivors = small;
  else if (name == "dimension")
    plan.dimension = small;
  else if (name == "target_percent")
    plan.target_percent = small;
  else if (name == "checkpoint_ms")
    plan.checkpoint_ms = small;
  else if (name == "for_operator_only")
    plan.for_operator_only = value != 0;
  else if (name == "fold_news_ms")
    plan.fold_news_ms = small;
  else
    return false;
  return true;
}

bool SetNumber(Disturbance& one, absl::string_view name, uint64_t value) {
  if (name == "client")
    one.client = static_cast<uint32_t>(value);
  else if (name == "a")
    one.a = value;
  else if (name == "b")
    one.b = value;
  else
    return false;
  return true;
}

template <class Target>
absl::Status ParseNumber(absl::string_view word, Target& target) {
  const std::vector<absl::string_view> sides = absl::StrSplit(word, '=');
  uint64_t value = 0;
  if (sides.size() != 2 || !absl::SimpleAtoi(sides[1], &value) ||
      !SetNumber(target, sides[0], value)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", word, "\": is no name=number of a plan"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Disturbance> ParseDisturbance(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  const std::vector<absl::string_view> head =
      absl::StrSplit(words.empty() ? absl::string_view() : words[0], '@');
  Disturbance one{};
  const auto name = std::find(kNames.begin(), kNames.end(), head[0]);
  if (head.size() != 2 || name == kNames.end() || !absl::SimpleAtoi(head[1], &one.step)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": does not begin kind@step"));
  }
  one.kind = static_cast<Kind>(name - kNames.begin());
  for (size_t i = 1; i < words.size(); ++i) {
    const absl::Status parsed = ParseNumber(words[i], one);
    if (!parsed.ok()) return parsed;
  }
  return one;
}

absl::Status Check(const Plan& plan) {
  if (plan.clients < 2 || plan.clients > 64 || plan.seats < plan.clients ||
      plan.dimension < plan.clients || plan.target_percent < 1 || plan.target_percent > 100) {
    return absl::InvalidArgumentError("the session of the plan is none that can be");
  }
  for (const Disturbance& one : plan.disturbances) {
    if (one.client >= plan.clients) {
      return absl::InvalidArgumentError(absl::StrCat("there is no client ", one.client));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Plan MakePlan(uint64_t seed, uint32_t max_clients) {
  Random random(seed);
  Plan plan;
  plan.random = random.Below(1'000'000'000);
  DrawSession(random, max_clients, plan);
  // About what an undisturbed session takes; what comes after the end disturbs the goodbyes.
  const uint64_t steps = 30 + 50 * plan.clients;
  const uint64_t count = random.Chance(5)    ? 0
                         : random.Chance(70) ? random.Between(1, 4)
                                             : random.Between(4, 12);
  for (uint64_t i = 0; i < count; ++i) {
    plan.disturbances.push_back(Draw(random, plan, steps));
  }
  std::stable_sort(plan.disturbances.begin(), plan.disturbances.end(),
                   [](const Disturbance& x, const Disturbance& y) { return x.step < y.step; });
  return plan;
}

std::string ToText(const Plan& plan) {
  std::string text;
  for (const Number& number : NumbersOf(plan)) {
    absl::StrAppend(&text, text.empty() ? "" : " ", number.name, "=", number.value);
  }
  for (const Disturbance& one : plan.disturbances) {
    absl::StrAppend(&text, " | ", kNames[static_cast<size_t>(one.kind)], "@", one.step);
    if (one.client != 0) absl::StrAppend(&text, " client=", one.client);
    if (one.a != 0) absl::StrAppend(&text, " a=", one.a);
    if (one.b != 0) absl::StrAppend(&text, " b=", one.b);
  }
  return text;
}

absl::StatusOr<Plan> ParsePlan(absl::string_view text) {
  Plan plan;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '|');
  for (const absl::string_view word : absl::StrSplit(parts[0], ' ', absl::SkipEmpty())) {
    const absl::Status parsed = ParseNumber(word, plan);
    if (!parsed.ok()) return parsed;
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    absl::StatusOr<Disturbance> one = ParseDisturbance(parts[i]);
    if (!one.ok()) return one.status();
    plan.disturbances.push_back(*one);
  }
  const absl::Status checked = Check(plan);
  if (!checked.ok()) return checked;
  return plan;
}

}  // namespace veilsum::simulation
