// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/secret.h"
#include "crypto/sharing/field.h"
#include "tests/constant_time/marks.h"
#include "tests/constant_time/operations.h"

namespace veilsum::constant_time {
namespace {

// Where results go that must not be optimised away.
volatile uint64_t sink;

std::array<uint8_t, 32> MarkedBytes() {
  std::array<uint8_t, 32> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + 1);
  MarkSecret(absl::MakeSpan(bytes));
  return bytes;
}

// The classic: a comparison that stops at the first difference.
[[gnu::noinline]] bool EqualUntilDifferent(const uint8_t* a, const uint8_t* b, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

void EarlyComparison() {
  const std::array<uint8_t, 32> secret = MarkedBytes();
  const std::array<uint8_t, 32> guess = {};
  sink = EqualUntilDifferent(secret.data(), guess.data(), secret.size()) ? 1 : 0;
}

// An address in a table, which the cache tells.
void SecretIndex() {
  static const std::array<uint8_t, 256> table = [] {
    std::array<uint8_t, 256> values{};
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(i ^ 0x5a);
    return values;
  }();
  sink = table[MarkedBytes()[3]];
}

// Field arithmetic that reduces with a branch: a call, so that no conditional move comes of it.
[[gnu::noinline]] uint64_t ReducedBelowPrime(uint64_t value) {
  if (value < crypto::field::kPrime) return value;
  sink = value;
  return value - crypto::field::kPrime;
}

void BranchingReduction() {
  uint64_t element = 0;
  const std::array<uint8_t, 32> secret = MarkedBytes();
  std::memcpy(&element, secret.data(), sizeof(element));
  sink = ReducedBelowPrime(element);
}

// The mark goes with the bytes through the secret types, and their copies.
void BranchOnClone() {
  const auto secret = crypto::SessionSecret::Generate([](absl::Span<uint8_t> out) {
    std::fill(out.begin(), out.end(), uint8_t{9});
    MarkSecret(out);
  });
  const crypto::SessionSecret copy = secret.Clone();
  if (ExposeSecret(copy)[31] == 9) sink = 1;
}

}  // namespace

std::vector<Operation> Leaks() {
  return {{"leak: early comparison", EarlyComparison},
          {"leak: secret index", SecretIndex},
          {"leak: branching reduction", BranchingReduction},
          {"leak: branch on a copy", BranchOnClone}};
}

}  // namespace veilsum::constant_time
