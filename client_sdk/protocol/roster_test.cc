// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Round 0 after the entry: rosters and neighbours' entries that a client refuses.

#include <functional>
#include <string>

#include "client_sdk/protocol/conversation_testing.h"
#include "crypto/primitives/labels.h"
#include "gtest/gtest.h"

namespace veilsum::client {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kVictim = 2;

struct BadRoster {
  std::string name;
  std::string text;
  std::function<void(v1::Roster&)> bend;
};

class BadRosterTest : public testing::TestWithParam<BadRoster> {};

TEST_P(BadRosterTest, IsDeclined) {
  Conversation conversation(TestHeader(5), 5);
  conversation.AdvertiseKeys();
  v1::ServerMessage message = conversation.Roster();
  GetParam().bend(*message.mutable_roster()->mutable_roster());
  const Effects effects = conversation.Tell(kVictim, message);
  EXPECT_THAT(effects, Declines(v1::REASON_ROSTER_REFUSED));
  EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRosterTest,
    testing::Values(
        BadRoster{"WithoutItself", "does not name this client",
                  [](auto& roster) { roster.mutable_seats()->DeleteSubrange(kVictim, 1); }},
        BadRoster{"ItselfTwice", "do not ascend strictly",
                  [](auto& roster) { *roster.mutable_seats(3) = roster.seats(kVictim); }},
        BadRoster{"AnotherTwice", "do not ascend strictly",
                  [](auto& roster) { *roster.mutable_seats(4) = roster.seats(3); }},
        BadRoster{"OutOfOrder", "do not ascend strictly",
                  [](auto& roster) { roster.mutable_seats()->SwapElements(0, 1); }},
        BadRoster{"AnotherEntryForItself", "another entry than it sent",
                  [](auto& roster) {
                    roster.mutable_seats(kVictim)->set_entry_hash(std::string(32, 'x'));
                  }},
        BadRoster{"TooFew", "has 2 clients, the header allows 3 to 5",
                  [](auto& roster) {
                    roster.mutable_seats()->DeleteSubrange(3, 2),
                        roster.mutable_seats()->DeleteSubrange(0, 1);
                  }},
        BadRoster{"TooMany", "has 6 clients",
                  [](auto& roster) { *roster.add_seats() = roster.seats(4); }},
        BadRoster{"Empty", "has 0 clients", [](auto& roster) { roster.Clear(); }},
        BadRoster{"ShortHash", "entry_hash",
                  [](auto& roster) { roster.mutable_seats(0)->set_entry_hash("x"); }},
        BadRoster{
            "SmallOrderIdentity", "roster.seats[0].identity",
            [](auto& roster) { roster.mutable_seats(0)->set_identity(std::string(32, '\0')); }}),
    [](const auto& info) { return info.param.name; });

TEST(RosterTest, DeclinesWhenNoParametersExist) {
  v1::SessionHeader header = TestHeader(5);
  header.set_corruption_rate(0.9);  // Of five, t would be all of them and more.
  header.set_graph(v1::GRAPH_RULE_HARARY);
  Conversation conversation(header, 5);
  conversation.AdvertiseKeys();
  EXPECT_THAT(conversation.Tell(kVictim, conversation.Roster()),
              Declines(v1::REASON_ROSTER_REFUSED));
}

TEST(RosterTest, TheSameRosterAgainIsAResendAnotherOneIsRefused) {
  Conversation conversation(TestHeader(5), 5);
  conversation.AnnounceRoster();
  EXPECT_TRUE(conversation.Tell(kVictim, conversation.Roster()).empty());
  v1::ServerMessage other = conversation.Roster();
  other.mutable_roster()->mutable_roster()->mutable_seats(0)->set_entry_hash(std::string(32, 'x'));
  EXPECT_THAT(conversation.Tell(kVictim, other), Declines(v1::REASON_ROSTER_REFUSED));
}

TEST(RosterTest, TheOutcomeIsTakenInWithTheEntries) {
  Conversation conversation(TestHeader(5), 5);
  conversation.AnnounceRoster();
  EXPECT_EQ(conversation.client(0).last_outcome(), v1::OUTCOME_OFFER);
  conversation.Tell(0, conversation.Neighbours(0));
  EXPECT_EQ(conversation.client(0).last_outcome(), v1::OUTCOME_ROSTER);
}

struct BadNeighbours {
  std::string name;
  std::string text;
  std::function<void(v1::NeighbourEntries&)> bend;
};

class BadNeighboursTest : public testing::TestWithParam<BadNeighbours> {};

TEST_P(BadNeighboursTest, AreDeclined) {
  Conversation conversation(TestHeader(5), 5);
  conversation.AnnounceRoster();
  v1::ServerMessage message = conversation.Neighbours(kVictim);
  GetParam().bend(*message.mutable_neighbours());
  const Effects effects = conversation.Tell(kVictim, message);
  EXPECT_THAT(effects, Declines(v1::REASON_ROSTER_REFUSED));
  EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadNeighboursTest,
    testing::Values(
        BadNeighbours{"OneMissing", "entries of 3 neighbours, this client has 4",
                      [](auto& entries) { entries.mutable_neighbours()->RemoveLast(); }},
        BadNeighbours{"ItselfAmongThem", "there is one of position 2",
                      [](auto& entries) { entries.mutable_neighbours(1)->set_position(kVictim); }},
        BadNeighbours{
            "Twice", "must be greater",
            [](auto& entries) { *entries.mutable_neighbours(1) = entries.neighbours(0); }},
        BadNeighbours{"OtherEntry", "its hash is not the one in the roster",
                      [](auto& entries) {
                        entries.mutable_neighbours(0)->mutable_advertised()->mutable_entry()->at(
                            40) ^= 1;
                      }},
        BadNeighbours{"EntriesSwapped", "its hash is not the one in the roster",
                      [](auto& entries) {
                        entries.mutable_neighbours(0)->mutable_advertised()->Swap(
                            entries.mutable_neighbours(1)->mutable_advertised());
                      }},
        BadNeighbours{"OtherSignature", "its signature is not the identity's",
                      [](auto& entries) {
                        *entries.mutable_neighbours(0)->mutable_advertised()->mutable_signature() =
                            entries.neighbours(1).advertised().signature();
                      }},
        BadNeighbours{"NoSignature", "signature",
                      [](auto& entries) {
                        entries.mutable_neighbours(0)->mutable_advertised()->clear_signature();
                      }}),
    [](const auto& info) { return info.param.name; });

// Entries that are bad although the roster agrees with them and their owner signed them.
class BadEntryTest : public testing::Test {
 protected:
  BadEntryTest() : conversation_(TestHeader(5), 5) { conversation_.AdvertiseKeys(); }

  v1::AdvertiseKeysEntry EntryOf(uint32_t position) {
    v1::AdvertiseKeysEntry entry;
    EXPECT_TRUE(entry.ParseFromString(conversation_.advertised[position].entry()));
    return entry;
  }
  void Replace(uint32_t position, const v1::AdvertiseKeysEntry& entry) {
    v1::AdvertiseKeys& message = conversation_.advertised[position];
    message.set_entry(entry.SerializeAsString());
    const crypto::Digest digest = crypto::EntrySignatureDigest(
        crypto::HeaderHash(crypto::AsBytes(conversation_.Offer().offer().header())),
        crypto::EntryHash(crypto::AsBytes(message.entry())));
    message.set_signature(crypto::ToString(
        crypto::Sign(conversation_.identity(position), crypto::kLabelEntrySignature, digest)
            .bytes()));
  }
  Effects TellVictim() {
    EXPECT_TRUE(conversation_.Tell(kVictim, conversation_.Roster()).empty());
    return conversation_.Tell(kVictim, conversation_.Neighbours(kVictim));
  }

  Conversation conversation_;
};

TEST_F(BadEntryTest, TheUnchangedOneIsFine) {
  Replace(0, EntryOf(0));
  EXPECT_TRUE(Find<Send>(TellVictim()).message.has_share_keys());
}

TEST_F(BadEntryTest, AKeyOfTheVictimIsRefused) {
  v1::AdvertiseKeysEntry entry = EntryOf(0);
  entry.set_mask_public_key(EntryOf(kVictim).mask_public_key());
  Replace(0, entry);
  EXPECT_THAT(TellVictim(), Declines(v1::REASON_ROSTER_REFUSED));
}

TEST_F(BadEntryTest, AKeyOfAnotherNeighbourIsRefused) {
  v1::AdvertiseKeysEntry entry = EntryOf(0);
  entry.set_channel_public_key(EntryOf(1).channel_public_key());
  Replace(0, entry);
  EXPECT_THAT(TellVictim(), Declines(v1::REASON_ROSTER_REFUSED));
}

TEST_F(BadEntryTest, OneKeyForBothPurposesIsRefused) {
  v1::AdvertiseKeysEntry entry = EntryOf(0);
  entry.set_channel_public_key(entry.mask_public_key());
  Replace(0, entry);
  EXPECT_THAT(TellVictim(), Declines(v1::REASON_ROSTER_REFUSED));
}

TEST_F(BadEntryTest, AKeyOfSmallOrderIsRefused) {
  v1::AdvertiseKeysEntry entry = EntryOf(0);
  entry.set_channel_public_key(std::string(32, '\0'));
  Replace(0, entry);
  EXPECT_THAT(TellVictim(), Declines(v1::REASON_ROSTER_REFUSED));
}

TEST_F(BadEntryTest, AnotherIdentityInsideIsRefused) {
  v1::AdvertiseKeysEntry entry = EntryOf(0);
  entry.set_identity(EntryOf(1).identity());
  Replace(0, entry);
  EXPECT_THAT(TellVictim(), Declines(v1::REASON_ROSTER_REFUSED));
}

TEST_F(BadEntryTest, BytesThatAreNoEntryAreRefused) {
  v1::AdvertiseKeysEntry entry = EntryOf(0);
  entry.clear_self_mask_commitment();
  Replace(0, entry);
  EXPECT_THAT(TellVictim(), Declines(v1::REASON_ROSTER_REFUSED));
}

}  // namespace
}  // namespace veilsum::client
