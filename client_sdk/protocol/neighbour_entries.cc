// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/protocol/neighbour_entries.h"

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/labels.h"
#include "proto/validate.h"

namespace veilsum::client {
namespace {

absl::Status Refused(uint32_t position, absl::string_view text) {
  return Declined(v1::REASON_ROSTER_REFUSED,
                  absl::StrCat("the entry of the neighbour at position ", position, ": ", text));
}

// The bytes are those in the roster, parse, and are the neighbour's own.
absl::StatusOr<v1::AdvertiseKeysEntry> CheckEntry(const v1::AdvertiseKeys& advertised,
                                                  const crypto::Party& neighbour,
                                                  const crypto::Digest& roster_entry_hash,
                                                  const SessionContext& context) {
  const crypto::Digest entry_hash = crypto::EntryHash(crypto::AsBytes(advertised.entry()));
  if (entry_hash != roster_entry_hash) {
    return Refused(neighbour.position, "its hash is not the one in the roster");
  }
  v1::AdvertiseKeysEntry entry;
  if (!entry.ParseFromString(advertised.entry())) {
    return Refused(neighbour.position, "it does not parse");
  }
  const absl::Status valid = v1::ValidateAdvertiseKeysEntry(entry);
  if (!valid.ok()) return Refused(neighbour.position, valid.message());
  if (crypto::AsBytes(entry.identity()) != neighbour.identity.bytes()) {
    return Refused(neighbour.position, "it names another identity than the roster");
  }
  const auto signature = crypto::Signature::Parse(crypto::AsBytes(advertised.signature()));
  if (!signature.ok()) return Refused(neighbour.position, signature.status().message());
  const absl::Status verified =
      crypto::Verify(neighbour.identity, crypto::kLabelEntrySignature,
                     crypto::EntrySignatureDigest(context.header_hash, entry_hash), *signature);
  if (!verified.ok()) return Refused(neighbour.position, "its signature is not the identity's");
  absl::Status enrolled =
      CheckEnrolment(context.policy, neighbour.identity, entry.enrolment_signature());
  if (!enrolled.ok()) return enrolled;
  return entry;
}

}  // namespace

absl::StatusOr<std::vector<NeighbourPublicKeys>> CheckNeighbourEntries(
    const AwaitingNeighbours& phase, const SessionContext& context,
    const v1::NeighbourEntries& entries) {
  const absl::Status valid = v1::ValidateNeighbourEntries(entries);
  if (!valid.ok()) return Declined(v1::REASON_ROSTER_REFUSED, valid.message());
  const std::vector<crypto::Party>& neighbours = phase.cohort.neighbours;
  if (static_cast<size_t>(entries.neighbours_size()) != neighbours.size()) {
    return Declined(v1::REASON_ROSTER_REFUSED,
                    absl::StrCat("the aggregator sent the entries of ", entries.neighbours_size(),
                                 " neighbours, this client has ", neighbours.size()));
  }
  std::vector<NeighbourPublicKeys> keys;
  keys.reserve(neighbours.size());
  absl::flat_hash_set<std::string> seen = {crypto::ToString(phase.keys.channel.public_key.bytes()),
                                           crypto::ToString(phase.keys.mask.public_key.bytes())};
  for (size_t i = 0; i < neighbours.size(); ++i) {
    const uint32_t position = neighbours[i].position;
    if (entries.neighbours(i).position() != position) {
      return Refused(position, absl::StrCat("missing; there is one of position ",
                                            entries.neighbours(i).position(), " instead"));
    }
    const auto entry = CheckEntry(entries.neighbours(i).advertised(), neighbours[i],
                                  phase.neighbour_entry_hashes[i], context);
    if (!entry.ok()) return entry.status();
    const auto channel =
        crypto::ChannelPublicKey::Parse(crypto::AsBytes(entry->channel_public_key()));
    if (!channel.ok()) return Refused(position, channel.status().message());
    const auto mask = crypto::MaskPublicKey::Parse(crypto::AsBytes(entry->mask_public_key()));
    if (!mask.ok()) return Refused(position, mask.status().message());
    if (!seen.insert(entry->channel_public_key()).second ||
        !seen.insert(entry->mask_public_key()).second) {
      return Refused(position, "it has a key that is this client's own or in another entry too");
    }
    keys.push_back(NeighbourPublicKeys{*channel, *mask});
  }
  return keys;
}

}  // namespace veilsum::client
