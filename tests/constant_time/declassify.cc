// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the linker puts in place of crypto::Declassify (see BUILD.bazel): the one way in which the
// code under test, as it ships, may let a fact about a secret out.
#include "tests/constant_time/marks.h"

extern "C" bool __wrap__ZN7veilsum6crypto10DeclassifyEb(bool fact) {
  (void)VALGRIND_MAKE_MEM_DEFINED(&fact, sizeof(fact));
  return fact;
}
