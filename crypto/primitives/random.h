// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Randomness: the system's, for shells; and a deterministic expansion of a seed, for everything
// below them, so that any message can be made again byte for byte.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_RANDOM_H_
#define VEILSUM_CRYPTO_PRIMITIVES_RANDOM_H_

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::crypto {

// BoringSSL's generator. Only shells (main, SDK façade, command line) call this: a pure folder
// gets a seed injected. Thread safe.
void RandomBytes(absl::Span<uint8_t> out);

// The AES-128-CTR key stream under (key, initial counter block) = HKDF(seed, no salt,
// "veilsum/1 deterministic random" ‖ label), 16 bytes each. A byte stream: how it is cut into
// calls does not change it. Not thread safe; move-only, since a copy would repeat its output.
class DeterministicRandom {
 public:
  // As unpredictable as `seed`, of any length: 32 bytes for anything secret. Different labels
  // give independent streams from one seed.
  DeterministicRandom(ByteSpan seed, absl::string_view label);
  DeterministicRandom(DeterministicRandom&&) noexcept;
  DeterministicRandom& operator=(DeterministicRandom&&) noexcept;
  ~DeterministicRandom();

  void Fill(absl::Span<uint8_t> out);
  // The next 8 bytes of the stream, read little-endian.
  uint64_t NextU64();

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_RANDOM_H_
