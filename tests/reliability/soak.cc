// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/soak.h"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/reason_status.h"
#include "tests/reliability/aggregator_process.h"
#include "tests/reliability/auditor.h"
#include "tests/reliability/history.h"
#include "tests/reliability/installation.h"
#include "tests/reliability/population.h"
#include "tests/reliability/tcp_proxy.h"
#include "tests/reliability/world.h"

namespace veilsum::reliability {
namespace {

constexpr absl::Duration kPhaseDeadline = absl::Seconds(20);
constexpr int kPhases = 5;
constexpr absl::Duration kTimeToStop = absl::Seconds(45);
constexpr absl::Duration kSlack = absl::Seconds(30);
// Of the operator and of what gRPC makes when it needs it, such as pollers. Fewer than the clients.
constexpr int kMoreDescriptors = 6;

InstallationOptions InstallationFor(const SoakOptions& options) {
  InstallationOptions installation;
  installation.clients = options.clients;
  installation.dimension = options.dimension;
  // The threshold of a full session, and more than its n_min needs.
  installation.min_survivors = static_cast<uint32_t>(options.clients / 2 + 1);
  installation.dropout_rate = 0.2;
  installation.least = absl::Milliseconds(1500);
  installation.deadline = kPhaseDeadline;
  installation.target_fraction = 0.8;
  if (options.durable) installation.data_directory = "data";
  installation.tls = true;
  return installation;
}

class Soak {
 public:
  explicit Soak(const SoakOptions& options)
      : options_(options),
        random_(options.seed),
        installation_(NewFolder("soak"), InstallationFor(options)),
        process_({options.aggregator, installation_.config_file(), installation_.admin_port(),
                  installation_.folder() + "/aggregator.log"}),
        proxy_(installation_.participant_port()),
        auditor_(installation_.operator_port(), options.durable, history_),
        population_(installation_, history_,
                    {proxy_.port(), options.seed, options.death_probability,
                     options.cut_probability, kSlack}) {
    report_.folder = installation_.folder();
  }

  SoakReport Run() {
    if (!Start()) return Report();
    population_.Start();
    while (report_.kills < options_.kills && history_.violations().empty()) {
      Pause(Drawn(options_.longest_peace));
      if (!process_.running()) {
        const Ending ending = process_.ending().value_or(Ending{});
        history_.Violation(absl::StrCat("the aggregator ended by itself: exit code ",
                                        ending.exit_code, ", signal ", ending.signal));
        break;
      }
      Audit(false);
      if (!Misbehave()) break;
      Tell();
    }
    End();
    return Report();
  }

 private:
  absl::Duration Drawn(absl::Duration most) {
    return most * std::uniform_real_distribution<double>(0, 1)(random_);
  }
  uint64_t Below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_);
  }

  bool Start() {
    process_.Start();
    const absl::Status ready = process_.WaitUntilReady();
    if (!ready.ok()) history_.Violation(absl::StrCat("start: ", ready.message()));
    report_.descriptors_at_start = process_.descriptors();
    return ready.ok();
  }

  void Audit(bool again) { auditor_.Read(again).IgnoreError(); }

  bool Kill() {
    // Now and then while it stands still.
    if (Below(8) == 0) process_.Signal(SIGSTOP);
    process_.Kill();
    history_.Killed();
    ++report_.kills;
    if (Below(4) == 0) Pause(Drawn(absl::Seconds(3)));  // Gone for a while.
    if (!Start()) return false;
    Audit(report_.kills % 5 == 0);
    return true;
  }

  void StandStill() {
    process_.Signal(SIGSTOP);
    ++report_.stops;
    Pause(Drawn(absl::Seconds(3)));
    process_.Signal(SIGCONT);
  }

  void BreakNetwork() {
    ++report_.network_faults;
    switch (Below(options_.loopback == nullptr ? 4 : 5)) {
      case 0:
        return proxy_.Cut();
      case 1:
        return proxy_.Reset();
      case 2:
        proxy_.Blackhole(true);
        Pause(Drawn(absl::Seconds(3)));
        return proxy_.Blackhole(false);
      case 3:
        // Other connections than before, some of them bad ones. On the proxy's thread, so with a
        // generator of its own.
        proxy_.SetFates([random = std::mt19937_64(random_())]() mutable {
          TcpProxy::Fate fate;
          const uint64_t drawn = random() % 20;
          if (drawn < 4) fate.delay = std::chrono::milliseconds(random() % 50);
          if (drawn == 5) fate.byte_at_a_time = true;
          if (drawn > 5 && drawn < 10) fate.reset_after_bytes = random() % 1'000'000;
          return fate;
        });
        return proxy_.Reset();
      default:
        return PullCable();
    }
  }

  void PullCable() {
    ++report_.pulled_cables;
    const bool down = options_.loopback->Up(false);
    Pause(Drawn(absl::Seconds(5)));
    if (!down || !options_.loopback->Up(true)) history_.Violation("the loopback does not obey");
  }

  bool Misbehave() {
    const uint64_t drawn = Below(10);
    if (drawn < 7) return Kill();
    drawn == 7 ? StandStill() : BreakNetwork();
    return true;
  }

  // The faults are over: whatever runs has its deadlines to end.
  void End() {
    proxy_.SetFates(nullptr);
    proxy_.Reset();
    if (!process_.running() && !Start()) return;
    const absl::Duration patience = kPhases * kPhaseDeadline + 2 * kSlack;
    population_.Stop(2 * patience);
    const absl::Time last = absl::Now() + patience;
    absl::Status read = auditor_.Read(true);
    while ((!read.ok() || auditor_.running() > 0) && absl::Now() < last) {
      Pause(absl::Milliseconds(200));
      read = auditor_.Read(true);
    }
    if (!read.ok()) history_.Violation(absl::StrCat("the last audit: ", read.ToString()));
    if (auditor_.running() > 0) {
      history_.Violation(absl::StrCat(auditor_.running(), " sessions do not end"));
    }
    CountDescriptors(last);
    process_.Signal(SIGTERM);
    const auto ending = process_.WaitForEnd(kTimeToStop);
    if (!ending.ok() || ending->exit_code != 0)
      history_.Violation("SIGTERM does not end it with 0 within 45 s");
  }

  // I8: what the clients' connections took is given back when they are gone.
  void CountDescriptors(absl::Time last) {
    const int most = report_.descriptors_at_start + kMoreDescriptors;
    proxy_.Cut();  // Channels outlive the calls of those that have left.
    do {
      report_.descriptors_at_end = process_.descriptors();
      if (report_.descriptors_at_end <= most) return;
      Pause(absl::Milliseconds(200));
    } while (absl::Now() < last);
    history_.Violation(absl::StrCat("I8: ", report_.descriptors_at_end,
                                    " descriptors are open without clients, and ",
                                    report_.descriptors_at_start, " were before any came"));
  }

  void Tell() {
    if (options_.kills_between_reports == 0 ||
        report_.kills % options_.kills_between_reports != 0 || report_.kills == told_) {
      return;
    }
    told_ = report_.kills;
    std::printf("%d kills, %zu sessions ended, %d running, %d aggregations\n", report_.kills,
                auditor_.sessions().size(), auditor_.running(), population_.successes());
    std::fflush(stdout);
  }

  SoakReport Report() {
    const ClientViews views = history_.views();
    report_.violations = Judge(installation_, history_, auditor_, options_.judge_as_durable);
    report_.sessions = static_cast<int>(views.size());
    for (const auto& [id, view] : auditor_.sessions()) {
      if (view.session.state() == v1::SESSION_STATE_COMPLETED) ++report_.completed;
      if (view.session.state() == v1::SESSION_STATE_ABORTED) {
        ++report_.aborted[std::string(ReasonName(view.session.abort_reason()))];
      }
    }
    for (const auto& [id, clients] : views) {
      for (const auto& [client, view] : clients) report_.durable_receipts += view.durable_receipt;
    }
    report_.failed = history_.failures();
    report_.aggregations = population_.successes();
    report_.client_deaths = population_.deaths();
    report_.completed_over_kills = history_.outlived_kills();
    report_.sums_read_again = auditor_.sums_read_again();
    return report_;
  }

  const SoakOptions options_;
  std::mt19937_64 random_;
  SoakReport report_;
  int told_ = 0;

  History history_;
  const Installation installation_;
  AggregatorProcess process_;
  TcpProxy proxy_;
  Auditor auditor_;
  Population population_;
};

std::string Counts(const std::map<std::string, int>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) absl::StrAppend(&text, " ", name, " ", count);
  return text.empty() ? " none" : text;
}

}  // namespace

std::string SoakReport::Text() const {
  std::string text = absl::StrCat(
      "kills ", kills, ", stops ", stops, ", network faults ", network_faults, " (", pulled_cables,
      " of them a pulled cable), clients' deaths ", client_deaths, "\nsessions ", sessions,
      ": completed ", completed, " (", completed_over_kills,
      " of them over a kill), aborted:", Counts(aborted), "\naggregations that were a success ",
      aggregations, "; others:", Counts(failed), "\ndurable receipts ", durable_receipts,
      ", sums read again ", sums_read_again, "\ndescriptors of the last process ",
      descriptors_at_start, " at its start, ", descriptors_at_end, " when the clients had left\n");
  for (const std::string& violation : violations)
    absl::StrAppend(&text, "VIOLATION ", violation, "\n");
  absl::StrAppend(&text, violations.size(), " violations\n");
  return text;
}

SoakReport RunSoak(const SoakOptions& options) { return Soak(options).Run(); }

}  // namespace veilsum::reliability
