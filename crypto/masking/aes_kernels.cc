// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/aes_kernels.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/masking/aes_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "crypto/masking/aes_kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each
// Below it, for it defines what they need.
#include <hwy/highway.h>

#include "crypto/masking/aes_kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace veilsum::crypto::HWY_NAMESPACE {
#if HWY_TARGET != HWY_STATIC_TARGET

// Data alone, which a processor may look at that lacks the target's instructions.
constexpr LaneKernel<uint16_t> kU16 = {Apply<AddLanes, uint16_t>, Apply<SubtractLanes, uint16_t>};
constexpr LaneKernel<uint32_t> kU32 = {Apply<AddLanes, uint32_t>, Apply<SubtractLanes, uint32_t>};
constexpr LaneKernel<uint64_t> kU64 = {Apply<AddLanes, uint64_t>, Apply<SubtractLanes, uint64_t>};

#endif

#if HWY_TARGET == HWY_SSE4

// FIPS 197, section 5.2, on all four words of a round key at a time. Without a table: with the same
// word in every column AESLastRound's ShiftRows changes nothing, so that SubWord is left.
void ExpandRoundKeysHere(StreamKey& stream) {
  constexpr hn::Full128<uint32_t> kWords;
  constexpr hn::Full128<uint8_t> kKeyBytes;
  constexpr std::array<uint32_t, StreamKey::kRounds> kRoundConstants = {
      0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36};
  auto words = hn::BitCast(kWords, hn::LoadU(kKeyBytes, stream.key.data()));
  hn::Store(hn::BitCast(kKeyBytes, words), kKeyBytes, stream.round_keys[0].data());
  for (size_t round = 1; round <= StreamKey::kRounds; ++round) {
    const auto last_word = hn::BitCast(kKeyBytes, hn::Broadcast<3>(words));
    const auto substituted = hn::BitCast(kWords, hn::AESLastRound(last_word, hn::Zero(kKeyBytes)));
    words = hn::Xor(words, hn::ShiftLeftLanes<1>(words));
    words = hn::Xor(words, hn::ShiftLeftLanes<2>(words));
    words = hn::Xor3(words, hn::RotateRight<8>(substituted),
                     hn::Set(kWords, kRoundConstants[round - 1]));
    hn::Store(hn::BitCast(kKeyBytes, words), kKeyBytes, stream.round_keys[round].data());
  }
}

#endif
}  // namespace veilsum::crypto::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE && HWY_ARCH_X86_64
#include <hwy/targets.h>

namespace veilsum::crypto {

// Not in the targets' own namespaces: every processor runs these.

AesKernel AesNiKernel() {
  return {HWY_SSE4, {"aes-ni", {N_SSE4::kU16, N_SSE4::kU32, N_SSE4::kU64}}};
}

AesKernel VaesAvx512Kernel() {
  return {HWY_AVX3_DL, {"vaes-avx512", {N_AVX3_DL::kU16, N_AVX3_DL::kU32, N_AVX3_DL::kU64}}};
}

void ExpandRoundKeys(StreamKey& stream) {
  static const bool has_aes = (hwy::SupportedTargets() & HWY_SSE4) != 0;
  if (has_aes) N_SSE4::ExpandRoundKeysHere(stream);
}

}  // namespace veilsum::crypto
#endif
