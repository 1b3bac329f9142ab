// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Runs each operation once, for callgrind: it dumps its counts after each, under the name that is
// printed here with the number of elements (and masks) that the counts are for.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "crypto/masking/kernels.h"
#include "crypto/masking/mask_stream.h"
#include "crypto/masking/packing.h"
#include "crypto/masking/packing_kernels.h"
#include "valgrind/callgrind.h"

namespace veilsum::crypto {
namespace {

constexpr size_t kElements = 50'000;

template <typename Operation>
void Count(const std::string& name, size_t elements, Operation operation) {
  CALLGRIND_ZERO_STATS;
  operation();
  CALLGRIND_DUMP_STATS_AT(name.c_str());
  std::printf("%s %zu\n", name.c_str(), elements);
}

template <typename LaneT>
void CountMasks(absl::string_view kernel) {
  const std::array<MaskStream, 2> streams = {
      MaskStream(MaskSeed::Generate([](absl::Span<uint8_t> out) { out[0] = 1; })),
      MaskStream(MaskSeed::Generate([](absl::Span<uint8_t> out) { out[0] = 2; }))};
  const SignedMask masks[] = {{&streams[0], MaskSign::kAdd}, {&streams[1], MaskSign::kSubtract}};
  std::vector<LaneT> lanes(kElements);
  Count(absl::StrCat(kernel, "/mask/u", 8 * sizeof(LaneT)), kElements * std::size(masks),
        [&] { ApplyMasks(absl::MakeSpan(lanes), 0, masks); });
}

template <typename LaneT>
void CountPacking(uint32_t bits) {
  std::vector<LaneT> lanes(kElements, 123);
  std::vector<uint8_t> packed(PackedSize(kElements, bits));
  const absl::string_view kernel =
      sizeof(LaneT) == 8 ? absl::string_view("portable") : PackingKernels().back().name;
  const std::string type = absl::StrCat("u", 8 * sizeof(LaneT));
  Count(absl::StrCat(kernel, "/pack/", type), kElements, [&] {
    if (!Pack<LaneT>(lanes, bits, absl::MakeSpan(packed)).ok()) std::abort();
  });
  Count(absl::StrCat(kernel, "/unpack/", type), kElements, [&] {
    if (!Unpack<LaneT>(packed, bits, absl::MakeSpan(lanes)).ok()) std::abort();
  });
  Count(absl::StrCat(kernel, "/unpack_add/", type), kElements, [&] {
    if (!UnpackAdd<LaneT>(packed, bits, absl::MakeSpan(lanes)).ok()) std::abort();
  });
}

void CountAll() {
  for (const MaskKernel& kernel : Kernels()) {
    if (!SelectKernel(kernel.name).ok()) std::abort();
    CountMasks<uint16_t>(kernel.name);
    CountMasks<uint32_t>(kernel.name);
    CountMasks<uint64_t>(kernel.name);
  }
  CountPacking<uint16_t>(13);
  CountPacking<uint32_t>(23);
  CountPacking<uint64_t>(43);
}

}  // namespace
}  // namespace veilsum::crypto

int main() {
  veilsum::crypto::CountAll();
  return 0;
}
