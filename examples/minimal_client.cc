// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The smallest client: takes part in the next session of a task with a vector whose elements are
// all VALUE, and prints the mean. FOLDER is one of those that `veilsum init` makes for clients;
// what the client must not forget is kept there too.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "client_sdk/veilsum.h"

// Empty if there is no such file.
static std::string ReadIfThere(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

static std::string Read(const std::string& path) {
  const std::string contents = ReadIfThere(path);
  if (contents.empty()) {
    std::cerr << "minimal_client: cannot read " << path << ", or it is empty\n";
    std::exit(2);
  }
  return contents;
}

int main(int argc, char** argv) {
  if (argc != 7) {
    std::cerr << "usage: minimal_client HOST:PORT AUTHORITY.pem FOLDER TASK DIMENSION VALUE\n";
    return 2;
  }
  const std::string folder = argv[3];
  auto client = veilsum::Client::Create(
      {.target = argv[1],
       .task = argv[4],
       .identity_pem = Read(folder + "/identity.pem"),
       // Whichever of the two is there: a roster, or an authority with its word for this client.
       .identities =
           ReadIfThere(folder + "/roster.toml") + ReadIfThere(folder + "/enrolment_authority.pem"),
       .enrolment = ReadIfThere(folder + "/enrolment.toml"),
       .state_directory = folder + "/state",
       .root_certificates_pem = Read(argv[2]),
       .client_certificate_pem = Read(folder + "/certificate.pem"),
       .client_key_pem = Read(folder + "/private_key.pem"),
       // Nothing is trained here. Who trains passes Aggregate a model_hash instead.
       .policy = {.accept_unbound_model = true}});
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }

  const std::vector<float> update(std::strtoul(argv[5], nullptr, 10),
                                  std::strtof(argv[6], nullptr));
  auto stage = veilsum::Progress::Stage::kConnecting;
  const auto tell = [&stage](const veilsum::Progress& progress) {
    if (progress.stage == stage && progress.detail.empty()) return;
    stage = progress.stage;
    std::cerr << veilsum::StageName(stage) << " " << progress.detail << "\n";
  };
  auto result = (*client)->Aggregate(
      update, {.weight = 1, .timeout = absl::Minutes(10), .on_progress = tell});
  if (!result.ok()) {
    std::cerr << veilsum::ReasonName(result.status()) << ": " << result.status().message() << "\n";
    return 1;
  }
  std::cout << result->participants << " clients took part";
  if (result->has_mean) std::cout << "; the mean begins with " << result->mean[0];
  std::cout << "\n";
}
