// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Curve arithmetic that is done once. The worlds of a campaign share their keys, so that nearly
// every signature and agreement in them was computed in an earlier one, and those are nine tenths
// of what a world costs. Binaries that link this ask BoringSSL only for what the thread does not
// remember: the linker sends the calls here (--wrap in BUILD.bazel). Same arguments, same result,
// so nothing else changes.
#ifndef VEILSUM_TESTS_SIMULATION_MEMO_H_
#define VEILSUM_TESTS_SIMULATION_MEMO_H_

#include <cstdint>

namespace veilsum::simulation {

// How many results this thread remembers. Forgets all of them above a limit.
uint64_t MemoSize();
// Of this thread, from here on. It is on in the beginning.
void SetMemo(bool on);

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_MEMO_H_
