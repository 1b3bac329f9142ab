// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Where a client is in a session, as data. A round consumes the phase before it, so that secrets
// that are not handed on die there. Internal to protocol/.
// Not thread-safe.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_PHASES_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_PHASES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "client_sdk/protocol/masked_input.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/secret.h"
#include "crypto/transcript/transcript.h"
#include "proto/rounds.pb.h"

namespace veilsum::client {

// The public facts that follow from the roster, fixed for the rest of the session.
struct Cohort {
  crypto::Digest transcript;  // T1
  uint32_t clients = 0;       // n
  uint32_t threshold = 0;     // t
  // Complete graph: a client keeps its own share of b and counts itself towards every t.
  bool counts_itself = false;
  crypto::Party self;
  std::vector<crypto::Party> neighbours;  // Ascending by position.

  // How many of `count` neighbours and, on the complete graph, itself.
  uint32_t WithItself(uint32_t count) const { return count + (counts_itself ? 1 : 0); }
};

// What a client made for this session, until it has shared it.
struct OwnKeys {
  crypto::SessionSecret session_secret;
  crypto::ChannelKeyPair channel;
  crypto::MaskPrivateSeed m;
  crypto::MaskKeyPair mask;
  crypto::SelfMaskSeed b;
  crypto::Digest entry_hash;
};

// No session yet.
struct AwaitingOffer {
  crypto::SessionSecret session_secret;
};

// Keys are advertised.
struct AwaitingRoster {
  OwnKeys keys;
};

// The roster is accepted; the entries of the neighbours follow it.
struct AwaitingNeighbours {
  OwnKeys keys;
  crypto::Digest roster_root;
  Cohort cohort;
  std::vector<crypto::Digest> neighbour_entry_hashes;  // As cohort.neighbours.
};

// What is needed to take in one neighbour's shares and to mask with it.
struct NeighbourKeys {
  crypto::AeadKey opening_key;  // Of the neighbour's ciphertext for this client.
  crypto::MaskPublicKey mask_public_key;
};

// Keys are shared: m, the channel key and the session secret are gone.
struct AwaitingShares {
  Cohort cohort;
  crypto::MaskKeyPair mask;
  crypto::SelfMaskSeed b;
  std::vector<NeighbourKeys> neighbour_keys;  // As cohort.neighbours.
  crypto::SecretBuffer own_share_of_b;        // Empty on a sparse graph.
};

// One neighbour's shares, 40 bytes each. Both empty: it is not in U2, or they could not be opened.
struct HeldShares {
  crypto::SecretBuffer of_m;
  crypto::SecretBuffer of_b;
};

// The masked input is on its way or in: the mask keys and b are gone, their streams are in the
// plan until the upload is acknowledged.
struct AwaitingSurvivors {
  Cohort cohort;
  std::vector<bool> sharers;     // U2, by position.
  std::vector<HeldShares> held;  // As cohort.neighbours.
  crypto::SecretBuffer own_share_of_b;
  std::shared_ptr<const MaskingPlan> plan;
};

// The one survivor set that this client signs and answers in this session.
struct TakenSurvivors {
  crypto::Digest transcript;
  std::string bitmap;     // Of U3, as it was shown.
  uint32_t included = 0;  // |U3|

  crypto::Digest Root() const { return crypto::SurvivorRoot(transcript, crypto::AsBytes(bitmap)); }
};

// What the answer reveals of one client: of b if it survived, of m if it dropped out.
struct DueShare {
  uint32_t owner = 0;
  bool survived = false;
  crypto::SecretBuffer share;
};

// The survivor set is taken, and in the malicious tier signed. The shares that it does not ask for
// are gone.
struct AwaitingConsistency {
  Cohort cohort;
  TakenSurvivors survivors;
  std::vector<DueShare> due;  // Ascending by owner.
};

// The survivor set is answered: no secret is left.
struct AwaitingResult {
  TakenSurvivors survivors;
};

struct AwaitingDownload {
  TakenSurvivors survivors;
  v1::SessionResult result;
};

struct Ended {};

// In the order of time. AwaitingConsistency is passed over in the semi-honest tier.
using Phase =
    std::variant<AwaitingOffer, AwaitingRoster, AwaitingNeighbours, AwaitingShares,
                 AwaitingSurvivors, AwaitingConsistency, AwaitingResult, AwaitingDownload, Ended>;

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_PHASES_H_
