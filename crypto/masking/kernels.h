// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The inner loop of the whole system, and the table of its implementations.
//
// The portable kernel is the specification: BoringSSL's AES-128-CTR, then a plain addition. Any
// other kernel gives the same lanes for every stream, offset and length, and is tested against it.

#ifndef VEILSUM_CRYPTO_MASKING_KERNELS_H_
#define VEILSUM_CRYPTO_MASKING_KERNELS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "crypto/primitives/boringssl.h"

namespace veilsum::crypto {

// What a mask stream expands: AES-128 under `key`, block i of the stream being the encryption of
// the 128-bit big-endian number `counter` + i. The key schedules are kept so that they are made
// once. Secret; its owner (MaskStream) erases it.
struct StreamKey {
  static constexpr size_t kRounds = 10;

  std::array<uint8_t, 16> key;
  std::array<uint8_t, 16> counter;
  // Filled by ScheduleKey.
  AES_KEY schedule;  // in BoringSSL's own layout, which depends on the processor
  alignas(16) std::array<std::array<uint8_t, 16>, kRounds + 1> round_keys;  // as in FIPS 197
};

// Fills the schedules from stream.key, for every kernel of this processor. In constant time.
void ScheduleKey(StreamKey& stream);

// Adds to (or subtracts from) lanes[i] the element first_element + i of the mask: the little-endian
// lane at byte (first_element + i) · sizeof(LaneT) of the key stream. Arithmetic wraps. Time
// depends on lengths and offsets alone. first_element is below 2^60. Thread-safe.
template <typename LaneT>
using MaskFunction = void (*)(const StreamKey& stream, uint64_t first_element,
                              absl::Span<LaneT> lanes);

template <typename LaneT>
struct LaneKernel {
  MaskFunction<LaneT> add;
  MaskFunction<LaneT> subtract;
};

struct MaskKernel {
  absl::string_view name;  // stable: it is exported with the metrics
  std::tuple<LaneKernel<uint16_t>, LaneKernel<uint32_t>, LaneKernel<uint64_t>> lanes;

  template <typename LaneT>
  const LaneKernel<LaneT>& For() const {
    return std::get<LaneKernel<LaneT>>(lanes);
  }
};

// The kernels that run on this processor, from the slowest to the fastest; the portable one is the
// first of them.
absl::Span<const MaskKernel> Kernels();

// The kernel that every mask goes through: the fastest one, unless another was selected.
const MaskKernel& ActiveKernel();

// Makes the kernel of that name the active one, for tests and for an operator who needs to.
// NotFound, with the names there are, if there is none. Thread-safe; masks being applied meanwhile
// finish with either, which makes no difference to the result.
absl::Status SelectKernel(absl::string_view name);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_MASKING_KERNELS_H_
