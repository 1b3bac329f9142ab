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

template <typename LaneT>
constexpr LaneKernel<LaneT> kLaneKernel = {Apply<AddLanes, LaneT>, Apply<SubtractLanes, LaneT>};

AesKernel KernelOfThisTarget(absl::string_view name) {
  return {HWY_TARGET,
          {name, {kLaneKernel<uint16_t>, kLaneKernel<uint32_t>, kLaneKernel<uint64_t>}}};
}

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

AesKernel AesNiKernel() { return N_SSE4::KernelOfThisTarget("aes-ni"); }

AesKernel VaesAvx512Kernel() { return N_AVX3_DL::KernelOfThisTarget("vaes-avx512"); }

void ExpandRoundKeys(StreamKey& stream) {
  static const bool has_aes = (hwy::SupportedTargets() & HWY_SSE4) != 0;
  if (has_aes) N_SSE4::ExpandRoundKeysHere(stream);
}

}  // namespace veilsum::crypto
#endif
