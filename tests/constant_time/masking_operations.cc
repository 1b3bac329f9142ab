// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "crypto/masking/kernels.h"
#include "crypto/masking/mask_stream.h"
#include "crypto/masking/packing.h"
#include "tests/constant_time/inputs.h"
#include "tests/constant_time/operations.h"

namespace veilsum::constant_time {
namespace {

// Not a multiple of anything, and more than a tile.
constexpr size_t kElements = 20011;

template <typename LaneT>
void MaskOneVector(uint32_t bits) {
  std::vector<LaneT> lanes(kElements, LaneT{3});
  MarkSecret(
      absl::Span<uint8_t>(reinterpret_cast<uint8_t*>(lanes.data()), lanes.size() * sizeof(LaneT)));
  const crypto::MaskStream own(Marked<crypto::MaskSeed>(1));
  const crypto::MaskStream peers(Marked<crypto::MaskSeed>(2));
  const crypto::SignedMask masks[] = {{&own, crypto::MaskSign::kAdd},
                                      {&peers, crypto::MaskSign::kSubtract}};
  crypto::ApplyMasks(absl::MakeSpan(lanes), 5, masks);
  std::vector<uint8_t> packed(crypto::PackedSize(kElements, bits));
  if (!crypto::Pack(absl::MakeConstSpan(lanes), bits, absl::MakeSpan(packed)).ok()) std::abort();
  MarkBytesPublic(packed, "a masked input goes to the aggregator");
}

// With every kernel that this processor, as valgrind shows it, has.
void Masking() {
  const std::string fastest(crypto::ActiveKernel().name);
  for (const crypto::MaskKernel& kernel : crypto::Kernels()) {
    if (!crypto::SelectKernel(kernel.name).ok()) std::abort();
    MaskOneVector<uint16_t>(13);
    MaskOneVector<uint32_t>(23);
    MaskOneVector<uint64_t>(47);
  }
  if (!crypto::SelectKernel(fastest).ok()) std::abort();
}

}  // namespace

std::vector<Operation> MaskingOperations() { return {{"mask and pack", Masking}}; }

}  // namespace veilsum::constant_time
