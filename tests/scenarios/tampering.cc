// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/tampering.h"

#include <algorithm>
#include <utility>

#include "crypto/primitives/labels.h"

namespace veilsum::scenarios {

void Knowledge::Learn(const v1::ServerMessage& message) {
  if (message.has_offer() && header.task_id().empty()) {
    header.ParseFromString(message.offer().header());
    header_hash = crypto::HeaderHash(crypto::AsBytes(message.offer().header()));
  }
  if (message.has_roster() && !transcript.has_value()) {
    std::vector<crypto::RosterSeat> seats;
    for (const v1::Roster::Seat& seat : message.roster().roster().seats()) {
      crypto::Digest entry_hash{};
      std::copy(seat.entry_hash().begin(), seat.entry_hash().end(), entry_hash.begin());
      seats.push_back(
          {crypto::IdentityPublicKey::Parse(crypto::AsBytes(seat.identity())).value(), entry_hash});
      roster.push_back(seats.back().identity);
      if (roster.back() == identity->public_key()) {
        position = static_cast<uint32_t>(roster.size() - 1);
      }
    }
    transcript = crypto::TranscriptDigest(header_hash, crypto::RosterRoot(seats));
  }
  if (message.has_survivors()) survivors = message.survivors().survivors();
  for (const auto& neighbour : message.neighbours().neighbours()) {
    neighbours[neighbour.position()].ParseFromString(neighbour.advertised().entry());
  }
}

std::string SignFor(const Knowledge& knowledge, crypto::ProtocolRound round,
                    const crypto::Digest& digest, bool forged) {
  return crypto::ToString(
      crypto::Sign(forged ? *knowledge.somebody_else : *knowledge.identity,
                   crypto::kLabelMessageSignature,
                   crypto::MessageSignatureDigest(*knowledge.transcript, round, digest))
          .bytes());
}

v1::SignedMessage SignBody(const Knowledge& knowledge, crypto::ProtocolRound round,
                           std::string body, bool forged) {
  v1::SignedMessage message;
  message.set_signature(SignFor(knowledge, round, crypto::Sha256(crypto::AsBytes(body)), forged));
  message.set_body(std::move(body));
  return message;
}

std::optional<v1::ClientMessage> OutOfTurn(
    Misbehaviour how, const Knowledge& knowledge, const v1::ServerMessage& cue,
    const std::map<v1::ClientMessage::MessageCase, v1::ClientMessage>& own) {
  const auto accepted = [&](v1::Round round) {
    return cue.has_accepted() && cue.accepted().round() == round;
  };
  v1::ClientMessage message;
  switch (how) {
    case Misbehaviour::kUnsetMessage:
      if (cue.has_neighbours()) return message;
      break;
    case Misbehaviour::kTooEarly:
      if (!cue.has_neighbours()) break;
      *message.mutable_unmasking() = SignBody(knowledge, crypto::ProtocolRound::kUnmasking, "");
      return message;
    case Misbehaviour::kConsistencyCheck:
      if (!cue.has_neighbours()) break;
      message.mutable_consistency_check()->set_survivor_root_signature(std::string(64, '\1'));
      return message;
    case Misbehaviour::kOtherEntry: {
      if (!accepted(v1::ROUND_ADVERTISE_KEYS)) break;
      message = own.at(v1::ClientMessage::kAdvertiseKeys);
      v1::AdvertiseKeysEntry entry;
      entry.ParseFromString(message.advertise_keys().entry());
      entry.mutable_channel_public_key()->swap(*entry.mutable_mask_public_key());
      message.mutable_advertise_keys()->set_entry(entry.SerializeAsString());
      return message;
    }
    case Misbehaviour::kAgain:
      if (accepted(v1::ROUND_SHARE_KEYS)) return own.at(v1::ClientMessage::kShareKeys);
      break;
    case Misbehaviour::kConflicting:
      if (!accepted(v1::ROUND_SHARE_KEYS)) break;
      *message.mutable_share_keys() = SignBody(knowledge, crypto::ProtocolRound::kShareKeys, "");
      return message;
    case Misbehaviour::kTooLate:
      if (!cue.has_survivors()) break;
      *message.mutable_share_keys() = SignBody(knowledge, crypto::ProtocolRound::kShareKeys, "");
      return message;
    case Misbehaviour::kAfterTheEnd:
      if (!cue.has_result()) break;
      *message.mutable_unmasking() = SignBody(knowledge, crypto::ProtocolRound::kUnmasking, "");
      return message;
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace veilsum::scenarios
