// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/kill_schedule.h"

#include <algorithm>
#include <random>

namespace veilsum::demo {

std::map<size_t, std::string> KillsIn(int fl_round, const std::vector<size_t>& present,
                                      const std::vector<std::string>& rounds, uint64_t seed) {
  std::mt19937_64 random(seed + static_cast<uint64_t>(fl_round));
  std::vector<size_t> order = present;
  std::shuffle(order.begin(), order.end(), random);
  std::map<size_t, std::string> kills;
  const size_t turn = static_cast<size_t>(fl_round) % (rounds.size() + 1);
  if (turn == 0) {
    for (size_t i = 0; i < 3 && i < order.size(); ++i) {
      kills[order[i]] = rounds[rounds.size() - 1 - i];
    }
  } else if (!order.empty()) {
    kills[order.front()] = rounds[turn - 1];
  }
  return kills;
}

}  // namespace veilsum::demo
