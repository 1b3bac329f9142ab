// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One participant of the demo, in a process of its own: it has its own data and its own identity,
// trains locally, and uses the SDK as any training loop would.
//
// Standard input, a line for each FL round:   train ROUND STOP
//   ROUND counts from 1; the global model is in model-ROUND. STOP is where this process shall
//   stop in its tracks, for the demo to kill it: none, AdvertiseKeys, ShareKeys,
//   MaskedInputCollection, ConsistencyCheck or Unmasking.
// Standard output: `waiting`, `stopped`, `done SESSION PARTICIPANTS`, `failed REASON TEXT`.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client_sdk/veilsum.h"
#include "examples/demo/classifier.h"
#include "examples/demo/dataset.h"
#include "examples/demo/files.h"

namespace veilsum::demo {
namespace {

struct Options {
  std::string target, task, credentials, roots, directory, name;
  bool semi_honest = false;
  Shape shape;
  TrainingOptions training;
};

void Say(absl::string_view line) { std::cout << line << std::endl; }

// Nothing more from this process, until it is killed.
[[noreturn]] void Stop() {
  Say("stopped");
  while (true) pause();
}

// Stops where it was told to. The session waits for callbacks, so whatever comes after the one
// that does not return stays undone.
class Stopper {
 public:
  Stopper(std::string where, bool semi_honest)
      : where_(std::move(where)), semi_honest_(semi_honest) {}

  void At(const Progress& progress) {
    if (progress.stage == Progress::Stage::kWaiting && !waited_) {
      waited_ = true;
      if (where_ == "AdvertiseKeys") Stop();
      Say("waiting");
    }
    if (progress.stage == Progress::Stage::kAdvertiseKeys && where_ == "ShareKeys") Stop();
    if (progress.stage == Progress::Stage::kUploading && progress.done == progress.total) {
      uploaded_ = true;
      return;
    }
    // Its input is in; its signature, if there is such a round, has not left.
    if (uploaded_ && where_ == (semi_honest_ ? "Unmasking" : "ConsistencyCheck")) Stop();
    // Most have signed, and so most likely has this one.
    if (progress.stage == Progress::Stage::kConsistencyCheck &&
        progress.done + 3 >= progress.total && where_ == "Unmasking") {
      Stop();
    }
  }
  void BeforeUpload() {
    if (where_ == "MaskedInputCollection") Stop();
  }

 private:
  std::string where_;
  bool semi_honest_;
  bool waited_ = false;
  bool uploaded_ = false;
};

absl::Status FlRound(const Options& options, Client& client, const Dataset& data, int round,
                     const std::string& stop) {
  absl::StatusOr<std::vector<float>> model =
      ReadNumbers<float>(absl::StrCat(options.directory, "/model-", round));
  if (!model.ok()) return model.status();
  std::vector<float> trained = *model;
  TrainingOptions training = options.training;
  training.seed += static_cast<uint64_t>(round);
  Train(options.shape, data, training, trained);
  for (size_t i = 0; i < trained.size(); ++i) trained[i] -= (*model)[i];

  Stopper stopper(stop, options.semi_honest);
  std::string audit, masked;
  AggregateOptions aggregate;
  aggregate.weight = data.rows();
  aggregate.timeout = absl::Minutes(2);
  aggregate.model_hash = HashModel(*model);
  aggregate.on_progress = [&](const Progress& progress) { stopper.At(progress); };
  aggregate.observe_quantised = [&](const QuantisedInput& input) {
    audit = absl::StrCat(options.directory, "/audit-", input.session_id, "-", options.name);
    if (absl::Status written = WriteNumbers<uint64_t>(audit, input.elements); !written.ok()) {
      std::cerr << written << "\n";
    }
    stopper.BeforeUpload();
  };
  aggregate.observe_masked = [&](uint64_t offset, absl::Span<const uint8_t> bytes) {
    masked.resize(std::max<size_t>(masked.size(), offset + bytes.size()));
    std::copy(bytes.begin(), bytes.end(), masked.begin() + static_cast<ptrdiff_t>(offset));
  };
  absl::StatusOr<AggregateResult> result = client.Aggregate(trained, aggregate);
  if (!result.ok()) return result.status();
  if (absl::Status written = WriteFile(audit + ".masked", masked); !written.ok()) return written;
  absl::Status written = WriteNumbers<float>(audit + ".mean", result->mean);
  if (!written.ok()) return written;
  Say(absl::StrCat("done ", result->session_id, " ", result->participants));
  return absl::OkStatus();
}

absl::Status Run(const Options& options) {
  const absl::StatusOr<std::string> identity = ReadFile(options.credentials + "/identity.pem");
  const absl::StatusOr<std::string> certificate =
      ReadFile(options.credentials + "/certificate.pem");
  const absl::StatusOr<std::string> key = ReadFile(options.credentials + "/private_key.pem");
  const absl::StatusOr<std::string> roots = ReadFile(options.roots);
  const absl::StatusOr<std::string> roster = ReadFile(options.credentials + "/roster.toml");
  for (const auto* file : {&identity, &certificate, &key, &roots, &roster}) {
    if (!file->ok()) return file->status();
  }
  absl::StatusOr<Dataset> data =
      ReadDataset(absl::StrCat(options.directory, "/", options.name, ".data"));
  if (!data.ok()) return data.status();

  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(
      {.target = options.target,
       .task = options.task,
       .identity_pem = *identity,
       .identities = *roster,
       .state_directory = options.directory + "/state-" + options.name,
       .root_certificates_pem = *roots,
       .client_certificate_pem = *certificate,
       .client_key_pem = *key,
       .policy = {.least_tier = options.semi_honest ? Tier::kSemiHonest : Tier::kMalicious}});
  if (!client.ok()) return client.status();

  std::string command, stop;
  int round;
  while (std::cin >> command >> round >> stop) {
    absl::Status status = FlRound(options, **client, *data, round, stop);
    if (!status.ok()) {
      Say(absl::StrCat("failed ", ReasonName(status).empty() ? "-" : ReasonName(status), " ",
                       status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace veilsum::demo

int main(int argc, char** argv) {
  veilsum::demo::Options options;
  CLI::App app("One participant of the demo; started by //:demo.");
  app.add_option("--target", options.target)->required();
  app.add_option("--task", options.task)->required();
  app.add_option("--credentials", options.credentials)->required();
  app.add_option("--roots", options.roots)->required();
  app.add_option("--directory", options.directory)->required();
  app.add_option("--name", options.name)->required();
  app.add_option("--inputs", options.shape.inputs)->required();
  app.add_option("--hidden", options.shape.hidden)->required();
  app.add_option("--classes", options.shape.classes)->required();
  app.add_option("--epochs", options.training.epochs)->required();
  app.add_option("--seed", options.training.seed)->required();
  app.add_flag("--semi-honest", options.semi_honest, "Take part in sessions of that tier too");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = veilsum::demo::Run(options);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
