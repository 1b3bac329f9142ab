// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What is run with its secrets marked (marks.h), by name.
#ifndef VEILSUM_TESTS_CONSTANT_TIME_OPERATIONS_H_
#define VEILSUM_TESTS_CONSTANT_TIME_OPERATIONS_H_

#include <vector>

namespace veilsum::constant_time {

struct Operation {
  const char* name;
  void (*run)();
};

// Memcheck must have nothing to say about any of these.
std::vector<Operation> PrimitiveOperations();
std::vector<Operation> SharingOperations();
std::vector<Operation> MaskingOperations();

// And must catch each of these: they leak on purpose, so that silence above means something.
std::vector<Operation> Leaks();

}  // namespace veilsum::constant_time

#endif  // VEILSUM_TESTS_CONSTANT_TIME_OPERATIONS_H_
