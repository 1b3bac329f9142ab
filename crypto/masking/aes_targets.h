// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Which of Highway's targets the AES kernels are compiled for: those that pay. Highway's AES splits
// wider vectors where there is no VAES, and is then half as fast as with 128-bit vectors; without
// AES instructions it is far behind BoringSSL. Comes before Highway's own headers.

#ifndef VEILSUM_CRYPTO_MASKING_AES_TARGETS_H_
#define VEILSUM_CRYPTO_MASKING_AES_TARGETS_H_

#include "crypto/masking/simd_targets.h"

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX2 | HWY_AVX3)

#endif  // VEILSUM_CRYPTO_MASKING_AES_TARGETS_H_
