// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Packing with vectors. packing.cc is the specification, and does what is left over here.

#ifndef VEILSUM_CRYPTO_MASKING_PACKING_KERNELS_H_
#define VEILSUM_CRYPTO_MASKING_PACKING_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace veilsum::crypto {

// Each does the first elements of what Pack, Unpack or UnpackAdd is to do, and returns how many: a
// multiple of kElementsPerAlignment, 0 where it doesn't know a way. The sizes have been checked. It
// reads and writes within the spans only; what it wrote after those elements is to be overwritten.
template <typename LaneT>
struct LanePacking {
  size_t (*pack)(absl::Span<const LaneT> lanes, uint32_t bits, absl::Span<uint8_t> out);
  size_t (*unpack)(absl::Span<const uint8_t> packed, uint32_t bits, absl::Span<LaneT> lanes);
  size_t (*unpack_add)(absl::Span<const uint8_t> packed, uint32_t bits, absl::Span<LaneT> lanes);
};

struct PackingKernel {
  absl::string_view name;
  std::tuple<LanePacking<uint16_t>, LanePacking<uint32_t>, LanePacking<uint64_t>> lanes;

  template <typename LaneT>
  const LanePacking<LaneT>& For() const {
    return std::get<LanePacking<LaneT>>(lanes);
  }
};

// The kernels that run on this processor, from the slowest to the fastest, which packing takes. The
// first is "portable": it leaves everything over.
absl::Span<const PackingKernel> PackingKernels();

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_MASKING_PACKING_KERNELS_H_
