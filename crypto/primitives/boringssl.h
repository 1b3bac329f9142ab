// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The one header through which BoringSSL enters. A target that forgot the dependency on @boringssl
// would silently compile against the system's OpenSSL headers, which is why this one checks.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_BORINGSSL_H_
#define VEILSUM_CRYPTO_PRIMITIVES_BORINGSSL_H_

#include <openssl/aead.h>
#include <openssl/aes.h>
#include <openssl/base.h>
#include <openssl/cipher.h>
#include <openssl/curve25519.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/hkdf.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#ifndef OPENSSL_IS_BORINGSSL
#error "These are OpenSSL's headers: add @boringssl//:crypto to the target's deps."
#endif

#endif  // VEILSUM_CRYPTO_PRIMITIVES_BORINGSSL_H_
