// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The bytes of a fuzzer as a source of decisions. Where they end, every decision is 0: a target
// makes that the ordinary thing to do.
#ifndef VEILSUM_TESTS_FUZZ_INPUT_H_
#define VEILSUM_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "crypto/primitives/bytes.h"

namespace veilsum::fuzz {

class Input {
 public:
  explicit Input(crypto::ByteSpan data) : data_(data) {}

  bool empty() const { return data_.empty(); }
  uint8_t Byte() {
    if (data_.empty()) return 0;
    const uint8_t byte = data_[0];
    data_.remove_prefix(1);
    return byte;
  }
  // Of 0 … bound − 1; `bound` is at least 1. One byte where that is enough.
  uint32_t Below(uint32_t bound) {
    uint32_t value = Byte();
    if (bound > 256) value = value << 8 | Byte();
    return value % bound;
  }
  uint64_t U64() {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | Byte();
    return value;
  }
  // As many as there are, at most.
  crypto::ByteSpan Take(size_t size) {
    const crypto::ByteSpan taken = data_.subspan(0, std::min(size, data_.size()));
    data_.remove_prefix(taken.size());
    return taken;
  }
  std::string Text(size_t size) { return crypto::ToString(Take(size)); }
  crypto::ByteSpan Rest() { return Take(data_.size()); }

 private:
  crypto::ByteSpan data_;
};

}  // namespace veilsum::fuzz

#endif  // VEILSUM_TESTS_FUZZ_INPUT_H_
