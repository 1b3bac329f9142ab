// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a session knows, by phase. A transition consumes the old phase, so that what only it needed
// (sealed shares, opened shares) dies with it.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_SESSION_STATE_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_SESSION_STATE_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "aggregator/protocol/events.h"
#include "aggregator/protocol/session_protocol.h"
#include "aggregator/protocol/sharing_places.h"
#include "crypto/graph/parameters.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"

namespace veilsum::aggregator {

inline constexpr size_t kPhases = 5;
using MessagePtr = std::shared_ptr<const v1::ServerMessage>;

struct Drop {
  v1::Reason reason;
  std::string detail;
};

// Of an upload of which nobody knows more than that it was counted.
inline constexpr Digest kUnknownDigest{};

// One seat.
struct Member {
  IdentityPublicKey identity;
  std::shared_ptr<const v1::AdvertiseKeys> advertised;
  Digest entry_hash;
  crypto::ChannelPublicKey channel_public_key;
  crypto::MaskPublicKey mask_public_key;
  Digest self_mask_commitment;
  // SHA-256 of what was accepted of it, by Phase: a message's body, an upload's bytes. Tells a
  // resend from a conflict.
  std::array<std::optional<Digest>, kPhases> accepted;
  std::optional<Drop> dropped;
  // Reported as NO_ANSWER where only the answer is missing: it keeps its seat, and nobody waits for
  // it any more.
  bool silent = false;

  std::optional<Digest>& AcceptedIn(Phase phase) { return accepted[static_cast<size_t>(phase)]; }
  const std::optional<Digest>& AcceptedIn(Phase phase) const {
    return accepted[static_cast<size_t>(phase)];
  }
};

// What everybody advertised and who holds whose shares. Never changes, so that a message that is
// made late may hold on to it.
struct Directory {
  std::vector<std::shared_ptr<const v1::AdvertiseKeys>> advertised;  // By position.
  SharingPlaces places;
};

// Everybody, from the closed roster on.
struct Cohort {
  std::vector<Member> members;  // By position, so ascending by identity.
  Digest transcript;            // T1
  crypto::GraphParameters parameters;
  std::shared_ptr<const Directory> directory;
  MessagePtr roster;

  uint32_t clients() const { return static_cast<uint32_t>(members.size()); }
  uint32_t threshold() const { return parameters.threshold; }
  const SharingPlaces& places() const { return directory->places; }
  std::optional<uint32_t> PositionOf(const IdentityPublicKey& identity) const;
  crypto::Party PartyAt(uint32_t position) const { return {position, members[position].identity}; }
};

// The digests of what one dealer sent in ShareKeys, in the order of its places. The dealer's own
// place on the complete graph has zeros but for the self mask.
struct ShareDigests {
  std::vector<Digest> mask_key;
  std::vector<Digest> self_mask;

  bool empty() const { return self_mask.empty(); }
};
// By dealer; empty for those outside U2.
using DigestsPtr = std::shared_ptr<const std::vector<ShareDigests>>;

// What DeliveredShares are made of. Never changes, so that a message that is made late may hold on
// to it; the phase lets go of it when nobody can ask again.
struct Delivery {
  std::shared_ptr<const Directory> directory;
  std::vector<bool> sharers;  // U2
  // By dealer, limits::kSealedSharesBytes for each place. Flat, since a session holds n · k.
  std::vector<std::string> ciphertexts;
  DigestsPtr digests;
};

// What the closing of MaskedInputCollection fixed for good.
struct FixedSets {
  std::vector<bool> sharers;    // U2
  std::vector<bool> survivors;  // U3
  uint32_t included = 0;        // |U3|
  MessagePtr survivor_set;
  Digest survivor_root;
};
using FixedSetsPtr = std::shared_ptr<const FixedSets>;

struct AdvertiseKeysPhase {
  std::map<IdentityPublicKey, Member> seats;
  // Every agreement key in use, whatever its purpose.
  std::set<std::array<uint8_t, limits::kPublicKeyBytes>> keys;
  // Who lost a seat, or brought bad keys for one: may not come back to this session, since a store
  // has room for one message of each. Nobody is ever missing in it: see TooManyOut.
  std::map<IdentityPublicKey, Drop> out;
};

struct ShareKeysPhase {
  // By dealer; empty for those who have not shared.
  std::vector<std::string> ciphertexts;
  std::vector<ShareDigests> digests;
  PlaceCounts sharing;  // By those who have.
  uint32_t answered = 0;
  uint32_t expected = 0;
};

enum class UploadState : uint8_t { kNone, kOpen, kFolding, kCounted };

struct MaskedInputPhase {
  std::shared_ptr<const Delivery> delivery;
  std::vector<UploadState> uploads;
  PlaceCounts counted;  // By those whose input is in the sum.
  uint32_t answered = 0;
  uint32_t expected = 0;
  uint32_t folding = 0;
  // No new uploads; the phase ends with the last fold.
  bool closing = false;
};

struct OwnedShare {
  uint32_t owner;
  crypto::Share share;
};

struct ConsistencyCheckPhase {
  FixedSetsPtr sets;
  DigestsPtr digests;
  std::vector<std::string> signatures;  // By position; empty for those who have not signed.
  uint32_t answered = 0;
  uint32_t expected = 0;
};

struct UnmaskingPhase {
  FixedSetsPtr sets;
  DigestsPtr digests;
  MessagePtr signatures;                          // Null in the semi-honest tier.
  std::vector<std::vector<OwnedShare>> revealed;  // By holder.
  std::vector<uint32_t> share_counts;             // By owner.
  uint32_t secrets_missing = 0;                   // With fewer than t shares yet.
  uint32_t answered = 0;
  // Those who signed the survivors (in the semi-honest tier: U3) and whoever else answered.
  uint32_t expected = 0;
  // Of U3, with a seat, but silent so far: may still answer.
  uint32_t silent = 0;
  // The phase has closed and the masks are being removed.
  bool unmasking = false;
};

struct EndedPhase {
  v1::Reason reason = v1::REASON_UNSPECIFIED;  // Unspecified: the session completed.
  std::string detail;
  MessagePtr last_word;               // The result, or the refusal.
  FixedSetsPtr sets;                  // Of a completed session.
  MessagePtr signatures;              // Of a completed session of the malicious tier.
  std::set<IdentityPublicKey> seats;  // Where the session ended before the roster.
};

using PhaseState = std::variant<AdvertiseKeysPhase, ShareKeysPhase, MaskedInputPhase,
                                ConsistencyCheckPhase, UnmaskingPhase, EndedPhase>;

struct SessionState {
  SessionOptions options;
  v1::SessionHeader header;
  Digest header_hash;
  MessagePtr offer;
  std::optional<Cohort> cohort;
  PhaseState phase;
  // By Restore: nothing is asked for that was granted before.
  bool replaying = false;
  // Of the present phase.
  bool least_time_passed = false;
  bool deadline_passed = false;
  // Of the present step, in order.
  Effects effects;

  template <class P>
  P* In() {
    return std::get_if<P>(&phase);
  }
  template <class P>
  const P* In() const {
    return std::get_if<P>(&phase);
  }
  Member& MemberAt(uint32_t position) { return cohort->members[position]; }
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_SESSION_STATE_H_
