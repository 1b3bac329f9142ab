// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Byte types and small conversions that everything in crypto/ speaks. None of these types holds
// secrets: those live in the types of secret.h.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_BYTES_H_
#define VEILSUM_CRYPTO_PRIMITIVES_BYTES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace veilsum::crypto {

// A SHA-256 output.
using Digest = std::array<uint8_t, 32>;
using Bytes = std::vector<uint8_t>;
using ByteSpan = absl::Span<const uint8_t>;

// Views the same memory as bytes, and back. The result lives no longer than the argument.
inline ByteSpan AsBytes(absl::string_view text) {
  return ByteSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}
inline absl::string_view AsStringView(ByteSpan bytes) {
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}
inline std::string ToString(ByteSpan bytes) { return std::string(AsStringView(bytes)); }

// Big-endian, as every integer in a hash, a signature or a KDF input is.
inline std::array<uint8_t, 8> EncodeU64(uint64_t value) {
  std::array<uint8_t, 8> out;
  for (int i = 7; i >= 0; --i) {
    out[i] = static_cast<uint8_t>(value);
    value >>= 8;
  }
  return out;
}
inline void AppendU64(Bytes& out, uint64_t value) {
  const std::array<uint8_t, 8> encoded = EncodeU64(value);
  out.insert(out.end(), encoded.begin(), encoded.end());
}

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_BYTES_H_
