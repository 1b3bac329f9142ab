// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Counts what one part of a process holds on the heap: everything that is allocated with operator
// new while that part is at work, until it is freed by whomever. Linked into a binary, it replaces
// the global operators. For single-threaded measurements.
#ifndef VEILSUM_TESTS_SCENARIOS_ALLOCATION_METER_H_
#define VEILSUM_TESTS_SCENARIOS_ALLOCATION_METER_H_

#include <cstdint>

namespace veilsum::scenarios {

// From here on, what this thread allocates is counted, or not.
void MeterAllocations(bool counted);

// Bytes that were counted and are still held.
int64_t MeteredBytes();

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_ALLOCATION_METER_H_
