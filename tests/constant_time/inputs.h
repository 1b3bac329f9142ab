// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Marked secrets, and public values beside them, all the same on every run.
#ifndef VEILSUM_TESTS_CONSTANT_TIME_INPUTS_H_
#define VEILSUM_TESTS_CONSTANT_TIME_INPUTS_H_

#include <cstdint>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/secret.h"
#include "crypto/transcript/transcript.h"
#include "tests/constant_time/marks.h"

namespace veilsum::constant_time {

inline void FillWith(uint8_t number, absl::Span<uint8_t> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(number + 31 * i);
}

// A secret of type S, every byte of it marked.
template <class S>
S Marked(uint8_t number) {
  return S::Generate([&](absl::Span<uint8_t> out) {
    FillWith(number, out);
    MarkSecret(out);
  });
}

inline crypto::Digest PublicDigest(uint8_t number) {
  crypto::Digest digest;
  FillWith(number, absl::MakeSpan(digest));
  return digest;
}

inline crypto::Party PublicParty(uint32_t position) {
  const auto pair = crypto::IdentityKeyPair::Generate(
      [&](absl::Span<uint8_t> out) { FillWith(static_cast<uint8_t>(position + 100), out); });
  return {position, pair.public_key()};
}

}  // namespace veilsum::constant_time

#endif  // VEILSUM_TESTS_CONSTANT_TIME_INPUTS_H_
