// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Runs operations under valgrind: `marked_operations` all that must be clean, `marked_operations
// NAME` one of them or a leak, `marked_operations --leaks` prints the names of the leaks.
#include <cstdio>
#include <string>
#include <vector>

#include "tests/constant_time/operations.h"
#include "valgrind/valgrind.h"

namespace {

using veilsum::constant_time::Operation;

std::vector<Operation> Clean() {
  std::vector<Operation> all;
  for (const auto& group :
       {veilsum::constant_time::PrimitiveOperations(), veilsum::constant_time::SharingOperations(),
        veilsum::constant_time::MaskingOperations()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

// Says it in valgrind's own log, so that what it reports below stands under the name.
void Run(const Operation& operation) {
  VALGRIND_PRINTF("operation: %s\n", operation.name);
  operation.run();
  std::printf("%s\n", operation.name);
}

}  // namespace

int main(int argc, char** argv) {
  if (RUNNING_ON_VALGRIND == 0 && argc == 1) {
    std::fprintf(stderr, "marked_operations: marks mean nothing outside of valgrind\n");
    return 2;
  }
  if (argc == 1) {
    for (const Operation& operation : Clean()) Run(operation);
    return 0;
  }
  const std::string name = argv[1];
  if (name == "--leaks") {
    for (const Operation& leak : veilsum::constant_time::Leaks()) std::printf("%s\n", leak.name);
    return 0;
  }
  for (const auto& group : {Clean(), veilsum::constant_time::Leaks()}) {
    for (const Operation& operation : group) {
      if (name != operation.name) continue;
      Run(operation);
      return 0;
    }
  }
  std::fprintf(stderr, "marked_operations: there is no operation %s\n", name.c_str());
  return 2;
}
