// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Kernels on the processor's own AES instructions, which add masks in registers (x86-64 only).

#ifndef VEILSUM_CRYPTO_MASKING_AES_KERNELS_H_
#define VEILSUM_CRYPTO_MASKING_AES_KERNELS_H_

#include <cstdint>

#include "crypto/masking/kernels.h"

namespace veilsum::crypto {

// A kernel and Highway's target that a processor must support for it.
struct AesKernel {
  int64_t target;
  MaskKernel kernel;
};

// "aes-ni": AES on one block an instruction. Also for processors with wider vectors but no VAES.
AesKernel AesNiKernel();

// "vaes-avx512": AES on four blocks an instruction.
AesKernel VaesAvx512Kernel();

// Fills stream.round_keys from stream.key, where the processor has AES instructions; kernels for
// others do without.
void ExpandRoundKeys(StreamKey& stream);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_MASKING_AES_KERNELS_H_
