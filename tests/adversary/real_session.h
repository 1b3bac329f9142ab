// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The real aggregator's core with real clients, for attacks that an honest aggregator must
// withstand: somebody on the way, or a corrupted client, bends what is said to it.
#ifndef VEILSUM_TESTS_ADVERSARY_REAL_SESSION_H_
#define VEILSUM_TESTS_ADVERSARY_REAL_SESSION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aggregator/accumulate/accumulator.h"
#include "aggregator/protocol/session_protocol.h"
#include "proto/session.pb.h"
#include "tests/adversary/honest_client.h"

namespace veilsum::adversary {

class RealSession {
 public:
  RealSession(const v1::SessionHeader& header, std::vector<std::unique_ptr<HonestClient>> clients);

  HonestClient& client(uint32_t position) { return *clients_[position]; }
  uint32_t size() const { return static_cast<uint32_t>(clients_.size()); }

  // Bends what a client says; false: it is lost.
  std::function<bool(uint32_t from, v1::ClientMessage& message)> on_the_way;
  // These do not upload, or their folds are not finished, until they are taken out.
  std::set<uint32_t> silent;
  std::set<uint32_t> folding_slowly;

  // Offers to all, and carries messages until nobody has anything to say.
  void Start();
  void Pump();
  void PassDeadline() { Step(aggregator::DeadlinePassed{*phase_}); }
  // Says something out of the ordinary; what the aggregator replies.
  aggregator::Reply Say(aggregator::Event event);
  // The events of one client's upload.
  aggregator::UploadOpened OpenOf(uint32_t from) const;
  aggregator::UploadCompleted CloseOf(uint32_t from) const;

  std::optional<aggregator::Phase> phase() const { return phase_; }
  const std::optional<aggregator::Finished>& finished() const { return finished_; }
  const std::map<uint32_t, v1::Reason>& dropped() const { return dropped_; }
  bool included(uint32_t position) const;
  const std::string& packed_sum() const { return packed_sum_; }

 private:
  void Step(aggregator::Event event);
  void Carry(const aggregator::Effect& effect);
  void PumpClient(uint32_t position);
  void Unmask(const aggregator::UnmaskPlan& plan);
  uint32_t PositionOf(const crypto::IdentityPublicKey& identity) const;

  std::vector<std::unique_ptr<HonestClient>> clients_;
  aggregator::SessionProtocol protocol_;
  aggregator::Accumulator accumulator_;
  std::vector<size_t> heard_;  // Of what each said.
  std::set<uint32_t> uploaded_;
  std::set<uint32_t> to_fold_;
  std::optional<aggregator::Phase> phase_;
  std::optional<aggregator::Finished> finished_;
  std::optional<aggregator::Reply> reply_;
  std::map<uint32_t, v1::Reason> dropped_;
  std::string packed_sum_;
};

}  // namespace veilsum::adversary

#endif  // VEILSUM_TESTS_ADVERSARY_REAL_SESSION_H_
