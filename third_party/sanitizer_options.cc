// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the sanitizers' run time asks a program for. Debian's shared libraries are not instrumented:
// what they synchronise inside looks like races, and what they keep until the end looks like leaks.

extern "C" {

const char* __lsan_default_suppressions();
const char* __tsan_default_options();
const char* __tsan_default_suppressions();

// gRPC never gives back what its c-ares allocates once in a process.
const char* __lsan_default_suppressions() { return "leak:libcares\n"; }

const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }

const char* __tsan_default_suppressions() {
  return "race:libgrpc\n"
         "race:libgrpc++\n"
         "race:libgpr\n"
         "race:libprotobuf\n"
         "race:libabsl_\n";
}

}  // extern "C"
