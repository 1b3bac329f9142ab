// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/kernel_ceiling.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "crypto/masking/aes_targets.h"
#include "crypto/primitives/boringssl.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "crypto/masking/kernel_ceiling.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each
// Below it, for it defines what they need.
#include <hwy/highway.h>

#include "crypto/masking/aes_kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace veilsum::crypto::HWY_NAMESPACE {
#if HWY_TARGET != HWY_STATIC_TARGET

struct IntoOneVector {
  HWY_INLINE void Take(ByteVector key_stream) { sum = hn::Xor(sum, key_stream); }

  ByteVector sum;
};

uint64_t BareKeyStreamHere(const StreamKey& stream, size_t bytes) {
  Blocks blocks(stream, 0);
  IntoOneVector sink{hn::Zero(kBytes)};
  for (size_t done = 0; done < bytes; done += kVectorsInFlight * kVectorBytes) {
    Expand<kVectorsInFlight>(stream, blocks, sink);
  }
  return static_cast<uint64_t>(hn::GetLane(hn::BitCast(kHalves, sink.sum)));
}

#endif
}  // namespace veilsum::crypto::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace veilsum::crypto {
namespace {

// As much as fits the L1 cache beside a tile of lanes.
constexpr size_t kBufferBytes = 8 * 1024;

uint64_t PortableKeyStream(const StreamKey& stream, size_t bytes) {
  static constexpr uint8_t kZeros[kBufferBytes] = {};
  alignas(64) uint8_t key_stream[sizeof(kZeros)];
  std::array<uint8_t, 16> counter = stream.counter;
  std::array<uint8_t, 16> partial_block;
  uint64_t sum = 0;
  for (size_t done = 0; done < bytes; done += sizeof(key_stream)) {
    unsigned used_of_block = 0;
    AES_ctr128_encrypt(kZeros, key_stream, sizeof(key_stream), &stream.schedule, counter.data(),
                       partial_block.data(), &used_of_block);
    uint64_t some;
    std::memcpy(&some, key_stream, sizeof(some));
    sum ^= some;
  }
  return sum;
}

}  // namespace

StreamKey StreamToMeasure() {
  StreamKey stream{{1, 2, 3}, {4, 5, 6}, {}, {}};
  ScheduleKey(stream);
  return stream;
}

uint64_t BareKeyStream(absl::string_view kernel, const StreamKey& stream, size_t bytes) {
  if (kernel == "portable") return PortableKeyStream(stream, bytes);
#if HWY_ARCH_X86_64
  if (kernel == "aes-ni") return N_SSE4::BareKeyStreamHere(stream, bytes);
  if (kernel == "vaes-avx512") return N_AVX3_DL::BareKeyStreamHere(stream, bytes);
#endif
  std::abort();
}

LibraryMask::LibraryMask(const StreamKey& stream)
    : context_(EVP_CIPHER_CTX_new()),
      zeros_(kBufferBytes),
      key_stream_(kBufferBytes / sizeof(uint32_t)) {
  EVP_EncryptInit_ex(context_.get(), EVP_aes_128_ctr(), nullptr, stream.key.data(),
                     stream.counter.data());
}

void LibraryMask::AddTo(absl::Span<uint32_t> lanes) {
  while (!lanes.empty()) {
    const size_t count = std::min(lanes.size(), key_stream_.size());
    int written = 0;
    EVP_EncryptUpdate(context_.get(), reinterpret_cast<uint8_t*>(key_stream_.data()), &written,
                      zeros_.data(), static_cast<int>(count * sizeof(uint32_t)));
    // Not through the span, which checks each index and so keeps the compiler from vectors.
    uint32_t* const lane = lanes.data();
    const uint32_t* const mask = key_stream_.data();
    for (size_t i = 0; i < count; ++i) lane[i] += mask[i];
    lanes.remove_prefix(count);
  }
}

}  // namespace veilsum::crypto
#endif
