// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/shrink.h"

#include <algorithm>
#include <string>
#include <utility>

namespace veilsum::simulation {
namespace {

using Fails = std::function<bool(const Plan&)>;

bool Try(Plan& plan, Plan candidate, const Fails& fails) {
  if (candidate == plan || !fails(candidate)) return false;
  plan = std::move(candidate);
  return true;
}

// Without the disturbances [begin, begin + count).
Plan Without(const Plan& plan, size_t begin, size_t count) {
  Plan less = plan;
  const auto first = less.disturbances.begin() + static_cast<std::ptrdiff_t>(begin);
  less.disturbances.erase(first, first + static_cast<std::ptrdiff_t>(count));
  return less;
}

// Without one, a world goes otherwise from there on: what follows is tried a little sooner or
// later.
bool TryWithoutOne(Plan& plan, size_t which, const Fails& fails) {
  constexpr int64_t kMostShift = 15;
  for (int64_t shift = 0; shift <= kMostShift; shift = shift > 0 ? -shift : 1 - shift) {
    Plan less = Without(plan, which, 1);
    bool possible = true;
    for (size_t i = which; i < less.disturbances.size(); ++i) {
      uint64_t& step = less.disturbances[i].step;
      possible = possible && static_cast<int64_t>(step) + shift >= 0;
      step = static_cast<uint64_t>(static_cast<int64_t>(step) + shift);
    }
    if (possible && Try(plan, std::move(less), fails)) return true;
    if (which >= plan.disturbances.size() - 1) return false;  // Nothing follows.
  }
  return false;
}

bool LeaveOut(Plan& plan, const Fails& fails) {
  bool smaller = false;
  for (size_t count = plan.disturbances.size(); count > 0; count /= 2) {
    for (size_t begin = 0; begin + count <= plan.disturbances.size();) {
      if (count == 1 ? TryWithoutOne(plan, begin, fails)
                     : Try(plan, Without(plan, begin, count), fails)) {
        smaller = true;
      } else {
        begin += count;
      }
    }
  }
  return smaller;
}

// The number towards 0: bit by bit from the top.
template <class Get>
bool Lower(Plan& plan, const Fails& fails, const Get& get) {
  bool smaller = false;
  for (int bit = 30; bit >= 0; --bit) {
    Plan candidate = plan;
    uint64_t& number = get(candidate);
    number &= ~(uint64_t{1} << bit);
    smaller |= Try(plan, std::move(candidate), fails);
  }
  return smaller;
}

bool MakePlainer(Plan& plan, const Fails& fails) {
  bool plainer = false;
  for (size_t i = 0; i < plan.disturbances.size(); ++i) {
    plainer |= Lower(plan, fails, [i](Plan& p) -> uint64_t& { return p.disturbances[i].a; });
    plainer |= Lower(plan, fails, [i](Plan& p) -> uint64_t& { return p.disturbances[i].b; });
  }
  return plainer;
}

// Fewer clients: those that no disturbance is about.
bool LeaveOutClients(Plan& plan, const Fails& fails) {
  bool smaller = false;
  while (plan.clients > 3) {
    Plan less = plan;
    --less.clients;
    --less.seats;
    const bool needed =
        std::any_of(less.disturbances.begin(), less.disturbances.end(),
                    [&](const Disturbance& one) { return one.client >= less.clients; });
    if (needed || less.min_survivors > less.clients || !Try(plan, std::move(less), fails)) break;
    smaller = true;
  }
  return smaller;
}

}  // namespace

Plan Shrink(Plan plan, const Fails& fails) {
  bool again = true;
  while (again) {
    again = LeaveOut(plan, fails);
    again |= LeaveOutClients(plan, fails);
    again |= MakePlainer(plan, fails);
  }
  return plan;
}

std::function<bool(const Plan&)> FailsAlike(const Verdict& verdict, WorldOptions options) {
  // Before the first number, which may name a client.
  const std::string& text = verdict.violations.at(0);
  const std::string alike =
      text.substr(0, std::max<size_t>(3, text.find_first_of("0123456789", 3)));
  options.trace = false;
  return [alike, options](const Plan& plan) {
    const Verdict verdict = PlayWorld(plan, options);
    return !verdict.ok() && verdict.violations[0].compare(0, alike.size(), alike) == 0;
  };
}

}  // namespace veilsum::simulation
