// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The smallest client: adds one vector to the next session of a task and prints the mean.
// minimal_client HOST:PORT TASK IDENTITY.pem ROOTS.pem NUMBER...

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "client_sdk/veilsum.h"

static std::string Read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int main(int argc, char** argv) {
  if (argc < 6) {
    std::cerr << "usage: minimal_client HOST:PORT TASK IDENTITY.pem ROOTS.pem NUMBER...\n";
    return 2;
  }
  std::vector<float> update;
  for (int i = 5; i < argc; ++i) update.push_back(std::strtof(argv[i], nullptr));

  auto client = veilsum::Client::Create({.target = argv[1],
                                         .task = argv[2],
                                         .identity_pem = Read(argv[3]),
                                         .root_certificates_pem = Read(argv[4])});
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }
  auto result = (*client)->Aggregate(update, {.weight = 1});
  if (!result.ok()) {
    std::cerr << veilsum::ReasonName(result.status()) << " " << result.status() << "\n";
    return 1;
  }
  std::cout << "mean of " << result->participants << " clients:";
  for (float value : result->mean) std::cout << " " << value;
  std::cout << "\n";
}
