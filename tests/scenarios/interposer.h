// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Stands between a client's protocol and the wire: keeps what goes past as evidence, and lies where
// the script says so. Both drivers put one in front of every client.
#ifndef VEILSUM_TESTS_SCENARIOS_INTERPOSER_H_
#define VEILSUM_TESTS_SCENARIOS_INTERPOSER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proto/participant.pb.h"
#include "tests/adversary/privacy_checker.h"
#include "tests/scenarios/cast.h"
#include "tests/scenarios/scenario.h"
#include "tests/scenarios/tampering.h"

namespace veilsum::scenarios {

// Whose message it is; unspecified for Hello and Withdraw.
v1::Round RoundOf(const v1::ClientMessage& message);

// What liars can see of others, whatever thread they run on.
class Blackboard {
 public:
  void Post(const v1::AdvertiseKeysEntry& entry) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!entry_.has_value()) entry_ = entry;
  }
  std::optional<v1::AdvertiseKeysEntry> AnyEntry() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return entry_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<v1::AdvertiseKeysEntry> entry_;
};

// Of more clients than this no views are kept: their shares alone are hundreds of megabytes.
inline constexpr uint32_t kMostViewedClients = 200;

// What one client was shown and what it gave away.
struct Evidence {
  std::set<std::string> survivor_bitmaps;
  std::vector<v1::Unmasking> unmaskings;  // As they left the client.
  std::optional<v1::Reason> refusal;      // Of what it said out of turn; unspecified: accepted.
  // All that it took in and let go of, for the privacy checker; nothing in the largest scenarios.
  std::optional<adversary::ClientView> view;
};

// Not thread-safe: one client's strand.
class Interposer {
 public:
  Interposer(const Scenario& scenario, const Cast& cast, uint32_t client, Blackboard* blackboard);

  // From the protocol to the wire; nothing, if the client keeps silent instead.
  std::optional<v1::ClientMessage> Outgoing(v1::ClientMessage message);
  v1::UploadRequest OutgoingUpload(v1::UploadRequest request);

  // From the wire to the protocol; nothing, if the message answers a lie. `say`: messages that go
  // to the aggregator at once, before whatever the protocol has to say.
  std::optional<v1::ServerMessage> Incoming(v1::ServerMessage message,
                                            std::vector<v1::ClientMessage>& say);

  // A connection broke: answers that were due will not come.
  void ConnectionLost() { answers_due_.clear(); }

  const Evidence& evidence() const { return evidence_; }

 private:
  // For the privacy checker: what it has masked is out, as a whole or not.
  void NoteUpload(const v1::UploadRequest& request);
  // True: `message` answers something that was said out of turn.
  bool AnswersLie(const v1::ServerMessage& message);

  const Misbehaviour how_;
  const bool posts_;  // Its keys are there to be copied once they have left.
  Blackboard* const blackboard_;
  Knowledge knowledge_;
  UploadTamperer upload_;
  std::string closed_upload_;  // The digest of the masked input that left; empty: none has.
  Evidence evidence_;
  std::map<v1::ClientMessage::MessageCase, v1::ClientMessage> own_;
  std::deque<bool> answers_due_;  // In order; true: to a lie.
};

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_INTERPOSER_H_
