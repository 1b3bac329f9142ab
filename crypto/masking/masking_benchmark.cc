// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Throughput of masks and packing on one core. Bytes are those of the lanes, per mask applied.

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "crypto/masking/kernels.h"
#include "crypto/masking/lanes.h"
#include "crypto/masking/mask_stream.h"
#include "crypto/masking/packing.h"

namespace veilsum::crypto {
namespace {

constexpr size_t kElements = 1 << 20;

std::vector<MaskStream> Streams(int64_t count) {
  std::vector<MaskStream> streams;
  for (int64_t i = 0; i < count; ++i) {
    streams.emplace_back(
        MaskSeed::Generate([&](absl::Span<uint8_t> out) { out[0] = static_cast<uint8_t>(i); }));
  }
  return streams;
}

template <typename LaneT>
void ApplyMasksToAMillion(benchmark::State& state) {
  const std::vector<MaskStream> streams = Streams(state.range(0));
  std::vector<SignedMask> masks;
  for (const MaskStream& stream : streams) {
    masks.push_back({&stream, masks.size() % 2 == 0 ? MaskSign::kAdd : MaskSign::kSubtract});
  }
  std::vector<LaneT> lanes(kElements);
  for (auto _ : state) {
    ApplyMasks(absl::MakeSpan(lanes), 0, masks);
    benchmark::DoNotOptimize(lanes.data());
  }
  state.SetLabel(std::string(ActiveKernel().name));
  state.SetBytesProcessed(state.iterations() * masks.size() * kElements * sizeof(LaneT));
}
BENCHMARK_TEMPLATE(ApplyMasksToAMillion, uint16_t)->Arg(1)->Arg(20)->Arg(100);
BENCHMARK_TEMPLATE(ApplyMasksToAMillion, uint32_t)->Arg(1)->Arg(20)->Arg(100);
BENCHMARK_TEMPLATE(ApplyMasksToAMillion, uint64_t)->Arg(1)->Arg(20)->Arg(100);

void SetUpStream(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Streams(1));
}
BENCHMARK(SetUpStream);

// Items are elements.
template <typename LaneT>
void PackAMillion(benchmark::State& state) {
  const uint32_t bits = static_cast<uint32_t>(state.range(0));
  const std::vector<LaneT> lanes(kElements, 12345);
  std::vector<uint8_t> packed(PackedSize(kElements, bits));
  for (auto _ : state) benchmark::DoNotOptimize(Pack<LaneT>(lanes, bits, absl::MakeSpan(packed)));
  state.SetItemsProcessed(state.iterations() * kElements);
}
BENCHMARK_TEMPLATE(PackAMillion, uint16_t)->Arg(12)->Arg(16);
BENCHMARK_TEMPLATE(PackAMillion, uint32_t)->Arg(20)->Arg(24)->Arg(29)->Arg(32);
BENCHMARK_TEMPLATE(PackAMillion, uint64_t)->Arg(40)->Arg(57)->Arg(64);

template <typename LaneT>
void UnpackAndAddAMillion(benchmark::State& state) {
  const uint32_t bits = static_cast<uint32_t>(state.range(0));
  std::vector<LaneT> lanes(kElements);
  const std::vector<uint8_t> packed(PackedSize(kElements, bits), 0x5a);
  for (auto _ : state) {
    benchmark::DoNotOptimize(UnpackAdd<LaneT>(packed, bits, absl::MakeSpan(lanes)));
  }
  state.SetItemsProcessed(state.iterations() * kElements);
}
BENCHMARK_TEMPLATE(UnpackAndAddAMillion, uint16_t)->Arg(12)->Arg(16);
BENCHMARK_TEMPLATE(UnpackAndAddAMillion, uint32_t)->Arg(20)->Arg(24)->Arg(29)->Arg(32);
BENCHMARK_TEMPLATE(UnpackAndAddAMillion, uint64_t)->Arg(40)->Arg(57)->Arg(64);

}  // namespace
}  // namespace veilsum::crypto

BENCHMARK_MAIN();
