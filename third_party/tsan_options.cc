// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0
//
// Options that the thread sanitizer's run time asks the program for. Debian's shared libraries are
// not instrumented: what they synchronise inside looks like races.

extern "C" {

const char* __tsan_default_options();
const char* __tsan_default_suppressions();

const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }

const char* __tsan_default_suppressions() {
  return "race:libgrpc\n"
         "race:libgrpc++\n"
         "race:libgpr\n"
         "race:libprotobuf\n"
         "race:libabsl_\n";
}

}  // extern "C"
