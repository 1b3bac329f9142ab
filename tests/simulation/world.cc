// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/world.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/simulation/aggregator_process.h"
#include "tests/simulation/cast.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/judge.h"
#include "tests/simulation/network.h"
#include "tests/simulation/participant.h"
#include "tests/simulation/witness.h"

namespace veilsum::simulation {
namespace {

// Far more than any world needs: about 60 a client, and what disturbances cost.
constexpr uint64_t kMostSteps = 100'000;

class World {
 public:
  World(const Plan& plan, const WorldOptions& options)
      : plan_(plan),
        options_(options),
        random_(plan.random),
        store_(clock_, random_, options.sabotage),
        witness_(clock_, store_, options.trace),
        around_{clock_, random_, store_, witness_, options.sabotage},
        network_(plan, around_),
        aggregator_(plan, around_, WiresOfAggregator()) {
    participants_.reserve(plan.clients);
    for (uint32_t client = 0; client < plan.clients; ++client) {
      participants_.emplace_back(plan, client, around_, options.check_privacy, WiresOf(client));
    }
    network_.Join(&aggregator_, &participants_);
  }

  Verdict Play() {
    aggregator_.Boot();
    for (Participant& participant : participants_) {
      clock_.After(random_.Between(0, 100) * kMillisecond, [&participant] { participant.Start(); });
    }
    size_t next = 0;
    do {
      while (next < plan_.disturbances.size() && plan_.disturbances[next].step <= clock_.steps()) {
        Disturb(plan_.disturbances[next++]);
      }
    } while (witness_.violations().empty() && clock_.steps() < kMostSteps && clock_.Step());
    return Judge();
  }

 private:
  AggregatorProcess::Wires WiresOfAggregator() {
    return {[this](uint32_t client, uint64_t connection, MessagePtr message) {
              network_.Tell(client, connection, std::move(message));
            },
            [this](uint32_t client, uint64_t call, UploadAnswer answer) {
              network_.AnswerUpload(client, call, std::move(answer));
            },
            [this] { network_.AggregatorDied(); }};
  }

  Participant::Wires WiresOf(uint32_t client) {
    return {[this, client](AggregatorProcess::Hello hello) { network_.Connect(client, hello); },
            [this, client](v1::ClientMessage message) { network_.Say(client, std::move(message)); },
            [this, client] { return network_.Call(client); },
            [this, client](uint64_t call, v1::UploadRequest request) {
              network_.Upload(client, call, std::move(request));
            },
            [this, client] { network_.Download(client); }};
  }

  void Disturb(const Disturbance& one) {
    if (witness_.tracing()) {
      Plan alone;
      alone.disturbances = {one};
      witness_.Trace(absl::StrCat("disturbance: ", ToText(alone)));
    }
    // What the least harm of it is over by.
    disturbed_until_ = std::max(disturbed_until_, clock_.now() + one.b * kMillisecond);
    Participant& participant = participants_[one.client];
    switch (one.kind) {
      case Kind::kCut:
        return network_.Cut(one);
      case Kind::kPartition:
        return network_.Partition(one);
      case Kind::kDelay:
        return network_.Delay(one);
      case Kind::kDuplicate:
        return network_.Duplicate(one);
      case Kind::kReplay:
        return network_.Replay(one);
      case Kind::kBend:
        return network_.Bend(one);
      case Kind::kBendChunk:
        return network_.BendChunk(one);
      case Kind::kCrash:
        participant.Crash((one.a & 1) != 0, (one.a & 2) != 0);
        network_.ProcessDied(one.client);
        return clock_.After(one.b * kMillisecond, [&participant] { participant.Restart(); });
      case Kind::kVanish:
        participant.Vanish();
        return network_.ProcessDied(one.client);
      case Kind::kWithdraw:
        return participant.GiveUp();
      case Kind::kAbort:
        return aggregator_.Abort();
      case Kind::kKill:
        return aggregator_.Kill(one.a & 15, one.a >> 4, one.b * kMillisecond);
      case Kind::kDiskFull:
        return store_.FillDisk(clock_.now() + one.b * kMillisecond);
      case Kind::kStall:
        return store_.Stall(clock_.now() + one.b * kMillisecond);
      case Kind::kEvict:
        return aggregator_.Evict(one.client);
      case Kind::kCompare:
        if (aggregator_.Compare()) ++comparisons_;
        return;
    }
  }

  Verdict Judge() {
    if (clock_.steps() >= kMostSteps) witness_.Violate("I9: the world goes on for ever");
    if (witness_.violations().empty()) {
      if (aggregator_.Compare()) ++comparisons_;
      JudgeEnd({plan_, witness_, store_, network_, participants_, disturbed_until_,
                aggregator_.kills()});
    }
    if (witness_.violations().empty() && options_.check_privacy) {
      JudgePrivacy(plan_, witness_, network_, participants_);
    }
    Verdict verdict;
    verdict.violations = witness_.violations();
    verdict.violations.insert(verdict.violations.end(), store_.violations.begin(),
                              store_.violations.end());
    verdict.reason = witness_.end().has_value() ? witness_.end()->reason : v1::REASON_INTERNAL;
    verdict.steps = clock_.steps();
    verdict.kills = aggregator_.kills();
    verdict.comparisons = comparisons_;
    return verdict;
  }

  const Plan& plan_;
  const WorldOptions& options_;
  Clock clock_;
  Random random_;
  Store store_;
  Witness witness_;
  AggregatorProcess::Surroundings around_;
  Network network_;
  AggregatorProcess aggregator_;
  std::vector<Participant> participants_;
  uint64_t disturbed_until_ = 0;
  uint64_t comparisons_ = 0;
};

}  // namespace

Verdict PlayWorld(const Plan& plan, const WorldOptions& options) {
  return World(plan, options).Play();
}

}  // namespace veilsum::simulation
