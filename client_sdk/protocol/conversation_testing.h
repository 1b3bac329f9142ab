// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator's half of a conversation, made by hand: what an honest one would say to each
// client, for tests to send on, or to bend first. It checks nothing.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_CONVERSATION_TESTING_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_CONVERSATION_TESTING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client_sdk/protocol/participant_protocol.h"
#include "crypto/primitives/identity.h"
#include "crypto/transcript/transcript.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/participant.pb.h"
#include "proto/reason_status.h"
#include "proto/session.pb.h"

namespace veilsum::client {

// A small semi-honest session on the complete graph, γ = 0.2, results for everybody.
v1::SessionHeader TestHeader(uint32_t max_clients);

// Of the malicious tier instead: a consistency check, a model that everybody trained (TestModel),
// roster version 1, and at least four inputs.
v1::SessionHeader MaliciousHeader(uint32_t max_clients);
crypto::Digest TestModel();

// What the clients of these headers insist on: nothing that the headers do not offer.
SessionPolicy TestPolicy();

crypto::IdentityKeyPair TestIdentity(uint32_t number);
crypto::SessionSecret TestSecret(uint32_t number);

// One client before a session, with what its caller decides.
struct Joining {
  absl::StatusOr<ParticipantProtocol> Create() const {
    ParticipantOptions options{&identity,   TestSecret(1), policy,
                               "test-task", model_hash,    enrolment_signature};
    options.answered = answered;
    return ParticipantProtocol::Create(std::move(options));
  }
  // What a new client makes of a session.
  Effects Offer(const std::string& header_bytes) const;
  Effects Offer(const v1::SessionHeader& header) const { return Offer(header.SerializeAsString()); }

  crypto::IdentityKeyPair identity = TestIdentity(1);
  SessionPolicy policy = TestPolicy();
  std::optional<crypto::Digest> model_hash;
  std::string enrolment_signature;
  std::function<bool(const crypto::Digest&)> answered;
};

// The first effect of this kind; a failure and a default one if there is none.
template <class E>
E Find(const Effects& effects) {
  for (const Effect& effect : effects) {
    if (const E* found = std::get_if<E>(&effect)) return *found;
  }
  ADD_FAILURE() << "no such effect among " << effects.size();
  return E{};
}

// The client declined with this reason: it withdraws, and that is all.
MATCHER_P(Declines, reason, "declines with " + v1::Reason_Name(reason)) {
  const Effects& effects = arg;
  if (effects.size() != 2 || !std::holds_alternative<Send>(effects[0]) ||
      !std::holds_alternative<Finished>(effects[1])) {
    *result_listener << "which is not Send, Finished (" << effects.size() << " effects)";
    return false;
  }
  const v1::ClientMessage& message = std::get<Send>(effects[0]).message;
  const Finished& finished = std::get<Finished>(effects[1]);
  *result_listener << finished.status;
  return message.has_withdraw() && message.withdraw().reason() == reason &&
         finished.reason == reason && ReasonOf(finished.status) == reason &&
         finished.status.code() == absl::StatusCode::kFailedPrecondition &&
         finished.packed_sum.empty();
}

// `clients` participants in the order of their positions, all in one session. Each function makes
// every client take the next step with honest messages; messages can be had one by one too.
class Conversation {
 public:
  // Changes the options of a client before it is made.
  using Adjust = std::function<void(uint32_t position, ParticipantOptions&)>;
  explicit Conversation(v1::SessionHeader header, uint32_t clients, Adjust adjust = nullptr);

  uint32_t size() const { return static_cast<uint32_t>(clients_.size()); }
  ParticipantProtocol& client(uint32_t position) { return clients_[position]; }
  const crypto::IdentityKeyPair& identity(uint32_t position) const {
    return *identities_[position];
  }
  const v1::SessionHeader& header() const { return header_; }
  const crypto::Digest& transcript() const { return transcript_; }
  // Steps a client and keeps what it remembers, as a shell would; the other effects are returned.
  Effects Step(uint32_t position, Event event);
  // The same for a message. The input (InputOf) is encoded as soon as the client asks for it.
  Effects Tell(uint32_t position, v1::ServerMessage message);
  // Its options, with the journal so far: for a client that takes this one's place.
  ParticipantOptions OptionsOf(uint32_t position) const;

  // Honest messages.
  v1::ServerMessage Offer() const;
  v1::ServerMessage Roster() const;
  v1::ServerMessage Neighbours(uint32_t position) const;
  v1::ServerMessage Shares(uint32_t position, const std::vector<bool>& sharers) const;
  v1::ServerMessage Survivors(const std::vector<bool>& survivors) const;
  // What the clients that `signers` names have signed, each for the set it was shown.
  v1::ServerMessage Signatures(const std::vector<bool>& signers) const;
  v1::ServerMessage Result(const std::vector<bool>& survivors, const std::string& packed) const;

  std::vector<bool> Everybody() const { return std::vector<bool>(size(), true); }
  std::vector<bool> AllBut(std::vector<uint32_t> positions) const;
  // A client's input, as far as its core knows it.
  static crypto::Digest InputOf(uint32_t position);
  // Neighbours in the graph of the header.
  std::vector<uint32_t> NeighboursOf(uint32_t position) const;

  // All clients take these steps, in order; the messages and effects of the clients are kept.
  void AdvertiseKeys();
  void AnnounceRoster();  // Without the entries.
  void ShareKeys();       // AnnounceRoster, if need be, and the entries.
  void DeliverShares(const std::vector<bool>& sharers);
  void SignSurvivors(const std::vector<bool>& survivors);  // Malicious tier.
  // Malicious tier: SignSurvivors, and the signatures of all survivors.
  void AnswerSurvivors(const std::vector<bool>& survivors);

  std::vector<std::vector<std::string>> journals;
  std::vector<bool> answers;  // Whether any of the journal's entries answers.
  std::vector<v1::AdvertiseKeys> advertised;
  std::vector<v1::SignedMessage> shared;
  std::vector<StartUpload> uploads;
  std::vector<std::optional<v1::ConsistencyCheck>> checks;
  std::vector<std::optional<v1::SignedMessage>> unmaskings;

 private:
  std::vector<std::unique_ptr<crypto::IdentityKeyPair>> identities_;
  std::vector<ParticipantProtocol> clients_;
  v1::SessionHeader header_;
  Adjust adjust_;
  crypto::Digest transcript_{};
  bool roster_announced_ = false;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_CONVERSATION_TESTING_H_
