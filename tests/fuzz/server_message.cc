// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What an aggregator says on a control stream. The first byte is the number of clients that the
// receiver believes there are.
#include <vector>

#include "crypto/transcript/bitmap.h"
#include "proto/participant.pb.h"
#include "proto/session.pb.h"
#include "proto/validate.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {
namespace {

void ReadNeighbours(const v1::NeighbourEntries& neighbours) {
  if (!v1::ValidateNeighbourEntries(neighbours).ok()) return;
  for (const auto& neighbour : neighbours.neighbours()) {
    v1::AdvertiseKeysEntry entry;
    if (entry.ParseFromString(neighbour.advertised().entry())) {
      (void)v1::ValidateAdvertiseKeysEntry(entry);
    }
  }
}

void RequireBitmap(const std::string& bitmap, uint32_t clients) {
  const auto members = crypto::DecodeBitmap(crypto::AsBytes(bitmap), clients);
  Require(members.ok(), "the bitmap of a valid message can be read");
}

}  // namespace

void FuzzOne(crypto::ByteSpan data) {
  Input input(data);
  const uint32_t clients = input.Byte();
  v1::ServerMessage message;
  if (!message.ParseFromString(crypto::ToString(input.Rest()))) return;
  switch (message.message_case()) {
    case v1::ServerMessage::kOffer: {
      v1::SessionHeader header;
      if (header.ParseFromString(message.offer().header())) (void)v1::ValidateHeader(header);
      break;
    }
    case v1::ServerMessage::kRoster:
      (void)v1::ValidateRoster(message.roster().roster());
      break;
    case v1::ServerMessage::kNeighbours:
      ReadNeighbours(message.neighbours());
      break;
    case v1::ServerMessage::kShares:
      if (!v1::ValidateDeliveredShares(message.shares(), clients).ok()) break;
      RequireBitmap(message.shares().sharers(), clients);
      break;
    case v1::ServerMessage::kSurvivors:
      if (!v1::ValidateSurvivorSet(message.survivors(), clients).ok()) break;
      RequireBitmap(message.survivors().survivors(), clients);
      break;
    case v1::ServerMessage::kConsistency:
      (void)v1::ValidateConsistencySignatures(message.consistency(), clients);
      break;
    case v1::ServerMessage::kResult:
      (void)v1::ValidateSessionResult(message.result());
      break;
    default:
      break;
  }
}

}  // namespace veilsum::fuzz
