// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/mask_stream.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/types/span.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/labels.h"

namespace veilsum::crypto {

MaskStream::MaskStream(const MaskSeed& seed)
    : MaskStream(ExposeSecret(seed), KdfInfo(kLabelMaskStream)) {}

MaskStream MaskStream::OfDeterministicRandom(ByteSpan seed, absl::string_view label) {
  return MaskStream(seed, KdfInfo(kLabelDeterministicRandom).Add(AsBytes(label)));
}

MaskStream::MaskStream(ByteSpan seed, const KdfInfo& info) {
  std::array<uint8_t, 32> expanded;
  Hkdf(seed, {}, info.bytes(), absl::MakeSpan(expanded));
  std::copy_n(expanded.begin(), key_.key.size(), key_.key.begin());
  std::copy_n(expanded.begin() + key_.key.size(), key_.counter.size(), key_.counter.begin());
  SecureErase(expanded.data(), expanded.size());
  ScheduleKey(key_);
}

MaskStream::MaskStream(MaskStream&& other) noexcept : key_(other.key_) {
  SecureErase(&other.key_, sizeof(other.key_));
}

MaskStream& MaskStream::operator=(MaskStream&& other) noexcept {
  if (this != &other) {
    key_ = other.key_;
    SecureErase(&other.key_, sizeof(other.key_));
  }
  return *this;
}

MaskStream::~MaskStream() { SecureErase(&key_, sizeof(key_)); }

}  // namespace veilsum::crypto
