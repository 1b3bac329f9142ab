// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/random.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "crypto/primitives/boringssl.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/failure.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/labels.h"

namespace veilsum::crypto {

void RandomBytes(absl::Span<uint8_t> out) { RAND_bytes(out.data(), out.size()); }

// A block of key stream generated ahead, so that NextU64 costs a copy, not a cipher call.
struct DeterministicRandom::Stream {
  bssl::ScopedEVP_CIPHER_CTX cipher;
  std::array<uint8_t, 512> ahead;
  size_t used = ahead.size();

  ~Stream() { SecureErase(ahead.data(), ahead.size()); }

  void Generate(absl::Span<uint8_t> out) {
    constexpr size_t kMostPerCall = size_t{1} << 30;  // EVP lengths are ints.
    std::fill(out.begin(), out.end(), uint8_t{0});
    while (!out.empty()) {
      const size_t size = std::min(out.size(), kMostPerCall);
      int written = 0;
      if (EVP_EncryptUpdate(cipher.get(), out.data(), &written, out.data(),
                            static_cast<int>(size)) != 1) {
        AbortOnCryptoFailure("AES-128-CTR");
      }
      out.remove_prefix(size);
    }
  }
};

DeterministicRandom::DeterministicRandom(ByteSpan seed, absl::string_view label)
    : stream_(std::make_unique<Stream>()) {
  std::array<uint8_t, 32> key_and_counter;
  Hkdf(seed, {}, KdfInfo(kLabelDeterministicRandom).Add(AsBytes(label)).bytes(),
       absl::MakeSpan(key_and_counter));
  if (EVP_EncryptInit_ex(stream_->cipher.get(), EVP_aes_128_ctr(), nullptr, key_and_counter.data(),
                         key_and_counter.data() + 16) != 1) {
    AbortOnCryptoFailure("AES-128-CTR key setup");
  }
  SecureErase(key_and_counter.data(), key_and_counter.size());
}

DeterministicRandom::DeterministicRandom(DeterministicRandom&&) noexcept = default;
DeterministicRandom& DeterministicRandom::operator=(DeterministicRandom&&) noexcept = default;
DeterministicRandom::~DeterministicRandom() = default;

void DeterministicRandom::Fill(absl::Span<uint8_t> out) {
  if (out.empty()) return;
  Stream& stream = *stream_;
  const size_t ready = std::min(out.size(), stream.ahead.size() - stream.used);
  std::memcpy(out.data(), stream.ahead.data() + stream.used, ready);
  stream.used += ready;
  out.remove_prefix(ready);
  if (out.size() >= stream.ahead.size()) {
    stream.Generate(out);
  } else if (!out.empty()) {
    stream.Generate(absl::MakeSpan(stream.ahead));
    std::memcpy(out.data(), stream.ahead.data(), out.size());
    stream.used = out.size();
  }
}

uint64_t DeterministicRandom::NextU64() {
  std::array<uint8_t, 8> bytes;
  Fill(absl::MakeSpan(bytes));
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = (value << 8) | bytes[i];
  return value;
}

}  // namespace veilsum::crypto
