// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/failure.h"

#include <cstdio>
#include <cstdlib>

namespace veilsum::crypto {

void AbortOnCryptoFailure(const char* primitive) {
  std::fprintf(stderr, "veilsum: %s failed; stopping rather than using unset keys\n", primitive);
  std::abort();
}

}  // namespace veilsum::crypto
