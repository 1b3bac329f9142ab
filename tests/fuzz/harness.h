// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What every fuzz target is: one function of bytes that nobody vouches for. libFuzzer calls it with
// what it makes up, corpus_test.cc with what was kept. README.md.
#ifndef VEILSUM_TESTS_FUZZ_HARNESS_H_
#define VEILSUM_TESTS_FUZZ_HARNESS_H_

#include "absl/strings/string_view.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::fuzz {

// Each target defines it. Whatever the bytes are, it returns.
void FuzzOne(crypto::ByteSpan data);

// Ends the process, saying what is wrong, where something does not hold that always must.
void Require(bool holds, absl::string_view what);

}  // namespace veilsum::fuzz

#endif  // VEILSUM_TESTS_FUZZ_HARNESS_H_
