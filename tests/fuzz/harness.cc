// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/harness.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace veilsum::fuzz {

void Require(bool holds, absl::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", std::string(what).c_str());
  std::abort();
}

}  // namespace veilsum::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  veilsum::fuzz::FuzzOne({data, size});
  return 0;
}
