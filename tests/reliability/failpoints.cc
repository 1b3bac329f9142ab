// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/failpoints.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "aggregator/store/failpoint.h"

namespace veilsum::reliability {
namespace {

// Written before any other thread runs.
std::string die_at;
int die_at_pass = 1;
int notes = -1;

std::atomic<int> passes{0};

void Passed(const char* name) {
  if (notes >= 0) {
    const std::string line = std::string(name) + "\n";
    if (write(notes, line.data(), line.size()) < 0) std::abort();
  }
  if (die_at != name || ++passes != die_at_pass) return;
  kill(getpid(), SIGKILL);
  while (true) pause();
}

}  // namespace

void ArmFailpoints() {
  const char* const name = std::getenv(kDieAt);
  const char* const pass = std::getenv(kDieAtPass);
  const char* const file = std::getenv(kNotePasses);
  if (name != nullptr) die_at = name;
  if (pass != nullptr) die_at_pass = std::atoi(pass);
  if (file != nullptr) notes = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (name != nullptr || file != nullptr) aggregator::failpoint_hook = Passed;
}

}  // namespace veilsum::reliability
