// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the malicious tier costs over the semi-honest one on the same complete graph: CPU of one
// client and of the aggregator, and bytes. Both cores in memory on one thread, without gRPC and
// disks; the tiers take turns, and medians are printed. Beside it: what a signature in the
// consistency check costs, and what a pairwise MAC in its place would.
//
//   bazel run //tests/bench:tier_cost -- [CLIENTS] [DIMENSION] [REPETITIONS]

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "tests/scenarios/in_memory_driver.h"
#include "tests/scenarios/scenario.h"

namespace veilsum {
namespace {

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Cost {
  double client_cpu = 0;      // Seconds, of one client.
  double aggregator_cpu = 0;  // Seconds.
  double sent = 0;            // Bytes, of one client.
  double received = 0;        // Bytes, of one client, without the sum.
};

Cost Measure(const scenarios::Scenario& scenario) {
  Cost cost;
  double work_began = 0;
  scenarios::InMemoryOptions options;
  options.chunk_bytes = 256 << 10;
  options.one_upload_at_a_time = true;
  options.aggregator_at_work = [&](bool begins) {
    if (begins) work_began = CpuSeconds();
    if (!begins) cost.aggregator_cpu += CpuSeconds() - work_began;
  };
  options.on_message = [&](bool from_client, size_t bytes) {
    (from_client ? cost.sent : cost.received) += static_cast<double>(bytes);
  };
  const double began = CpuSeconds();
  const scenarios::Outcome outcome = scenarios::PlayInMemory(scenario, options);
  const double clients = scenario.clients();
  cost.client_cpu = (CpuSeconds() - began - cost.aggregator_cpu) / clients;
  cost.sent /= clients;
  cost.received /= clients;
  if (!outcome.violations.empty()) {
    std::fprintf(stderr, "tier_cost: %s\n", outcome.violations.front().c_str());
    std::exit(1);
  }
  return cost;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void PrintRow(const char* name, const char* unit, double scale, double Cost::*part,
              const std::vector<Cost>& semi_honest, const std::vector<Cost>& malicious) {
  const auto column = [&](const std::vector<Cost>& costs) {
    std::vector<double> values;
    for (const Cost& cost : costs) values.push_back(cost.*part * scale);
    return values;
  };
  std::vector<double> ratios;
  for (size_t i = 0; i < malicious.size(); ++i) {
    ratios.push_back(malicious[i].*part / semi_honest[i].*part);
  }
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  std::printf("%s\t%s\t%.2f\t%.2f\t%.4f\t(%.4f to %.4f)\n", name, unit, Median(column(semi_honest)),
              Median(column(malicious)), Median(ratios), *least, *most);
}

// Microseconds of one call.
double TimeOf(const std::function<void()>& call) {
  constexpr int kCalls = 2000;
  const double began = CpuSeconds();
  for (int i = 0; i < kCalls; ++i) call();
  return (CpuSeconds() - began) / kCalls * 1e6;
}

void PrintSignaturesAndMacs(uint32_t clients, uint32_t threshold) {
  const auto key = crypto::IdentityKeyPair::Generate(crypto::RandomBytes);
  const crypto::Digest root{7};
  const crypto::Signature signature = crypto::Sign(key, crypto::kLabelSurvivorSignature, root);
  const double sign =
      TimeOf([&] { (void)crypto::Sign(key, crypto::kLabelSurvivorSignature, root); });
  const double verify = TimeOf([&] {
    (void)crypto::Verify(key.public_key(), crypto::kLabelSurvivorSignature, root, signature);
  });
  // HKDF of one block is two HMACs, one after the other.
  std::array<uint8_t, 32> mac_key{}, mac{};
  const double hmac = TimeOf([&] { crypto::Hkdf(mac_key, root, root, absl::MakeSpan(mac)); }) / 2;
  std::printf(
      "\nconsistency check of one client, n=%u t=%u:\n"
      "  signatures\tsign %.1f us, verify %.1f us: %.2f ms, 64 bytes sent\n"
      "  MACs\tmake or check %.2f us: %.2f ms, %u bytes sent\n",
      clients, threshold, sign, verify, (sign + (threshold - 1) * verify) / 1000, hmac,
      (clients - 1 + threshold - 1) * hmac / 1000, 32 * (clients - 1));
}

scenarios::Scenario Story(bool malicious, uint32_t clients, uint64_t dimension, uint64_t seed) {
  const uint32_t corrupted = std::max(1u, clients / 10);
  scenarios::Scenario scenario(malicious ? "malicious" : "semi_honest");
  scenario.Clients(clients).Dimension(dimension).Bits(16).MaxWeight(1).Seed(seed);
  if (malicious) scenario.Malicious();
  return scenario.CorruptionRate(0.1).MinSurvivors((clients + corrupted) / 2 + 1);
}

int Main(uint32_t clients, uint64_t dimension, int repetitions) {
  std::vector<Cost> semi_honest, malicious;
  for (int i = 0; i < repetitions; ++i) {
    const uint64_t seed = static_cast<uint64_t>(i) + 1;
    semi_honest.push_back(Measure(Story(false, clients, dimension, seed)));
    malicious.push_back(Measure(Story(true, clients, dimension, seed)));
    std::fprintf(stderr, "tier_cost: %d of %d\n", i + 1, repetitions);
  }
  std::printf("complete graph, n=%u d=%llu, median of %d\n", clients,
              static_cast<unsigned long long>(dimension), repetitions);
  std::printf("figure\tunit\tsemi_honest\tmalicious\tratio\tspread\n");
  PrintRow("client_cpu", "ms", 1e3, &Cost::client_cpu, semi_honest, malicious);
  PrintRow("aggregator_cpu", "ms", 1e3, &Cost::aggregator_cpu, semi_honest, malicious);
  PrintRow("client_sent", "kB", 1e-3, &Cost::sent, semi_honest, malicious);
  PrintRow("client_received", "kB", 1e-3, &Cost::received, semi_honest, malicious);
  PrintSignaturesAndMacs(clients, (clients + std::max(1u, clients / 10)) / 2 + 1);
  return 0;
}

}  // namespace
}  // namespace veilsum

int main(int argc, char** argv) {
  const auto number = [&](int at, long otherwise) {
    return argc > at ? std::strtol(argv[at], nullptr, 10) : otherwise;
  };
  const long clients = number(1, 200), dimension = number(2, 1'000'000), repeat = number(3, 5);
  if (clients < 4 || clients > 1000 || dimension < 1 || repeat < 1) {
    std::fprintf(stderr, "usage: tier_cost [CLIENTS 4-1000] [DIMENSION] [REPETITIONS]\n");
    return 2;
  }
  return veilsum::Main(static_cast<uint32_t>(clients), static_cast<uint64_t>(dimension),
                       static_cast<int>(repeat));
}
