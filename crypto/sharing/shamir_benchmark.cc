// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Cost of sharing and reconstructing one 32-byte secret. Run:
//   bazel run //crypto/sharing:shamir_benchmark

#include <cstdint>
#include <numeric>
#include <vector>

#include "benchmark/benchmark.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/secret.h"
#include "crypto/sharing/shamir.h"

namespace veilsum::crypto {
namespace {

std::vector<uint32_t> FirstIndices(int64_t count) {
  std::vector<uint32_t> xs(count);
  std::iota(xs.begin(), xs.end(), 1u);
  return xs;
}

std::vector<Share> SomeShares(int64_t count) {
  DeterministicRandom random(AsBytes("benchmark"), "shares");
  return *Split(Bytes(kSharedSecretSize, 42), count, FirstIndices(count), random);
}

void BM_Split(benchmark::State& state) {
  const std::vector<uint32_t> xs = FirstIndices(state.range(0));
  const Bytes secret(kSharedSecretSize, 42);
  DeterministicRandom random(AsBytes("benchmark"), "split");
  for (auto _ : state) {
    benchmark::DoNotOptimize(Split(secret, state.range(1), xs, random));
  }
}
BENCHMARK(BM_Split)->ArgNames({"n", "t"})->Args({100, 51})->Args({1000, 551});

void BM_ReconstructNewIndexSet(benchmark::State& state) {
  const std::vector<Share> shares = SomeShares(state.range(0));
  const std::vector<uint32_t> xs = FirstIndices(state.range(0));
  for (auto _ : state) {
    const auto coefficients = LagrangeCoefficients::ForIndices(xs);
    benchmark::DoNotOptimize(Reconstruct<SelfMaskSeed>(*coefficients, shares));
  }
}
BENCHMARK(BM_ReconstructNewIndexSet)->ArgName("t")->Arg(51)->Arg(551);

void BM_ReconstructCachedCoefficients(benchmark::State& state) {
  const std::vector<Share> shares = SomeShares(state.range(0));
  const auto coefficients = LagrangeCoefficients::ForIndices(FirstIndices(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(Reconstruct<SelfMaskSeed>(*coefficients, shares));
  }
}
BENCHMARK(BM_ReconstructCachedCoefficients)->ArgName("t")->Arg(51)->Arg(551);

}  // namespace
}  // namespace veilsum::crypto

BENCHMARK_MAIN();
