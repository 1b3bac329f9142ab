// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/kill_schedule.h"

#include <algorithm>
#include <array>
#include <random>

namespace veilsum::demo {

std::map<size_t, std::string> KillsIn(int fl_round, const std::vector<size_t>& present,
                                      uint64_t seed) {
  static constexpr std::array<const char*, 4> kRounds = {"AdvertiseKeys", "ShareKeys",
                                                         "MaskedInputCollection", "Unmasking"};
  std::mt19937_64 random(seed + static_cast<uint64_t>(fl_round));
  std::vector<size_t> order = present;
  std::shuffle(order.begin(), order.end(), random);
  std::map<size_t, std::string> kills;
  const size_t turn = static_cast<size_t>(fl_round) % 5;
  if (turn == 0) {
    for (size_t i = 1; i < kRounds.size() && i < order.size(); ++i) kills[order[i]] = kRounds[i];
  } else if (!order.empty()) {
    kills[order.front()] = kRounds[turn - 1];
  }
  return kills;
}

}  // namespace veilsum::demo
