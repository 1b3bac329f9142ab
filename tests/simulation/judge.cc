// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/judge.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/decoder.h"
#include "tests/simulation/cast.h"

namespace veilsum::simulation {
namespace {

class Judge {
 public:
  explicit Judge(const Aftermath& after) : after_(after), witness_(after.witness) {}

  void Sit() {
    if (!witness_.end().has_value()) return witness_.Violate("I9: the session did not end");
    JudgeTime();
    const Witness::End& end = *witness_.end();
    completed_ = end.reason == v1::REASON_UNSPECIFIED;
    included_ = {end.included.begin(), end.included.end()};
    JudgeReason(end.reason);
    completed_ ? JudgeSum() : JudgeAbort();
    for (uint32_t client = 0; client < after_.plan.clients; ++client) JudgeClient(client);
  }

 private:
  void Violate(uint32_t client, const std::string& text) {
    witness_.Violate(absl::StrCat("client ", client, " ", text));
  }

  bool Has(std::initializer_list<Kind> kinds) const {
    return std::any_of(after_.plan.disturbances.begin(), after_.plan.disturbances.end(),
                       [&](const Disturbance& one) {
                         return std::find(kinds.begin(), kinds.end(), one.kind) != kinds.end();
                       });
  }

  // I9: once all is well again, every phase keeps to its deadline, and each start of the process
  // may give its phase some grace.
  void JudgeTime() {
    const uint64_t phases = after_.plan.malicious ? 5 : 4;
    const uint64_t most =
        phases * kDeadlineMs * kMillisecond + (after_.kills + 1) * kGraceMs * kMillisecond;
    if (witness_.end()->time > after_.disturbed_until + most) {
      witness_.Violate("I9: the session ended after all its deadlines");
    }
  }

  // Which ends there may be.
  void JudgeReason(v1::Reason reason) {
    switch (reason) {
      case v1::REASON_UNSPECIFIED:
        if (after_.plan.disturbances.empty() && included_.size() != after_.plan.clients) {
          witness_.Violate("nothing happened, and somebody is not in the sum");
        }
        return;
      case v1::REASON_TOO_FEW_CLIENTS:
      case v1::REASON_BELOW_THRESHOLD:
      case v1::REASON_INFEASIBLE_PARAMETERS:
        if (after_.plan.disturbances.empty()) witness_.Violate("an abort without a cause");
        return;
      case v1::REASON_ABORTED_BY_OPERATOR:
        if (!Has({Kind::kAbort})) witness_.Violate("nobody asked for the abort");
        return;
      case v1::REASON_STORAGE_FAILED:
        if (!Has({Kind::kDiskFull})) witness_.Violate("the storage did not fail");
        return;
      case v1::REASON_DEALER_CHEATED:
        if (!Has({Kind::kBend, Kind::kReplay})) witness_.Violate("nobody cheated");
        return;
      default:
        witness_.Violate(absl::StrCat("no session may end with ", v1::Reason_Name(reason)));
    }
  }

  // I1, I2, I4, I6.
  void JudgeSum() {
    const std::vector<uint32_t>& published = witness_.end()->included;
    if (included_.size() != published.size()) witness_.Violate("I2: somebody is counted twice");
    if (published.size() < after_.plan.min_survivors) witness_.Violate("too few are in the sum");
    if (witness_.survivors() != included_) {
      witness_.Violate("I4: who is published is not who was frozen");
    }
    const auto& stored = after_.store.result();
    if (!stored.has_value()) return witness_.Violate("the result is not in the store");
    witness_.Result(*stored);
    const auto sum = client::UnpackSum(*stored, HeaderOf(after_.plan).vector());
    if (!sum.ok()) return witness_.Violate(sum.status().ToString());
    const std::vector<uint64_t> plain = PlainSumOf(after_.plan, published);
    const bool same = sum->Visit(
        [&](auto lanes) { return std::equal(lanes.begin(), lanes.end(), plain.begin()); });
    if (!same) witness_.Violate("I1: the sum is not exact");
    for (const uint32_t client : witness_.receipts()) {
      if (included_.count(client) == 0) Violate(client, "has a receipt and is not in the sum: I3");
    }
  }

  void JudgeAbort() {
    if (!included_.empty()) witness_.Violate("an aborted session publishes names");
  }

  // Something happened to this client, or to everybody, for which it may have missed a phase.
  bool Disturbed(uint32_t client) const {
    if (Has({Kind::kKill, Kind::kDiskFull, Kind::kStall})) return true;
    return std::any_of(after_.plan.disturbances.begin(), after_.plan.disturbances.end(),
                       [&](const Disturbance& one) {
                         return one.client == client &&
                                (one.kind == Kind::kCut || one.kind == Kind::kPartition ||
                                 one.kind == Kind::kDelay || one.kind == Kind::kCrash ||
                                 one.kind == Kind::kEvict);
                       });
  }

  void JudgeClient(uint32_t client) {
    const Participant& participant = after_.participants[client];
    if (participant.gone() || participant.gave_up() || participant.lost_state() ||
        after_.network.bent(client)) {
      return;
    }
    if (!participant.finished().has_value()) {
      // It came too late to be offered anything, and waits for the next session.
      if (participant.has_session() || (!Disturbed(client) && !Has({Kind::kAbort})))
        Violate(client, "still waits: I9");
      return;
    }
    const client::Finished& finished = *participant.finished();
    if (finished.status.ok()) return JudgeResult(client, finished);
    if (completed_ && included_.count(client) != 0) {
      return Violate(client,
                     absl::StrCat("is in the sum, and was told ", finished.status.ToString()));
    }
    JudgeTold(client, finished);
  }

  void JudgeResult(uint32_t client, const client::Finished& finished) {
    if (!completed_ || included_.count(client) == 0) {
      return Violate(client, "has a result that is not for it");
    }
    if (finished.included != included_.size()) Violate(client, "was told another count");
    const std::string expected =
        after_.plan.for_operator_only ? "" : after_.store.result().value_or("");
    if (finished.packed_sum != expected) Violate(client, "has another result: I6");
  }

  // No client that keeps to the protocol is told a wrong reason.
  void JudgeTold(uint32_t client, const client::Finished& finished) {
    const v1::Reason reason = finished.reason;
    if (!completed_ && reason == witness_.end()->reason) return;
    const bool disturbed = Disturbed(client);
    if (disturbed && (reason == v1::REASON_LATE || reason == v1::REASON_NO_ANSWER)) return;
    // Others stayed away.
    if (reason == v1::REASON_TOO_FEW_NEIGHBOURS && !after_.plan.disturbances.empty()) return;
    Violate(client, absl::StrCat("was told a wrong reason: ", finished.status.ToString()));
  }

  const Aftermath& after_;
  Witness& witness_;
  bool completed_ = false;
  std::set<uint32_t> included_;
};

}  // namespace

void JudgeEnd(const Aftermath& after) { Judge(after).Sit(); }

void JudgePrivacy(const Plan& plan, Witness& witness, const Network& network,
                  const std::vector<Participant>& participants) {
  const std::string header = HeaderOf(plan).SerializeAsString();
  uint32_t corruptible = plan.malicious ? 1 : 0;
  adversary::AdversaryKeys keys;
  std::set<crypto::IdentityPublicKey> careless;
  std::vector<adversary::ClientView> views;
  for (const bool bent : {true, false}) {
    for (uint32_t client = 0; client < plan.clients; ++client) {
      if (network.bent(client) != bent) continue;
      const Participant& participant = participants[client];
      const crypto::IdentityPublicKey& identity = IdentityOf(client).public_key();
      if (corruptible > 0) {
        --corruptible;
        for (uint32_t generation = 0; generation <= participant.generation(); ++generation) {
          keys.AddClient(identity, SecretOf(client, generation), header);
        }
        continue;
      }
      if (bent) careless.insert(identity);
      views.insert(views.end(), participant.views().begin(), participant.views().end());
    }
  }
  const adversary::Verdict verdict = adversary::Judge(views, keys, careless);
  if (!verdict.safe()) witness.Violate(absl::StrCat("privacy: ", verdict.Describe()));
}

}  // namespace veilsum::simulation
