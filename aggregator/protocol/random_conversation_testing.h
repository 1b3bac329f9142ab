// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A random conversation: clients say anything, in any order, well or badly, and what must hold of
// the answers is checked at every step (random_conversation_test.cc lists it).
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_RANDOM_CONVERSATION_TESTING_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_RANDOM_CONVERSATION_TESTING_H_

#include <cstdint>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "aggregator/protocol/conversation_testing.h"
#include "aggregator/protocol/events.h"

namespace veilsum::aggregator {

class RandomConversation {
 public:
  static constexpr uint32_t kClients = 5;

  // The header has kClients seats. The same seed gives the same conversation.
  RandomConversation(const v1::SessionHeader& header, uint32_t seed);

  // To the session's end, and on.
  void Run();

  Conversation& talk() { return talk_; }
  bool completed() const { return completed_; }
  // Called after every step: what happened, and what came of it.
  std::function<void(const Event&, const Effects&)> on_step;

 private:
  uint32_t Below(uint32_t bound) { return random_() % bound; }
  bool Rarely() { return Below(10) == 0; }

  void Act();
  // One that belongs to the present phase, so that sessions get somewhere.
  uint32_t FittingAction();
  void Spoil(std::string& bytes);
  v1::SignedMessage Signed(uint32_t i, crypto::ProtocolRound round);
  void SignSurvivors(uint32_t i);
  void OpenUpload(uint32_t i);
  void CompleteUpload(uint32_t i);
  void FinishFolds();
  void FinishUnmasking();
  // `replies`: how many there must be.
  void Step(Event event, int replies);
  void Check(int replies);
  void NoteSurvivors(const v1::ServerMessage& message);

  std::mt19937 random_;
  Conversation talk_;
  std::vector<bool> survivors_ = std::vector<bool>(kClients);
  std::vector<IdentityPublicKey> folding_;
  std::set<Phase> phases_;
  size_t closed_ = 0;
  std::set<IdentityPublicKey> dropped_;
  std::set<IdentityPublicKey> silent_;  // Of these: who kept its seat.
  bool unmasking_ = false;
  int finished_ = 0;
  bool completed_ = false;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_RANDOM_CONVERSATION_TESTING_H_
