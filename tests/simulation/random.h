// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_TESTS_SIMULATION_RANDOM_H_
#define VEILSUM_TESTS_SIMULATION_RANDOM_H_

#include <cstdint>

namespace veilsum::simulation {

// SplitMix64: quick, and the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // Of 0 … bound − 1.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // Of least … most.
  uint64_t Between(uint64_t least, uint64_t most) { return least + Below(most - least + 1); }
  // `percent` times in a hundred.
  bool Chance(uint64_t percent) { return Below(100) < percent; }

 private:
  uint64_t state_;
};

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_RANDOM_H_
