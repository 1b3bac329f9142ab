// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_CRYPTO_MASKING_PORTABLE_KERNEL_H_
#define VEILSUM_CRYPTO_MASKING_PORTABLE_KERNEL_H_

#include "crypto/masking/kernels.h"

namespace veilsum::crypto {

// "portable": runs everywhere, in two passes over a tile of key stream on the stack.
MaskKernel PortableKernel();

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_MASKING_PORTABLE_KERNEL_H_
