// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Who is killed when: every protocol round loses somebody, and whoever was killed sits out one FL
// round and comes back.

#ifndef VEILSUM_EXAMPLES_DEMO_KILL_SCHEDULE_H_
#define VEILSUM_EXAMPLES_DEMO_KILL_SCHEDULE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace veilsum::demo {

// Protocol round in which each of the `present` participants with an entry is killed, in FL round
// `fl_round` (from 1): one in each of the protocol `rounds` in turn, and then, in one FL round, one
// in each of the last three.
std::map<size_t, std::string> KillsIn(int fl_round, const std::vector<size_t>& present,
                                      const std::vector<std::string>& rounds, uint64_t seed);

}  // namespace veilsum::demo

#endif  // VEILSUM_EXAMPLES_DEMO_KILL_SCHEDULE_H_
