// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the arithmetic of secure aggregation costs, without processes and networks: masks, a
// client's input, unmasking, secret sharing. What is compared takes turns. Prints one object of
// JSON: for each figure its samples, one a turn, which tests/bench/scoreboard.py turns into a
// median.
//
//   pure_figures [--only=NAME,…] [--turns=N] [--dimension=D]

#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "aggregator/accumulate/accumulator.h"
#include "aggregator/accumulate/unmask.h"
#include "aggregator/runtime/executors.h"
#include "client_sdk/encoding/encoder.h"
#include "client_sdk/protocol/masked_input.h"
#include "crypto/masking/kernel_ceiling.h"
#include "crypto/masking/kernels.h"
#include "crypto/masking/mask_stream.h"
#include "crypto/primitives/random.h"
#include "crypto/sharing/shamir.h"
#include "proto/limits.h"
#include "proto/session.pb.h"
#include "tests/bench/synthetic_unmask.h"

namespace veilsum::bench {
namespace {

using aggregator::Accumulator;
using aggregator::ParallelFor;

constexpr uint32_t kBits = 24;  // 16 of an element, 8 of 200 clients: lanes of 32 bits.
constexpr uint32_t kDegree = 100;

struct Options {
  std::string only;
  int turns = 5;
  uint64_t dimension = 1'000'000;
  uint32_t clients = 1000;  // Of unmask_vs_ceiling.
};

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Seconds of processor time of one call.
double CpuOf(const std::function<void()>& call) {
  const double began = CpuSeconds();
  call();
  return CpuSeconds() - began;
}

double WallOf(const std::function<void()>& call) {
  const double began = WallSeconds();
  call();
  return WallSeconds() - began;
}

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "pure_figures: " << status.message() << "\n";
  std::exit(1);
}

std::vector<crypto::MaskStream> SomeStreams(uint32_t count) {
  std::vector<crypto::MaskStream> streams;
  for (uint32_t i = 0; i < count; ++i) {
    streams.emplace_back(crypto::MaskSeed::Generate(crypto::RandomBytes));
  }
  return streams;
}

crypto::MaskSign SignOf(size_t mask) {
  return mask % 2 == 0 ? crypto::MaskSign::kAdd : crypto::MaskSign::kSubtract;
}

// What the compiler must not see through.
volatile uint64_t sink;

// The same key stream, thrown away.
void Expand(size_t bytes) {
  static const crypto::StreamKey key = crypto::StreamToMeasure();
  sink = crypto::BareKeyStream(crypto::ActiveKernel().name, key, bytes);
}

class Figures {
 public:
  explicit Figures(const Options& options) : options_(options) {
    for (const absl::string_view name : absl::StrSplit(options.only, ',', absl::SkipEmpty())) {
      only_.emplace(name);
    }
  }

  nlohmann::json Measure() {
    if (Wanted({"mask_vs_library", "mask_vs_ceiling", "client_mask_ns"})) Masks();
    if (Wanted({"client_encode_vs_floor"})) ClientInput();
    if (Wanted({"unmask_vs_ceiling", "unmask_session_vs_ceiling"})) UnmaskHarary();
    if (Wanted({"unmask_ns"})) UnmaskComplete();
    if (Wanted({"shamir_share_us", "shamir_reconstruct_us", "shamir_cached_us"})) Sharing();
    return {{"kernel", std::string(crypto::ActiveKernel().name)},
            {"cores", cores_},
            {"dimension", options_.dimension},
            {"samples", samples_},
            {"rates", rates_}};
  }

 private:
  bool Wanted(const std::vector<std::string>& names) const {
    return only_.empty() || std::any_of(names.begin(), names.end(),
                                        [&](const auto& name) { return only_.count(name) > 0; });
  }
  void Sample(const char* name, double value) { samples_[name].push_back(value); }

  // 100 masks on one vector, as a client applies them.
  void Masks() {
    const uint64_t elements = 1 << 20;
    const std::vector<crypto::MaskStream> streams = SomeStreams(kDegree);
    std::vector<crypto::SignedMask> masks;
    for (const auto& stream : streams) masks.push_back({&stream, SignOf(masks.size())});
    std::vector<uint32_t> lanes(elements);
    std::vector<uint32_t> tile(4096);  // What fits the first cache.
    crypto::LibraryMask library(crypto::StreamToMeasure());
    const size_t bytes = kDegree * elements * sizeof(uint32_t);
    for (int turn = 0; turn < options_.turns; ++turn) {
      const double fused = CpuOf([&] { crypto::ApplyMasks(absl::MakeSpan(lanes), 0, masks); });
      const double bare = CpuOf([&] { Expand(bytes); });
      // A tenth of the bytes: it takes several times as long.
      const double plain =
          10 * CpuOf([&] {
            for (size_t done = 0; done < bytes / 10; done += tile.size() * sizeof(uint32_t)) {
              library.AddTo(absl::MakeSpan(tile));
            }
          });
      Sample("mask_vs_library", plain / fused);
      Sample("mask_vs_ceiling", bare / fused);
      Sample("client_mask_ns", fused * 1e9 / (static_cast<double>(kDegree) * elements));
      Rate("mask_gb_per_second", bytes, fused);
      Rate("library_gb_per_second", bytes, plain);
      Rate("ceiling_gb_per_second", bytes, bare);
    }
    sink = lanes[0] + tile[0];
  }

  void Rate(const char* name, size_t bytes, double seconds) {
    rates_[name].push_back(static_cast<double>(bytes) / seconds * 1e-9);
  }

  // From a caller's floats to the bytes of the upload: clipped, quantised, masked and packed. Not
  // the digests of the journal and of the upload. The one place here that knows how the SDK does
  // it.
  static void MakeUpload(absl::Span<const float> update, const v1::VectorSpec& spec,
                         const crypto::RandomSeed& rounding, const client::MaskingPlan& plan,
                         std::string& chunk) {
    const auto source = client::UpdateSource::Create(update, 1, spec, rounding);
    Must(source.status());
    const uint64_t elements = (*source)->size();
    const uint64_t step = client::ElementsPerChunk(spec.modulus_bits(), limits::kChunkBytes);
    for (uint64_t first = 0; first < elements; first += step) {
      Must(plan.MaskAndPack(**source, first, std::min(step, elements - first), chunk));
    }
  }

  void ClientInput() {
    v1::VectorSpec spec;
    spec.set_dimension(options_.dimension);
    spec.set_clip(1);
    spec.set_quantisation_bits(16);
    spec.set_max_weight(1);
    spec.set_modulus_bits(kBits);
    std::vector<float> update(options_.dimension);
    for (size_t i = 0; i < update.size(); ++i) update[i] = 1.1f * std::sin(static_cast<float>(i));
    std::vector<client::MaskingPlan::Mask> masks;
    for (crypto::MaskStream& stream : SomeStreams(kDegree + 1)) {
      masks.push_back({std::move(stream), SignOf(masks.size())});
    }
    const client::MaskingPlan plan(std::move(masks), kBits);
    const auto rounding = crypto::RandomSeed::Generate(crypto::RandomBytes);
    const size_t bytes = (kDegree + 1) * options_.dimension * sizeof(uint32_t);
    std::string chunk;
    for (int turn = 0; turn < options_.turns; ++turn) {
      const double all = CpuOf([&] { MakeUpload(update, spec, rounding, plan, chunk); });
      const double floor = CpuOf([&] { Expand(bytes); });
      Sample("client_encode_vs_floor", all / floor);
      Sample("client_encode_ms", all * 1e3);
    }
  }

  // Seconds in which all cores together expand so many bytes. Where cores are two threads of one,
  // they are not so many times as fast as one.
  double FloorOnAllCores(size_t bytes) const {
    return WallOf([&] {
      std::vector<std::thread> threads;
      for (size_t i = 0; i < cores_; ++i) threads.emplace_back([&] { Expand(bytes / cores_); });
      for (std::thread& thread : threads) thread.join();
    });
  }

  void UnmaskHarary() {
    const crypto::GraphRequest request{crypto::Tier::kSemiHonest, crypto::GraphRule::kHarary,
                                       options_.clients, 0.10, 0.10};
    const aggregator::UnmaskPlan plan = MakeUnmaskPlan(request, options_.clients / 20);
    aggregator::Executors executors(cores_);
    const ParallelFor all_cores = executors.parallel_for();
    auto sum = Accumulator::Create(options_.dimension + 1, kBits);
    Must(sum.status());
    for (int turn = 0; turn < options_.turns; ++turn) {
      const auto masks = aggregator::RecoverMasks(plan, all_cores);
      Must(masks.status());
      const size_t bytes = masks->size() * sum->elements() * sizeof(uint32_t);
      const std::vector<crypto::SignedMask> signed_masks = masks->Signed();
      const double alone = WallOf([&] { sum->ApplyMasks(signed_masks, all_cores); });
      const double session =
          WallOf([&] { Must(aggregator::RunUnmask(plan, *sum, all_cores).status()); });
      const double floor = FloorOnAllCores(bytes);
      Sample("unmask_vs_ceiling", alone / floor);
      Sample("unmask_session_vs_ceiling", session / floor);
      Sample("unmask_session_seconds", session);
      rates_["unmask_masks"] = masks->size();
    }
    executors.Join();
  }

  void UnmaskComplete() {
    const crypto::GraphRequest request{crypto::Tier::kMalicious, crypto::GraphRule::kComplete, 100,
                                       0.10, 0.10};
    const aggregator::UnmaskPlan plan = MakeUnmaskPlan(request, 10);
    const uint64_t elements = std::min<uint64_t>(options_.dimension * 2, 1 << 20);
    auto sum = Accumulator::Create(elements, kBits);
    Must(sum.status());
    const size_t masks = plan.self_masks.size() + plan.dropouts.size() * plan.self_masks.size();
    for (int turn = 0; turn < options_.turns; ++turn) {
      const double all =
          CpuOf([&] { Must(aggregator::RunUnmask(plan, *sum, aggregator::SerialFor).status()); });
      Sample("unmask_ns", all * 1e9 / (static_cast<double>(masks) * elements));
    }
  }

  void Sharing() {
    constexpr int kCalls = 200;
    std::vector<uint32_t> all(100);
    std::iota(all.begin(), all.end(), 1u);
    const std::vector<uint32_t> some(all.begin(), all.begin() + 51);
    const crypto::Bytes secret(crypto::kSharedSecretSize, 42);
    crypto::DeterministicRandom random(crypto::AsBytes("shares"), "pure figures");
    auto shares = crypto::Split(secret, 51, all, random);
    Must(shares.status());
    shares->erase(shares->begin() + 51, shares->end());
    const auto cached = crypto::LagrangeCoefficients::ForIndices(some);
    const auto each = [&](const char* name, const std::function<absl::Status()>& call) {
      const double seconds = CpuOf([&] {
        for (int i = 0; i < kCalls; ++i) Must(call());
      });
      Sample(name, seconds * 1e6 / kCalls);
    };
    for (int turn = 0; turn < options_.turns; ++turn) {
      each("shamir_share_us", [&] { return crypto::Split(secret, 51, all, random).status(); });
      each("shamir_reconstruct_us", [&] {
        const auto coefficients = crypto::LagrangeCoefficients::ForIndices(some);
        return crypto::Reconstruct<crypto::SelfMaskSeed>(*coefficients, *shares).status();
      });
      each("shamir_cached_us",
           [&] { return crypto::Reconstruct<crypto::SelfMaskSeed>(*cached, *shares).status(); });
    }
  }

  const Options options_;
  const size_t cores_ = std::max(1u, std::thread::hardware_concurrency());
  std::set<std::string> only_;
  nlohmann::json samples_ = nlohmann::json::object();
  nlohmann::json rates_ = nlohmann::json::object();
};

}  // namespace
}  // namespace veilsum::bench

int main(int argc, char** argv) {
  veilsum::bench::Options options;
  CLI::App app("The arithmetic of secure aggregation, measured.");
  app.add_option("--only", options.only, "names of figures, with commas");
  app.add_option("--turns", options.turns, "samples of each figure")->check(CLI::PositiveNumber);
  app.add_option("--dimension", options.dimension, "elements of a vector")
      ->check(CLI::PositiveNumber);
  app.add_option("--clients", options.clients, "of unmask_vs_ceiling")
      ->check(CLI::Range(200, 10000));
  CLI11_PARSE(app, argc, argv);
  std::cout << veilsum::bench::Figures(options).Measure().dump() << std::endl;
  return 0;
}
