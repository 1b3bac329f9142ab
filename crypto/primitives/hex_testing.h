// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Hexadecimal text for test vectors.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_HEX_TESTING_H_
#define VEILSUM_CRYPTO_PRIMITIVES_HEX_TESTING_H_

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::crypto {

inline Bytes FromHex(absl::string_view hex) {
  const std::string bytes = absl::HexStringToBytes(hex);
  return Bytes(bytes.begin(), bytes.end());
}

inline std::string Hex(ByteSpan bytes) { return absl::BytesToHexString(AsStringView(bytes)); }

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_HEX_TESTING_H_
