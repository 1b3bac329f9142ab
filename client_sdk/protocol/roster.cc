// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// docs/protocol.md, "Round 0, AdvertiseKeys": the client's checks of the roster.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/rounds.h"
#include "crypto/graph/parameters.h"
#include "proto/session_graph.h"
#include "proto/validate.h"

namespace veilsum::client {
namespace {

absl::Status Refused(absl::string_view text) { return Declined(v1::REASON_ROSTER_REFUSED, text); }

// Parsed, and strictly ascending by identity.
absl::StatusOr<std::vector<crypto::RosterSeat>> ParseSeats(const v1::Roster& roster) {
  const absl::Status valid = v1::ValidateRoster(roster);
  if (!valid.ok()) return Refused(valid.message());
  std::vector<crypto::RosterSeat> seats;
  seats.reserve(roster.seats_size());
  for (const v1::Roster::Seat& seat : roster.seats()) {
    const auto identity = crypto::IdentityPublicKey::Parse(crypto::AsBytes(seat.identity()));
    if (!identity.ok()) {
      return Refused(
          absl::StrCat("roster.seats[", seats.size(), "].identity: ", identity.status().message()));
    }
    if (!seats.empty() && !(seats.back().identity < *identity)) {
      return Refused(
          absl::StrCat("roster.seats[", seats.size(), "]: identities do not ascend strictly"));
    }
    crypto::RosterSeat parsed{*identity, {}};
    std::copy(seat.entry_hash().begin(), seat.entry_hash().end(), parsed.entry_hash.begin());
    seats.push_back(parsed);
  }
  return seats;
}

// The position of this client. That identities ascend makes it the only one.
absl::StatusOr<uint32_t> FindSelf(const std::vector<crypto::RosterSeat>& seats,
                                  const crypto::IdentityPublicKey& identity,
                                  const crypto::Digest& entry_hash) {
  const auto seat =
      std::lower_bound(seats.begin(), seats.end(), identity,
                       [](const crypto::RosterSeat& a, const crypto::IdentityPublicKey& b) {
                         return a.identity < b;
                       });
  if (seat == seats.end() || seat->identity != identity) {
    return Refused("the roster does not name this client");
  }
  if (seat->entry_hash != entry_hash) {
    return Refused("the roster names this client with another entry than it sent");
  }
  return static_cast<uint32_t>(seat - seats.begin());
}

// "… every identity in its roster file, if it has one".
absl::Status CheckVouchedFor(const std::vector<crypto::RosterSeat>& seats,
                             const SessionPolicy& policy) {
  for (const crypto::RosterSeat& seat : seats) {
    absl::Status vouched = CheckInRosterFile(policy, seat.identity);
    if (!vouched.ok()) return vouched;
  }
  return absl::OkStatus();
}

absl::Status CheckSize(size_t clients, const v1::SessionHeader& header) {
  if (clients >= header.min_survivors() && clients <= header.max_clients()) return absl::OkStatus();
  return Refused(absl::StrCat("the roster has ", clients, " clients, the header allows ",
                              header.min_survivors(), " to ", header.max_clients()));
}

// k and t follow from the header and n, and nobody else has a say in them.
absl::StatusOr<crypto::GraphParameters> PlanFor(const v1::SessionHeader& header, uint32_t clients) {
  auto parameters = crypto::PlanGraph(GraphRequestOf(header, clients));
  if (!parameters.ok()) return Refused(parameters.status().message());
  return parameters;
}

}  // namespace

absl::StatusOr<AwaitingNeighbours> CheckRoster(AwaitingRoster phase,
                                               const v1::RosterAnnouncement& announcement,
                                               SessionContext& context, Effects&) {
  const v1::SessionHeader& header = context.header;
  // Before memory is spent on it.
  absl::Status status = CheckSize(announcement.roster().seats_size(), header);
  if (!status.ok()) return status;
  const auto seats = ParseSeats(announcement.roster());
  if (!seats.ok()) return seats.status();
  status = CheckVouchedFor(*seats, context.policy);
  if (!status.ok()) return status;
  const auto own_position = FindSelf(*seats, context.identity->public_key(), phase.keys.entry_hash);
  if (!own_position.ok()) return own_position.status();

  const auto clients = static_cast<uint32_t>(seats->size());
  const auto parameters = PlanFor(header, clients);
  if (!parameters.ok()) return parameters.status();
  const crypto::Digest roster_root = crypto::RosterRoot(*seats);
  const crypto::Digest transcript = crypto::TranscriptDigest(context.header_hash, roster_root);
  const auto graph = DrawGraph(header, clients, parameters->degree, transcript);
  if (!graph.ok()) return Refused(graph.status().message());

  AwaitingNeighbours next{std::move(phase.keys),
                          roster_root,
                          Cohort{transcript,
                                 clients,
                                 parameters->threshold,
                                 header.graph() == v1::GRAPH_RULE_COMPLETE,
                                 crypto::Party{*own_position, context.identity->public_key()},
                                 {}},
                          {}};
  for (const uint32_t position : graph->NeighboursOf(*own_position)) {
    const crypto::RosterSeat& seat = (*seats)[position];
    next.cohort.neighbours.push_back(crypto::Party{position, seat.identity});
    next.neighbour_entry_hashes.push_back(seat.entry_hash);
  }
  return next;
}

absl::Status CheckSameRoster(const crypto::Digest& roster_root,
                             const v1::RosterAnnouncement& announcement) {
  const auto seats = ParseSeats(announcement.roster());
  if (!seats.ok()) return seats.status();
  if (crypto::RosterRoot(*seats) != roster_root) {
    return Refused("the aggregator announced two different rosters");
  }
  return absl::OkStatus();
}

}  // namespace veilsum::client
