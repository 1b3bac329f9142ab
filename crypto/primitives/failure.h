// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The end of a process in which a primitive failed that cannot fail: no memory left inside
// BoringSSL, or a caller that broke a documented precondition. Never reached by bytes from outside.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_FAILURE_H_
#define VEILSUM_CRYPTO_PRIMITIVES_FAILURE_H_

namespace veilsum::crypto {

// Going on with an output buffer that was never written would mean keys of zeros.
[[noreturn]] void AbortOnCryptoFailure(const char* primitive);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_FAILURE_H_
