// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What files with kernels say to Highway before its own headers. The static target is always the
// one for any processor, whatever the compiler has been told of the machine, and has no kernel: so
// each kernel is there under its target's name. Kernels are for x86-64 only; nobody has tried
// others.

#ifndef VEILSUM_CRYPTO_MASKING_SIMD_TARGETS_H_
#define VEILSUM_CRYPTO_MASKING_SIMD_TARGETS_H_

#define HWY_BASELINE_TARGETS HWY_BASELINE_SCALAR
#define HWY_WANT_AVX3_DL
#if !defined(__x86_64__)
#define HWY_COMPILE_ONLY_STATIC
#endif

#endif  // VEILSUM_CRYPTO_MASKING_SIMD_TARGETS_H_
