// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Some clients and an aggregator, each driven by steps of a recorded transcript. A step says to
// whom something happens and what; what the party does in turn is told as JSON too, so that it can
// be recorded or compared.
//
//   {"party": "client 1", "event": "message", "bytes": ServerMessage}
//   {"party": "aggregator", "event": "message", "client": 1, "bytes": ClientMessage}
//   {"party": "aggregator", "event": "upload", "client": 1, "open", "bytes", "close"}
//   {"party": "aggregator", "event": "deadline"}
//   {"party": "client 1", "event": "result", "bytes": the packed sum}
//
// Messages are serialised protobufs in hexadecimal.
#ifndef VEILSUM_TESTS_VECTORS_TRANSCRIPT_PARTIES_H_
#define VEILSUM_TESTS_VECTORS_TRANSCRIPT_PARTIES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/accumulate/accumulator.h"
#include "aggregator/protocol/session_protocol.h"
#include "client_sdk/protocol/participant_protocol.h"
#include "crypto/masking/lanes.h"
#include "crypto/primitives/identity.h"
#include "nlohmann/json.hpp"

namespace veilsum::vectors {

using Json = nlohmann::json;

std::string ToHex(const std::string& bytes);
std::string FromHex(const Json& hex);

class Parties {
 public:
  // `cast` has "header" and "clients", each of them "identity_seed", "session_secret", "update" and
  // "weight". Ascending by identity: client p has position p. In the malicious tier it also has the
  // enrolment "authority" and the "model_hash", and each client an "enrolment_signature".
  explicit Parties(const Json& cast);
  ~Parties();

  uint32_t clients() const { return static_cast<uint32_t>(clients_.size()); }
  const crypto::IdentityKeyPair& identity(uint32_t client) const;

  // The offers, from the aggregator.
  Json Start();
  // What the party does: "message"s and "upload"s to send, "reply", "drop", "download", "finish".
  Json Deliver(const Json& step);

  // What the observers of an audit would see.
  const crypto::LaneVector& quantised(uint32_t client) const;
  const std::string& packed_sum() const { return packed_sum_; }
  const crypto::Digest* transcript() const { return aggregator_->transcript(); }
  aggregator::SessionProtocol::Shape shape() const { return aggregator_->shape(); }

 private:
  struct Client;

  Json DeliverToAggregator(const Json& step);
  Json DeliverToClient(uint32_t client, const Json& step);
  void StepAggregator(aggregator::Event event, Json& emitted);
  void StepClient(uint32_t client, client::Event event, Json& emitted);
  void Upload(uint32_t client, const Json& step, Json& emitted);
  Json MakeUpload(uint32_t client, const client::StartUpload& upload);
  std::string NameOf(const crypto::IdentityPublicKey& identity) const;

  std::vector<std::unique_ptr<Client>> clients_;
  std::optional<aggregator::SessionProtocol> aggregator_;
  std::optional<aggregator::Accumulator> accumulator_;
  std::optional<aggregator::Phase> phase_;
  std::string upload_bytes_;  // Of the present step.
  std::string packed_sum_;
};

}  // namespace veilsum::vectors

#endif  // VEILSUM_TESTS_VECTORS_TRANSCRIPT_PARTIES_H_
