// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Throughput of masks and packing on one core. Bytes are those of the lanes, per mask applied.

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "crypto/masking/kernel_ceiling.h"
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

std::vector<SignedMask> Masks(const std::vector<MaskStream>& streams) {
  std::vector<SignedMask> masks;
  for (const MaskStream& stream : streams) {
    masks.push_back({&stream, masks.size() % 2 == 0 ? MaskSign::kAdd : MaskSign::kSubtract});
  }
  return masks;
}

template <typename LaneT>
void ApplyMasksToAMillion(benchmark::State& state) {
  const std::vector<MaskStream> streams = Streams(state.range(0));
  const std::vector<SignedMask> masks = Masks(streams);
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

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// A kernel between what it is measured against: the three take turns, so that what else the machine
// does meets all of them. Medians of CPU time; "library" and "ceiling" are ratios of throughput.
void KernelAgainstItsLimits(benchmark::State& state) {
  const std::string before(ActiveKernel().name);
  const std::string name(Kernels()[state.range(0)].name);
  if (!SelectKernel(name).ok()) std::abort();
  const std::vector<MaskStream> streams = Streams(100);
  const std::vector<SignedMask> masks = Masks(streams);
  const StreamKey stream = StreamToMeasure();
  LibraryMask library(stream);
  std::vector<uint32_t> lanes(kElements);
  const auto tile = absl::MakeSpan(lanes).subspan(0, kMaskTileBytes / sizeof(uint32_t));
  std::vector<double> fused_ns, library_ns, ceiling_ns, over_library, over_ceiling;
  for (auto _ : state) {
    const double start = CpuSeconds();
    ApplyMasks(absl::MakeSpan(lanes), 0, masks);
    const double after_fused = CpuSeconds();
    for (size_t done = 0; done < 10 * kElements; done += tile.size()) library.AddTo(tile);
    const double after_library = CpuSeconds();
    benchmark::DoNotOptimize(BareKeyStream(name, stream, 50 * kElements * sizeof(uint32_t)));
    const double end = CpuSeconds();
    fused_ns.push_back((after_fused - start) / 100 / kElements * 1e9);
    library_ns.push_back((after_library - after_fused) / 10 / kElements * 1e9);
    ceiling_ns.push_back((end - after_library) / 50 / kElements * 1e9);
    over_library.push_back(library_ns.back() / fused_ns.back());
    over_ceiling.push_back(ceiling_ns.back() / fused_ns.back());
  }
  state.SetLabel(name);
  state.counters["ns_per_element_and_mask"] = Median(fused_ns);
  state.counters["ns_library"] = Median(library_ns);
  state.counters["ns_ceiling"] = Median(ceiling_ns);
  state.counters["over_library"] = Median(over_library);
  state.counters["over_ceiling"] = Median(over_ceiling);
  if (!SelectKernel(before).ok()) std::abort();
}
BENCHMARK(KernelAgainstItsLimits)->DenseRange(0, static_cast<int64_t>(Kernels().size()) - 1);

// Masks and packs a million elements: the whole vector in two passes (0), or tile by tile with one
// tile's lanes (1), as a caller can that makes the lanes as they are needed.
void MaskAndPackAMillion(benchmark::State& state) {
  constexpr uint32_t kBits = 24;
  const std::vector<MaskStream> streams = Streams(state.range(0));
  const std::vector<SignedMask> masks = Masks(streams);
  const bool by_tiles = state.range(1) == 1;
  const size_t step = by_tiles ? kMaskTileBytes / sizeof(uint32_t) : kElements;
  alignas(kMaskTileAlignment) static uint32_t lanes[kElements];
  std::vector<uint8_t> packed(PackedSize(kElements, kBits));
  for (auto _ : state) {
    for (size_t first = 0; first < kElements; first += step) {
      const auto part = absl::MakeSpan(lanes, step);
      ApplyMasks(part, first, masks);
      const auto out = absl::MakeSpan(packed).subspan(PackedSize(first, kBits));
      benchmark::DoNotOptimize(
          Pack<uint32_t>(part, kBits, out.subspan(0, PackedSize(step, kBits))));
    }
  }
  state.SetItemsProcessed(state.iterations() * kElements);
}
BENCHMARK(MaskAndPackAMillion)->ArgsProduct({{1, 20, 100}, {0, 1}});

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
BENCHMARK_TEMPLATE(PackAMillion, uint16_t)->DenseRange(12, 16);
BENCHMARK_TEMPLATE(PackAMillion, uint32_t)->DenseRange(17, 32);
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
BENCHMARK_TEMPLATE(UnpackAndAddAMillion, uint16_t)->DenseRange(12, 16);
BENCHMARK_TEMPLATE(UnpackAndAddAMillion, uint32_t)->DenseRange(17, 32);
BENCHMARK_TEMPLATE(UnpackAndAddAMillion, uint64_t)->Arg(40)->Arg(57)->Arg(64);

}  // namespace
}  // namespace veilsum::crypto

BENCHMARK_MAIN();
