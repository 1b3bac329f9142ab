// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/adversary/sight.h"

#include <algorithm>
#include <utility>

#include "crypto/graph/parameters.h"
#include "proto/limits.h"
#include "proto/session_graph.h"

namespace veilsum::adversary {
namespace {

// n_min less those of the corrupted that sit in the roster, but for no more than the header allows
// for.
uint32_t PromiseOf(const v1::SessionHeader& header, uint32_t corrupted_seats) {
  const double rate = header.corruption_rate();
  const uint32_t allowed =
      std::max<uint32_t>(rate > 0 ? 1 : 0, crypto::FloorOfRate(rate, header.max_clients()));
  const uint32_t inputs = std::min(allowed, corrupted_seats);
  return header.min_survivors() > inputs ? header.min_survivors() - inputs : 1;
}

}  // namespace

std::optional<Sight> SightOf(const ClientView& view,
                             const std::set<crypto::IdentityPublicKey>& corrupted) {
  Sight sight;
  sight.view = &view;
  if (!view.roster.has_value() || !view.entry.has_value() ||
      !sight.header.ParseFromString(view.header)) {
    return std::nullopt;
  }
  std::vector<crypto::RosterSeat> seats;
  uint32_t corrupted_seats = 0;
  bool seated = false;
  for (const v1::Roster::Seat& seat : view.roster->seats()) {
    const auto identity = crypto::IdentityPublicKey::Parse(crypto::AsBytes(seat.identity()));
    if (!identity.ok() || seat.entry_hash().size() != limits::kDigestBytes) return std::nullopt;
    crypto::RosterSeat parsed{*identity, {}};
    std::copy(seat.entry_hash().begin(), seat.entry_hash().end(), parsed.entry_hash.begin());
    const auto position = static_cast<uint32_t>(seats.size());
    if (*identity == view.identity && !std::exchange(seated, true)) sight.position = position;
    corrupted_seats += corrupted.count(*identity);
    sight.parties.push_back({position, *identity});
    seats.push_back(parsed);
  }
  const auto clients = static_cast<uint32_t>(seats.size());
  const auto parameters = crypto::PlanGraph(GraphRequestOf(sight.header, clients));
  if (!seated || !parameters.ok()) return std::nullopt;
  sight.header_hash = crypto::HeaderHash(crypto::AsBytes(view.header));
  sight.transcript = crypto::TranscriptDigest(sight.header_hash, crypto::RosterRoot(seats));
  const auto graph = DrawGraph(sight.header, clients, parameters->degree, sight.transcript);
  if (!graph.ok()) return std::nullopt;
  sight.neighbours = graph->NeighboursOf(sight.position);
  sight.threshold = parameters->threshold;
  sight.promised = PromiseOf(sight.header, corrupted_seats);
  return sight;
}

}  // namespace veilsum::adversary
