// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Round 0, AdvertiseKeys: from entries to the roster, T1, k and t.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/protocol/answers.h"
#include "aggregator/protocol/rounds.h"
#include "crypto/graph/parameters.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"
#include "proto/session_graph.h"
#include "proto/validate.h"

namespace veilsum::aggregator {
namespace {

constexpr Phase kPhase = Phase::kAdvertiseKeys;

std::array<uint8_t, limits::kPublicKeyBytes> RawKey(crypto::ByteSpan bytes) {
  std::array<uint8_t, limits::kPublicKeyBytes> raw;
  std::copy(bytes.begin(), bytes.end(), raw.begin());
  return raw;
}

void RefuseEntry(SessionState& state, const IdentityPublicKey& from, MessageResult result,
                 v1::Reason reason, absl::string_view detail) {
  Refuse(state, {from, kPhase, result, reason, std::string(detail)});
}

// A resend of what holds the seat already, or other bytes.
void AnswerSeated(SessionState& state, const Member& member, const v1::AdvertiseKeys& message) {
  if (member.advertised->entry() == message.entry() &&
      member.advertised->signature() == message.signature()) {
    AcceptAgain(state, member.identity, kPhase);
    return;
  }
  RefuseEntry(state, member.identity, MessageResult::kConflict, v1::REASON_SEAT_TAKEN,
              "this identity already sits in the session with other keys");
}

void AnswerAfterClose(SessionState& state, const AdvertiseKeysReceived& event) {
  if (state.cohort.has_value()) {
    const std::optional<uint32_t> position = state.cohort->PositionOf(event.from);
    if (position.has_value()) {
      AnswerSeated(state, state.MemberAt(*position), event.message);
      return;
    }
  }
  CheckPhase(state, event.from, kPhase);
}

// The order of the checks is the order of docs/protocol.md, after who may take part at all.
bool MayAdvertise(SessionState& state, AdvertiseKeysPhase& phase,
                  const AdvertiseKeysReceived& event) {
  const auto out = phase.out.find(event.from);
  if (out != phase.out.end()) {
    RefuseEntry(state, event.from, MessageResult::kNotMember, out->second.reason,
                absl::StrCat("this client is out of the session: ", out->second.detail));
    return false;
  }
  const auto seat = phase.seats.find(event.from);
  if (seat != phase.seats.end()) {
    AnswerSeated(state, seat->second, event.message);
    return false;
  }
  if (!state.replaying && !state.options.admits(event.from)) {
    RefuseEntry(state, event.from, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER,
                "this identity may not take part in the task");
    return false;
  }
  if (!state.replaying && TooManyOut(phase)) {
    RefuseEntry(state, event.from, MessageResult::kLate, v1::REASON_SESSION_FULL, kTooManyOut);
    return false;
  }
  return true;
}

std::optional<v1::AdvertiseKeysEntry> ParseEntry(SessionState& state,
                                                 const AdvertiseKeysReceived& event) {
  absl::Status status = v1::ValidateAdvertiseKeys(event.message);
  v1::AdvertiseKeysEntry entry;
  if (status.ok() && !entry.ParseFromString(event.message.entry())) {
    status = absl::InvalidArgumentError("advertise_keys.entry: does not parse");
  }
  if (status.ok()) status = v1::ValidateAdvertiseKeysEntry(entry);
  if (status.ok() && entry.identity() != crypto::AsStringView(event.from.bytes())) {
    status = absl::InvalidArgumentError("entry.identity: is not the identity that speaks");
  }
  if (status.ok()) return entry;
  const bool oversized = event.message.entry().size() > limits::kMaxEntryBytes;
  RefuseEntry(state, event.from, oversized ? MessageResult::kOversized : MessageResult::kMalformed,
              oversized ? v1::REASON_OVERSIZED : v1::REASON_MALFORMED, status.message());
  return std::nullopt;
}

bool CheckEnrolment(SessionState& state, const IdentityPublicKey& from,
                    const v1::AdvertiseKeysEntry& entry) {
  if (state.replaying || state.options.enrolment == nullptr) return true;
  const absl::Status status =
      state.options.enrolment(from, crypto::AsBytes(entry.enrolment_signature()));
  if (status.ok()) return true;
  RefuseEntry(state, from, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER, status.message());
  return false;
}

// A client with such a key is not let in again with another one: whoever copies a key, or makes
// one of small order, does not do it by accident.
void DropForKey(SessionState& state, AdvertiseKeysPhase& phase, const IdentityPublicKey& from,
                std::string detail) {
  Drop drop{v1::REASON_BAD_KEY, std::move(detail)};
  Remember(state, DropClient{from, kPhase, drop.reason, drop.detail});
  Refuse(state, {from, kPhase, MessageResult::kMalformed, drop.reason, drop.detail,
                 /*dropped=*/true});
  state.effects.emplace_back(ClientDropped{from, kPhase, drop.reason, drop.detail});
  SendTo(state, from, MakeRefusal(v1::Refused::SCOPE_CLIENT, drop.reason, drop.detail));
  phase.out.emplace(from, std::move(drop));
}

void TakeSeat(SessionState& state, AdvertiseKeysPhase& phase, AdvertiseKeysReceived event,
              const v1::AdvertiseKeysEntry& entry, const Digest& entry_hash) {
  const auto channel_key =
      crypto::ChannelPublicKey::Parse(crypto::AsBytes(entry.channel_public_key()));
  const auto mask_key = crypto::MaskPublicKey::Parse(crypto::AsBytes(entry.mask_public_key()));
  if (!channel_key.ok() || !mask_key.ok()) {
    const absl::Status& status = channel_key.ok() ? mask_key.status() : channel_key.status();
    DropForKey(state, phase, event.from, std::string(status.message()));
    return;
  }
  const auto raw_channel_key = RawKey(channel_key->bytes());
  const auto raw_mask_key = RawKey(mask_key->bytes());
  if (raw_channel_key == raw_mask_key) {
    DropForKey(state, phase, event.from, "the channel key and the mask key are the same");
    return;
  }
  if (phase.keys.count(raw_channel_key) != 0 || phase.keys.count(raw_mask_key) != 0) {
    DropForKey(state, phase, event.from, "a key is already used by another client");
    return;
  }
  phase.keys.insert(raw_channel_key);
  phase.keys.insert(raw_mask_key);
  Digest commitment;
  std::copy(entry.self_mask_commitment().begin(), entry.self_mask_commitment().end(),
            commitment.begin());
  RememberMessage(state, kPhase, event.from, entry_hash, event.message);
  auto advertised = std::make_shared<const v1::AdvertiseKeys>(std::move(event.message));
  Member member{event.from, std::move(advertised), entry_hash, *channel_key, *mask_key, commitment,
                {},         std::nullopt};
  phase.seats.emplace(event.from, std::move(member));
  Accept(state, event.from, kPhase);
}

// ---- Closing ----

MessagePtr MakeRoster(const std::vector<crypto::RosterSeat>& seats) {
  return MakeMessage([&](v1::ServerMessage& message) {
    v1::Roster* roster = message.mutable_roster()->mutable_roster();
    roster->mutable_seats()->Reserve(static_cast<int>(seats.size()));
    for (const crypto::RosterSeat& seat : seats) {
      v1::Roster::Seat* line = roster->add_seats();
      line->set_identity(crypto::ToString(seat.identity.bytes()));
      line->set_entry_hash(crypto::ToString(seat.entry_hash));
    }
  });
}

v1::ServerMessage MakeNeighbourEntries(const Directory& directory, uint32_t position) {
  v1::ServerMessage message;
  v1::NeighbourEntries* entries = message.mutable_neighbours();
  entries->mutable_neighbours()->Reserve(static_cast<int>(directory.places.places()));
  directory.places.ForEach(position, [&](uint32_t peer) {
    if (peer == position) return;
    v1::NeighbourEntries::Neighbour* neighbour = entries->add_neighbours();
    neighbour->set_position(peer);
    *neighbour->mutable_advertised() = *directory.advertised[peer];
  });
  return message;
}

absl::StatusOr<Cohort> FormCohort(const SessionState& state, AdvertiseKeysPhase phase) {
  const uint32_t clients = static_cast<uint32_t>(phase.seats.size());
  const absl::StatusOr<crypto::GraphParameters> parameters =
      crypto::PlanGraph(GraphRequestOf(state.header, clients));
  if (!parameters.ok()) return parameters.status();

  std::vector<Member> members;
  std::vector<crypto::RosterSeat> seats;
  std::vector<std::shared_ptr<const v1::AdvertiseKeys>> advertised;
  members.reserve(clients);
  seats.reserve(clients);
  advertised.reserve(clients);
  // The map's order is the roster's: strictly ascending by identity.
  for (auto& [identity, member] : phase.seats) {
    seats.push_back({identity, member.entry_hash});
    advertised.push_back(member.advertised);
    members.push_back(std::move(member));
  }
  const Digest transcript = crypto::TranscriptDigest(state.header_hash, crypto::RosterRoot(seats));
  const absl::StatusOr<crypto::NeighbourGraph> graph =
      DrawGraph(state.header, clients, parameters->degree, transcript);
  if (!graph.ok()) return graph.status();
  const bool complete = state.header.graph() == v1::GRAPH_RULE_COMPLETE;
  auto directory = std::make_shared<const Directory>(
      Directory{std::move(advertised), SharingPlaces(*graph, complete)});
  return Cohort{std::move(members), transcript, *parameters, std::move(directory),
                MakeRoster(seats)};
}

}  // namespace

// Round 0, the aggregator's checks of an entry.
void Receive(SessionState& state, AdvertiseKeysReceived event) {
  AdvertiseKeysPhase* phase = state.In<AdvertiseKeysPhase>();
  if (phase == nullptr) {
    AnswerAfterClose(state, event);
    return;
  }
  if (!MayAdvertise(state, *phase, event)) return;
  const std::optional<v1::AdvertiseKeysEntry> entry = ParseEntry(state, event);
  if (!entry.has_value()) return;
  const Digest entry_hash = crypto::EntryHash(crypto::AsBytes(event.message.entry()));
  if (!VerifySignature(event.from, crypto::kLabelEntrySignature,
                       crypto::EntrySignatureDigest(state.header_hash, entry_hash),
                       event.message.signature())) {
    RefuseEntry(state, event.from, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE,
                "the signature is not this identity's over this entry and this session's header");
    return;
  }
  if (!CheckEnrolment(state, event.from, *entry)) return;
  TakeSeat(state, *phase, std::move(event), *entry, entry_hash);
}

void WithdrawFrom(SessionState& state, AdvertiseKeysPhase& phase, const IdentityPublicKey& from,
                  Drop drop) {
  const auto seat = phase.seats.find(from);
  if (seat != phase.seats.end()) {
    phase.keys.erase(RawKey(seat->second.channel_public_key.bytes()));
    phase.keys.erase(RawKey(seat->second.mask_public_key.bytes()));
    phase.seats.erase(seat);
  }
  state.effects.emplace_back(ClientDropped{from, kPhase, drop.reason, drop.detail});
  SendTo(state, from, MakeRefusal(v1::Refused::SCOPE_CLIENT, drop.reason, drop.detail));
  phase.out.emplace(from, std::move(drop));
}

bool TooManyOut(const AdvertiseKeysPhase& phase) { return phase.out.size() >= limits::kMaxClients; }

bool IsDone(const SessionState& state, const AdvertiseKeysPhase& phase) {
  const uint32_t seats = static_cast<uint32_t>(phase.seats.size());
  return state.deadline_passed || seats >= state.header.max_clients() ||
         (seats >= state.header.min_survivors() &&
          TargetReached(state, kPhase, seats, state.header.max_clients()));
}

// Round 0, closing: k and t, the roster, and to each its neighbours' entries.
void Close(SessionState& state, AdvertiseKeysPhase phase) {
  const uint32_t clients = static_cast<uint32_t>(phase.seats.size());
  Remember(state, ClosePhase{kPhase, clients});
  state.effects.emplace_back(PhaseClosed{kPhase, clients});
  // Kept for Abort, which tells the seats of the phase.
  const auto abort = [&](v1::Reason reason, std::string detail) {
    state.phase = std::move(phase);
    Abort(state, reason, std::move(detail));
  };
  if (clients < state.header.min_survivors()) {
    abort(v1::REASON_TOO_FEW_CLIENTS, absl::StrCat("too few clients advertised keys: ", clients,
                                                   " of at least ", state.header.min_survivors()));
    return;
  }
  absl::StatusOr<Cohort> cohort = FormCohort(state, phase);
  if (!cohort.ok()) {
    abort(v1::REASON_INFEASIBLE_PARAMETERS,
          absl::StrCat("no parameters for ", clients, " clients: ", cohort.status().message()));
    return;
  }
  state.cohort = *std::move(cohort);
  for (uint32_t position = 0; position < clients; ++position) {
    const IdentityPublicKey& identity = state.MemberAt(position).identity;
    SendTo(state, identity, state.cohort->roster);
    SendNeighbourEntries(state, position);
  }
  state.phase =
      ShareKeysPhase{std::vector<std::string>(clients), std::vector<ShareDigests>(clients),
                     PlaceCounts(clients), 0, clients};
  StartPhase(state, Phase::kShareKeys, clients);
}

void SendNeighbourEntries(SessionState& state, uint32_t position) {
  SendLater(state, state.MemberAt(position).identity,
            [directory = state.cohort->directory, position] {
              return MakeNeighbourEntries(*directory, position);
            });
}

}  // namespace veilsum::aggregator
