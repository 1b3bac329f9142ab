// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/world.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/reliability/checker.h"

namespace veilsum::reliability {

std::vector<std::string> Judge(const Installation& installation, const History& history,
                               const Auditor& auditor, bool durable) {
  Expectations expected;
  for (int i = 0; i < installation.options().clients; ++i) {
    expected.clients.push_back(installation.identity(i)->public_key());
  }
  expected.min_survivors = installation.options().min_survivors;
  expected.durable = durable;
  std::vector<std::string> found = history.violations();
  for (std::string& one : Check(history.views(), auditor.sessions(), expected)) {
    found.push_back(std::move(one));
  }
  return found;
}

World::World(const std::string& binary, const std::string& name, InstallationOptions options,
             std::vector<std::string> before)
    : installation(NewFolder(name), std::move(options)),
      process({binary,
               installation.config_file(),
               installation.admin_port(),
               installation.folder() + "/aggregator.log",
               std::move(before),
               {}}),
      proxy(installation.participant_port()),
      auditor(installation.operator_port(), installation.durable(), history),
      population(installation, history, {.port = proxy.port()}) {}

absl::Status World::Start(const std::vector<std::string>& environment) {
  process.Start(environment);
  return process.WaitUntilReady();
}

absl::Status World::WaitForSessions(size_t count, absl::Duration at_most) {
  const absl::Time last = absl::Now() + at_most;
  while (true) {
    const absl::Status read = auditor.Read(false);
    if (auditor.sessions().size() >= count) return absl::OkStatus();
    if (absl::Now() > last) {
      return absl::DeadlineExceededError(absl::StrCat(auditor.sessions().size(), " of ", count,
                                                      " sessions have ended: ", read.ToString()));
    }
    Pause(absl::Milliseconds(20));
  }
}

void World::Finish() {
  population.Stop(absl::Minutes(3));
  const absl::Time last = absl::Now() + absl::Minutes(2);
  absl::Status read = auditor.Read(true);
  while ((!read.ok() || auditor.running() > 0) && absl::Now() < last) {
    Pause(absl::Milliseconds(100));
    read = auditor.Read(true);
  }
  if (!read.ok()) history.Violation(absl::StrCat("the last audit: ", read.ToString()));
  if (auditor.running() > 0) {
    history.Violation(absl::StrCat(auditor.running(), " sessions do not end"));
  }
}

}  // namespace veilsum::reliability
