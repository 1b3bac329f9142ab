// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Attacks on who a client thinks it is with: replaced, copied and weak keys, identities of the
// aggregator's own making. Six clients, the last one corrupted: t = 4, n_min = 4.

#include <algorithm>

#include "crypto/primitives/labels.h"
#include "crypto/transcript/key_schedule.h"
#include "crypto/transcript/transcript.h"
#include "gtest/gtest.h"
#include "tests/adversary/matchers.h"

namespace veilsum::adversary {
namespace {

using Set = MaliciousAggregator::Set;

crypto::MaskKeyPair MadeUpMaskKey() {
  return crypto::DeriveMaskKeyPair(crypto::MaskPrivateSeed::Generate(
      [](absl::Span<uint8_t> out) { std::fill(out.begin(), out.end(), uint8_t{7}); }));
}

class RosterAttacks : public ::testing::Test {
 protected:
  RosterAttacks() : aggregator_(Cohort{}) { aggregator_.OfferTo(aggregator_.Everybody()); }

  HonestClient& victim() { return aggregator_.client(0); }
  v1::AdvertiseKeysEntry EntryOf(uint32_t position) const {
    v1::AdvertiseKeysEntry entry;
    entry.ParseFromString(aggregator_.seats[position].entry());
    return entry;
  }
  // Puts an entry in a seat, signed by somebody whose identity key the adversary may hold.
  void Seat(uint32_t position, const v1::AdvertiseKeysEntry& entry,
            const crypto::IdentityKeyPair& signer) {
    v1::AdvertiseKeys& seat = aggregator_.seats[position];
    seat.set_entry(entry.SerializeAsString());
    seat.set_signature(crypto::ToString(
        crypto::Sign(signer, crypto::kLabelEntrySignature,
                     crypto::EntrySignatureDigest(crypto::HeaderHash(crypto::AsBytes(
                                                      aggregator_.header.SerializeAsString())),
                                                  crypto::EntryHash(crypto::AsBytes(seat.entry()))))
            .bytes()));
  }
  void CorruptedAdvertises(const v1::AdvertiseKeysEntry& entry) {
    Seat(5, entry, aggregator_.client(5).key_pair());
  }
  // The victim goes no further than this, and nothing comes of it.
  void ExpectVictimRefuses(v1::Reason reason = v1::REASON_ROSTER_REFUSED) {
    aggregator_.AnnounceTo({0});
    EXPECT_THAT(victim(), Refuses(reason));
    EXPECT_EQ(victim().Last(v1::ClientMessage::kShareKeys), nullptr);
    EXPECT_THAT(aggregator_, LearnsNoSum());
  }

  MaliciousAggregator aggregator_;
};

// ---- Keys replaced or copied on the way ----

TEST_F(RosterAttacks, KeysReplacedByTheAggregatorsOwn) {
  // Each other honest client's mask key, so that the victim masks with the aggregator alone. It
  // signs with the only identity key it has.
  const crypto::MaskKeyPair own = MadeUpMaskKey();
  aggregator_.keys().Add(own);
  v1::AdvertiseKeysEntry entry = EntryOf(1);
  entry.set_mask_public_key(crypto::ToString(own.public_key.bytes()));
  Seat(1, entry, aggregator_.client(5).key_pair());
  ExpectVictimRefuses();
}

TEST_F(RosterAttacks, KeysReplacedUnderTheOldSignature) {
  const crypto::MaskKeyPair own = MadeUpMaskKey();
  aggregator_.keys().Add(own);
  v1::AdvertiseKeysEntry entry = EntryOf(1);
  entry.set_mask_public_key(crypto::ToString(own.public_key.bytes()));
  aggregator_.seats[1].set_entry(entry.SerializeAsString());
  ExpectVictimRefuses();
}

TEST_F(RosterAttacks, AnotherEntryThanTheRosterNames) {
  // The roster is the true one, so that T1 fits; the entry is not.
  const v1::ServerMessage roster = aggregator_.Roster();
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.set_mask_public_key(crypto::ToString(MadeUpMaskKey().public_key.bytes()));
  CorruptedAdvertises(entry);
  victim().Hear(roster);
  victim().Hear(aggregator_.Neighbours(0));
  EXPECT_THAT(victim(), Refuses(v1::REASON_ROSTER_REFUSED));
}

TEST_F(RosterAttacks, KeyCopiedFromAnHonestClient) {
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.set_mask_public_key(EntryOf(1).mask_public_key());
  CorruptedAdvertises(entry);
  ExpectVictimRefuses();
}

TEST_F(RosterAttacks, ChannelKeyCopiedAsAMaskKey) {
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.set_mask_public_key(EntryOf(1).channel_public_key());
  CorruptedAdvertises(entry);
  ExpectVictimRefuses();
}

TEST_F(RosterAttacks, TheVictimsEntryReplaced) {
  v1::AdvertiseKeysEntry entry = EntryOf(0);
  entry.set_mask_public_key(crypto::ToString(MadeUpMaskKey().public_key.bytes()));
  Seat(0, entry, aggregator_.client(5).key_pair());
  ExpectVictimRefuses();
}

// ---- Small-order, own, duplicate or reused key ----

TEST_F(RosterAttacks, KeyOfSmallOrder) {
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.set_mask_public_key(std::string(32, '\0'));
  CorruptedAdvertises(entry);
  ExpectVictimRefuses();
}

TEST_F(RosterAttacks, KeyOfWrongLength) {
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.mutable_channel_public_key()->pop_back();
  CorruptedAdvertises(entry);
  ExpectVictimRefuses();
}

TEST_F(RosterAttacks, TheVictimsOwnKeyReflected) {
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.set_mask_public_key(EntryOf(0).mask_public_key());
  CorruptedAdvertises(entry);
  ExpectVictimRefuses();
}

TEST_F(RosterAttacks, OneKeyForBothPurposes) {
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.set_mask_public_key(entry.channel_public_key());
  CorruptedAdvertises(entry);
  ExpectVictimRefuses();
}

// ---- One corrupted identity on many seats; identities of the aggregator's own making ----

TEST_F(RosterAttacks, OneCorruptedIdentityOnManySeats) {
  for (const uint32_t seat : {1, 2, 3, 4}) aggregator_.seats[seat] = aggregator_.seats[5];
  ExpectVictimRefuses();
}

TEST_F(RosterAttacks, ManySeatsWithDifferentKeys) {
  // With the last two seats, so that all else ascends, and no key comes twice.
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.set_mask_public_key(crypto::ToString(MadeUpMaskKey().public_key.bytes()));
  entry.set_channel_public_key(crypto::ToString(
      crypto::DeriveChannelKeyPair(aggregator_.client(5).session_secret(), crypto::Digest{})
          .public_key.bytes()));
  Seat(4, entry, aggregator_.client(5).key_pair());
  ExpectVictimRefuses();
}

TEST_F(RosterAttacks, IdentitiesOfTheAggregatorsOwnMaking) {
  // Well signed, well formed and in order: only the roster file tells.
  const crypto::IdentityPublicKey first = victim().identity();
  for (uint64_t seed = 2;; ++seed) {
    Cohort strangers;
    strangers.seed = seed;
    const auto minted = IdentitiesOf(strangers);
    if (!(first < minted[1]->public_key())) continue;
    for (uint32_t position = 1; position < 6; ++position) {
      v1::AdvertiseKeysEntry entry = EntryOf(position);
      entry.set_identity(crypto::ToString(minted[position]->public_key().bytes()));
      Seat(position, entry, *minted[position]);
    }
    break;
  }
  ExpectVictimRefuses(v1::REASON_NOT_ENROLLED);
}

TEST_F(RosterAttacks, TheVictimHasNoSeat) {
  v1::ServerMessage roster = aggregator_.Roster();
  roster.mutable_roster()->mutable_roster()->mutable_seats()->DeleteSubrange(0, 1);
  victim().Hear(roster);
  EXPECT_THAT(victim(), Refuses(v1::REASON_ROSTER_REFUSED));
}

TEST_F(RosterAttacks, TheVictimSitsTwice) {
  v1::ServerMessage roster = aggregator_.Roster();
  *roster.mutable_roster()->mutable_roster()->mutable_seats(1) = roster.roster().roster().seats(0);
  victim().Hear(roster);
  EXPECT_THAT(victim(), Refuses(v1::REASON_ROSTER_REFUSED));
}

// ---- Small cohort ----

TEST_F(RosterAttacks, SmallCohort) {
  // Three of at least four.
  v1::ServerMessage roster = aggregator_.Roster();
  roster.mutable_roster()->mutable_roster()->mutable_seats()->DeleteSubrange(1, 3);
  victim().Hear(roster);
  EXPECT_THAT(victim(), Refuses(v1::REASON_ROSTER_REFUSED));
}

TEST_F(RosterAttacks, MoreSeatsThanTheHeaderAllows) {
  v1::ServerMessage roster = aggregator_.Roster();
  for (int i = 0; i < 50'000; ++i) {
    *roster.mutable_roster()->mutable_roster()->add_seats() = roster.roster().roster().seats(5);
  }
  victim().Hear(roster);
  EXPECT_THAT(victim(), Refuses(v1::REASON_ROSTER_REFUSED));
}

// ---- Different rosters ----

TEST_F(RosterAttacks, DifferentRostersShown) {
  // The corrupted client comes to the victim with other keys than to the rest: another T1, so
  // that nothing of one group is worth anything in the other.
  aggregator_.AnnounceTo({1, 2, 3, 4, 5});
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.set_mask_public_key(crypto::ToString(MadeUpMaskKey().public_key.bytes()));
  aggregator_.keys().Add(MadeUpMaskKey());
  CorruptedAdvertises(entry);
  aggregator_.AnnounceTo({0});
  ASSERT_THAT(victim(), GoesOn());
  aggregator_.DeliverTo(aggregator_.Everybody(), aggregator_.Everybody());
  const Set all = aggregator_.Everybody();
  aggregator_.ShowSurvivorsTo(all, all);
  aggregator_.PassSignaturesTo(all, all);
  EXPECT_THAT(victim(), Refuses(v1::REASON_TOO_FEW_SIGNATURES));
  for (const uint32_t client : {1, 2, 3, 4}) EXPECT_THAT(aggregator_.client(client), Answered());
  EXPECT_THAT(aggregator_, LearnsNoSum());
}

TEST_F(RosterAttacks, AnotherRosterAfterTheFirst) {
  victim().Hear(aggregator_.Roster());
  v1::AdvertiseKeysEntry entry = EntryOf(5);
  entry.set_mask_public_key(crypto::ToString(MadeUpMaskKey().public_key.bytes()));
  CorruptedAdvertises(entry);
  ExpectVictimRefuses();
}

}  // namespace
}  // namespace veilsum::adversary
