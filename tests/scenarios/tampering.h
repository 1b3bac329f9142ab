// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How each misbehaviour bends an honest message, and signs it again with the liar's own identity.
// One file for each round. A message that a misbehaviour is not about stays as it is.
#ifndef VEILSUM_TESTS_SCENARIOS_TAMPERING_H_
#define VEILSUM_TESTS_SCENARIOS_TAMPERING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/secret.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/transcript.h"
#include "proto/participant.pb.h"
#include "proto/rounds.pb.h"
#include "proto/session.pb.h"
#include "tests/scenarios/misbehaviour.h"

namespace veilsum::scenarios {

// What a liar knows: its own secrets, and what the aggregator told it so far.
struct Knowledge {
  Knowledge(const crypto::IdentityKeyPair& own, const crypto::IdentityKeyPair& somebody,
            crypto::SessionSecret secret)
      : identity(&own), somebody_else(&somebody), session_secret(std::move(secret)) {}

  const crypto::IdentityKeyPair* identity;
  const crypto::IdentityKeyPair* somebody_else;
  crypto::SessionSecret session_secret;

  // From the offer on.
  v1::SessionHeader header;
  crypto::Digest header_hash{};
  // From the roster on.
  std::optional<crypto::Digest> transcript;
  std::vector<crypto::IdentityPublicKey> roster;
  uint32_t position = 0;
  // From the neighbours' entries on, by position.
  std::map<uint32_t, v1::AdvertiseKeysEntry> neighbours;
  // The bitmap of U3, once it was shown.
  std::string survivors;

  void Learn(const v1::ServerMessage& message);
  crypto::Party PartyAt(uint32_t at) const { return {at, roster[at]}; }
};

// Signs a body, or an upload's digest, for the round. By somebody else if `forged`.
std::string SignFor(const Knowledge& knowledge, crypto::ProtocolRound round,
                    const crypto::Digest& digest, bool forged);
v1::SignedMessage SignBody(const Knowledge& knowledge, crypto::ProtocolRound round,
                           std::string body, bool forged = false);

// `others`: an honest entry of somebody else, for who copies.
void TamperAdvertiseKeys(Misbehaviour how, const Knowledge& knowledge,
                         const std::optional<v1::AdvertiseKeysEntry>& others,
                         v1::AdvertiseKeys& message);
void TamperShareKeys(Misbehaviour how, const Knowledge& knowledge, v1::SignedMessage& message);
void TamperConsistencyCheck(Misbehaviour how, const Knowledge& knowledge,
                            v1::ConsistencyCheck& message);
void TamperUnmasking(Misbehaviour how, const Knowledge& knowledge, v1::SignedMessage& message);

// The parts of one upload, in order.
class UploadTamperer {
 public:
  UploadTamperer(Misbehaviour how, const Knowledge* knowledge) : how_(how), knowledge_(knowledge) {}

  void Tamper(v1::UploadRequest& request);

 private:
  void TamperOpen(v1::UploadOpen& open);
  void TamperData(v1::UploadData& data);
  void TamperClose(v1::UploadClose& close);

  Misbehaviour how_;
  const Knowledge* knowledge_;
  uint64_t total_bytes_ = 0;
  bool began_ = false;
  crypto::Sha256Hasher hasher_;  // Of what really goes out.
};

// A message to say out of turn when `cue` arrives, if the misbehaviour is to do so. `own` are the
// client's own messages so far, by case.
std::optional<v1::ClientMessage> OutOfTurn(
    Misbehaviour how, const Knowledge& knowledge, const v1::ServerMessage& cue,
    const std::map<v1::ClientMessage::MessageCase, v1::ClientMessage>& own);

// Flips the lowest bit of the byte at `index`.
inline void FlipBit(std::string& bytes, size_t index) {
  bytes[index] = static_cast<char>(bytes[index] ^ 1);
}

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_TAMPERING_H_
