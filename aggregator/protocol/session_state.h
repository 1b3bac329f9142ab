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

// One seat.
struct Member {
  IdentityPublicKey identity;
  v1::AdvertiseKeys advertised;
  Digest entry_hash;
  crypto::ChannelPublicKey channel_public_key;
  crypto::MaskPublicKey mask_public_key;
  Digest self_mask_commitment;
  // SHA-256 of what was accepted of it, by Phase: a message's body, an upload's bytes. Tells a
  // resend from a conflict.
  std::array<std::optional<Digest>, kPhases> accepted;
  std::optional<Drop> dropped;

  std::optional<Digest>& AcceptedIn(Phase phase) { return accepted[static_cast<size_t>(phase)]; }
  const std::optional<Digest>& AcceptedIn(Phase phase) const {
    return accepted[static_cast<size_t>(phase)];
  }
};

// Everybody, from the closed roster on.
struct Cohort {
  std::vector<Member> members;  // By position, so ascending by identity.
  Digest transcript;            // T1
  crypto::GraphParameters parameters;
  SharingPlaces places;
  MessagePtr roster;

  uint32_t clients() const { return static_cast<uint32_t>(members.size()); }
  uint32_t threshold() const { return parameters.threshold; }
  std::optional<uint32_t> PositionOf(const IdentityPublicKey& identity) const;
  crypto::Party PartyAt(uint32_t position) const { return {position, members[position].identity}; }
};

// What one dealer sent in ShareKeys, in the order of its places. Flat, since a session holds n · k
// of them. The dealer's own place on the complete graph has zeros but for the self mask digest.
struct DealtShares {
  std::string ciphertexts;  // limits::kSealedSharesBytes each; freed once nobody can ask again.
  std::vector<Digest> mask_key_share_digests;
  std::vector<Digest> self_mask_share_digests;

  bool empty() const { return self_mask_share_digests.empty(); }
};

struct AdvertiseKeysPhase {
  std::map<IdentityPublicKey, Member> seats;
  // Every agreement key in use, whatever its purpose.
  std::set<std::array<uint8_t, limits::kPublicKeyBytes>> keys;
  // Who was dropped or left before the roster closed: may not come back to this session.
  std::map<IdentityPublicKey, Drop> out;
};

struct ShareKeysPhase {
  std::vector<DealtShares> dealt;  // By dealer; empty for those who have not shared.
  PlaceCounts sharing;             // By those who have.
  uint32_t answered = 0;
  uint32_t expected = 0;
};

enum class UploadState : uint8_t { kNone, kOpen, kFolding, kCounted };

struct MaskedInputPhase {
  std::vector<bool> sharers;  // U2
  std::vector<DealtShares> dealt;
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

struct UnmaskingPhase {
  std::vector<bool> sharers;       // U2
  std::vector<bool> survivors;     // U3
  std::vector<DealtShares> dealt;  // Digests alone.
  MessagePtr survivor_set;
  Digest survivor_root;
  std::vector<std::vector<OwnedShare>> revealed;  // By holder.
  std::vector<uint32_t> share_counts;             // By owner.
  uint32_t secrets_missing = 0;                   // With fewer than t shares yet.
  uint32_t answered = 0;
  uint32_t expected = 0;
  // The phase has closed and the masks are being removed.
  bool unmasking = false;
};

struct EndedPhase {
  v1::Reason reason = v1::REASON_UNSPECIFIED;  // Unspecified: the session completed.
  std::string detail;
  MessagePtr last_word;               // The result, or the refusal.
  std::vector<bool> survivors;        // U3, of a completed session.
  MessagePtr survivor_set;            // Of a completed session.
  std::set<IdentityPublicKey> seats;  // Where the session ended before the roster.
};

using PhaseState =
    std::variant<AdvertiseKeysPhase, ShareKeysPhase, MaskedInputPhase, UnmaskingPhase, EndedPhase>;

struct SessionState {
  SessionOptions options;
  v1::SessionHeader header;
  Digest header_hash;
  MessagePtr offer;
  std::optional<Cohort> cohort;
  PhaseState phase;
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
