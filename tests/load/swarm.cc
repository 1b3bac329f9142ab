// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Many clients of the SDK, each with a connection and an identity of its own, in sessions of a live
// aggregator, one after another. Prints a line of JSON for each session: whether its mean is that
// of the clients' own inputs, to the last bit, and how long it took. The task takes anybody
// (identities.open), in the semi_honest tier, and gives participants the sum.
//
//   swarm --target=HOST:PORT --roots=FILE --task=ID --clients=N --dimension=D [--sessions=N]

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client_sdk/encoding/decoder.h"
#include "client_sdk/veilsum.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/random.h"
#include "proto/session.pb.h"

namespace veilsum {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string target;
  std::string roots;
  std::string task;
  uint32_t clients = 10;
  uint64_t dimension = 1000;
  uint32_t sessions = 1;
  float clip = 1;
  uint32_t quantisation_bits = 16;
  int threads = 2;
  int timeout_seconds = 600;
};

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// What a session's clients put in: element by element, so that it does not grow with them.
class Inputs {
 public:
  void Add(const QuantisedInput& input) {
    const std::lock_guard<std::mutex> lock(mutex_);
    modulus_bits_ = input.modulus_bits;
    sum_.resize(input.elements.size());
    for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += input.elements[i];
    ++inputs_;
  }

  // OK if `result` is the mean of exactly these.
  absl::Status Check(const AggregateResult& result, const Options& options) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (result.participants != inputs_) return absl::InternalError("inputs are missing");
    v1::VectorSpec spec;
    spec.set_dimension(options.dimension);
    spec.set_clip(options.clip);
    spec.set_quantisation_bits(options.quantisation_bits);
    spec.set_max_weight(1);
    spec.set_modulus_bits(modulus_bits_);
    std::string packed(crypto::PackedSize(sum_.size(), modulus_bits_), '\0');
    absl::Status done = crypto::Pack<uint64_t>(
        sum_, modulus_bits_,
        absl::MakeSpan(reinterpret_cast<uint8_t*>(packed.data()), packed.size()));
    if (!done.ok()) return done;
    const auto expected = client::DecodeSum(packed, spec, result.participants);
    if (!expected.ok()) return expected.status();
    if (expected->mean == result.mean) return absl::OkStatus();
    return absl::InternalError("the mean is not that of the inputs");
  }

 private:
  mutable std::mutex mutex_;
  uint32_t modulus_bits_ = 0;
  uint32_t inputs_ = 0;
  std::vector<uint64_t> sum_;
};

class Swarm {
 public:
  explicit Swarm(const Options& options)
      : options_(options), executor_(Executor::Create(options.threads)) {}

  absl::Status Create() {
    const std::string roots = options_.roots.empty() ? "" : Contents(options_.roots);
    for (uint32_t i = 0; i < options_.clients; ++i) {
      ClientOptions client;
      client.target = options_.target;
      client.task = options_.task;
      client.identity_pem = crypto::ToString(crypto::ExposeSecret(
          crypto::FormatIdentityPem(crypto::IdentityKeyPair::Generate(crypto::RandomBytes))));
      client.root_certificates_pem = roots;
      client.insecure = roots.empty();
      client.policy.least_tier = Tier::kSemiHonest;
      client.policy.expected.clip = options_.clip;
      client.policy.expected.quantisation_bits = options_.quantisation_bits;
      client.policy.accept_unbound_model = true;
      client.executor = executor_;
      absl::StatusOr<std::unique_ptr<Client>> made = Client::Create(std::move(client));
      if (!made.ok()) return made.status();
      clients_.push_back(*std::move(made));
    }
    return absl::OkStatus();
  }

  // One session. False: not exact.
  bool Play(uint32_t number) {
    const Clock::time_point start = Clock::now();
    const auto inputs = std::make_shared<Inputs>();
    std::vector<std::future<absl::StatusOr<AggregateResult>>> results;
    for (uint32_t i = 0; i < clients_.size(); ++i) results.push_back(Begin(i, number, inputs));
    absl::Status exact;
    uint32_t first_participants = 0;
    for (auto& pending : results) {
      const absl::StatusOr<AggregateResult> result = pending.get();
      exact.Update(result.ok() ? inputs->Check(*result, options_) : result.status());
      if (result.ok()) first_participants = result->participants;
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    const nlohmann::json report = {{"session", number},
                                   {"exact", exact.ok()},
                                   {"participants", first_participants},
                                   {"seconds", took.count()},
                                   {"trouble", std::string(exact.message())}};
    std::cout << report.dump() << std::endl;
    return exact.ok();
  }

 private:
  std::future<absl::StatusOr<AggregateResult>> Begin(uint32_t client, uint32_t session,
                                                     const std::shared_ptr<Inputs>& inputs) {
    std::vector<float> update(options_.dimension);
    for (size_t j = 0; j < update.size(); ++j) {
      update[j] = options_.clip * std::sin(static_cast<float>(client + session + j));
    }
    AggregateOptions options;
    options.timeout = absl::Seconds(options_.timeout_seconds);
    options.observe_quantised = [inputs](const QuantisedInput& input) { inputs->Add(input); };
    const auto result = std::make_shared<std::promise<absl::StatusOr<AggregateResult>>>();
    clients_[client]->AggregateAsync(
        std::move(update), std::move(options),
        [result](absl::StatusOr<AggregateResult> ended) { result->set_value(std::move(ended)); });
    return result->get_future();
  }

  const Options options_;
  const std::shared_ptr<Executor> executor_;
  std::vector<std::unique_ptr<Client>> clients_;
};

int Run(const Options& options) {
  Swarm swarm(options);
  if (const absl::Status created = swarm.Create(); !created.ok()) {
    std::cerr << "swarm: " << created.message() << "\n";
    return 1;
  }
  bool exact = true;
  for (uint32_t i = 0; i < options.sessions; ++i) exact = swarm.Play(i) && exact;
  return exact ? 0 : 1;
}

}  // namespace
}  // namespace veilsum

int main(int argc, char** argv) {
  veilsum::Options options;
  CLI::App app("Clients of the SDK in sessions of a live aggregator.");
  app.add_option("--target", options.target, "host:port of the aggregator")->required();
  app.add_option("--roots", options.roots, "PEM file of its authority; left out: no TLS");
  app.add_option("--task", options.task, "whose sessions to take part in")->required();
  app.add_option("--clients", options.clients, "how many, which is a full session of the task");
  app.add_option("--dimension", options.dimension, "of the task");
  app.add_option("--sessions", options.sessions, "one after another");
  app.add_option("--clip", options.clip, "of the task");
  app.add_option("--quantisation-bits", options.quantisation_bits, "of the task");
  app.add_option("--threads", options.threads, "that all clients share");
  app.add_option("--timeout-seconds", options.timeout_seconds, "of a session");
  CLI11_PARSE(app, argc, argv);
  return veilsum::Run(options);
}
