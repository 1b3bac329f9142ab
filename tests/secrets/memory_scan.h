// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Looks for secrets in all writable memory of this process but its stacks: in what is allocated, in
// what was given back and not used again, and in globals. It must not bring in what it looks for:
// a pattern is kept disguised, and is best made in another process (PatternsOf).
#ifndef VEILSUM_TESTS_SECRETS_MEMORY_SCAN_H_
#define VEILSUM_TESTS_SECRETS_MEMORY_SCAN_H_

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "crypto/primitives/bytes.h"

namespace veilsum::secrets {

// Half of a secret of 32 bytes: where memory was given back, the first bytes of a block are not
// what they were.
inline constexpr size_t kPatternBytes = 16;

struct Pattern {
  std::string name;
  std::array<uint8_t, kPatternBytes> disguised;
};

// Says the name and the bytes of one secret, of 32 bytes at least.
using Report = std::function<void(const std::string& name, crypto::ByteSpan secret)>;

// Runs `find_secrets` in a child process, and gives back what it reported: two patterns for each.
// Ends the test's process if that fails.
std::vector<Pattern> PatternsOf(const std::function<void(const Report&)>& find_secrets);

// The names of those patterns that are somewhere in memory.
std::set<std::string> FoundInMemory(const std::vector<Pattern>& patterns);

}  // namespace veilsum::secrets

#endif  // VEILSUM_TESTS_SECRETS_MEMORY_SCAN_H_
