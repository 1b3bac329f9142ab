// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator's core with what a runtime does around it: folds, unmasking and deadlines, nothing
// of a network. Clients are told what the aggregator sends; what they send, the caller brings.
#ifndef VEILSUM_TESTS_FUZZ_SESSION_STAGE_H_
#define VEILSUM_TESTS_FUZZ_SESSION_STAGE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/accumulate/accumulator.h"
#include "aggregator/protocol/session_protocol.h"
#include "proto/session.pb.h"
#include "tests/adversary/honest_client.h"

namespace veilsum::fuzz {

// A message as it arrives.
aggregator::Event EventOf(const crypto::IdentityPublicKey& from, const v1::ClientMessage& message);

class SessionStage {
 public:
  SessionStage(const v1::SessionHeader& header,
               std::vector<std::unique_ptr<adversary::HonestClient>> clients);

  // Starts the session and offers it to everybody.
  void Start();
  // Every message is answered by exactly one reply, which is returned; nothing for other events.
  std::optional<aggregator::Reply> Step(aggregator::Event event);
  // The bytes that an UploadCompleted reports next.
  void HoldUpload(uint32_t from, std::string bytes) { held_[from] = std::move(bytes); }
  void FinishFolds();
  // To the end, with messages and uploads of all as they are, but of these no uploads.
  void Play(const std::set<uint32_t>& silent);
  // The phase is over, whoever has answered.
  void PassDeadline();

  uint32_t size() const { return static_cast<uint32_t>(clients_.size()); }
  adversary::HonestClient& client(uint32_t i) { return *clients_[i]; }
  aggregator::SessionProtocol& protocol() { return protocol_; }
  std::optional<aggregator::Phase> phase() const { return phase_; }
  const std::optional<aggregator::Finished>& finished() const { return finished_; }
  const std::string& packed_sum() const { return packed_sum_; }
  // By client, in order: the reasons that it was dropped for.
  const std::multimap<uint32_t, v1::Reason>& dropped() const { return dropped_; }
  // Of an upload that is as it should be.
  void Upload(uint32_t from);
  // What of each client went into the sum.
  const std::map<uint32_t, std::string>& folded() const { return folded_; }
  // size() for a stranger.
  uint32_t ClientOf(const crypto::IdentityPublicKey& identity) const;

 private:
  void Carry(const aggregator::Effect& effect);
  void Unmask(const aggregator::UnmaskPlan& plan);

  std::vector<std::unique_ptr<adversary::HonestClient>> clients_;
  aggregator::SessionProtocol protocol_;
  aggregator::Accumulator accumulator_;
  std::map<uint32_t, std::string> held_;
  std::vector<std::pair<uint32_t, std::string>> folds_;
  std::shared_ptr<const aggregator::UnmaskPlan> plan_;
  std::map<uint32_t, std::string> folded_;
  std::optional<aggregator::Phase> phase_;
  std::optional<aggregator::Finished> finished_;
  std::multimap<uint32_t, v1::Reason> dropped_;
  std::string packed_sum_;
};

}  // namespace veilsum::fuzz

#endif  // VEILSUM_TESTS_FUZZ_SESSION_STAGE_H_
