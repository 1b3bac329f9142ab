// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Conversations in round 0.

#include <optional>
#include <vector>

#include "aggregator/protocol/conversation_testing.h"
#include "aggregator/protocol/session_protocol.h"
#include "crypto/transcript/transcript.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

void ExpectReply(const Conversation& conversation, MessageResult result, v1::Reason reason) {
  const Reply reply = conversation.TheReply();
  EXPECT_EQ(static_cast<int>(reply.result), static_cast<int>(result)) << reply.detail;
  EXPECT_EQ(reply.reason, reason) << reply.detail;
  EXPECT_EQ(reply.detail.empty(), reason == v1::REASON_UNSPECIFIED);
}

TEST(AdvertiseKeysTest, ClosesWhenAllSeatsAreTaken) {
  Conversation talk(TestHeader(4));
  ASSERT_NE(talk.Find<PhaseStarted>(), nullptr);
  for (uint32_t i : {2, 0, 3}) {
    talk.Advertise(i);
    ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
    EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
    EXPECT_EQ(talk.Find<Progress>()->expected, 4u);
    EXPECT_EQ(talk.protocol().transcript(), nullptr);
    EXPECT_TRUE(talk.protocol().HasSeat(talk.client(i).id()));
  }
  EXPECT_FALSE(talk.protocol().HasSeat(talk.client(1).id()));
  talk.Advertise(1);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 4u);
  EXPECT_EQ(talk.Find<PhaseStarted>()->phase, Phase::kShareKeys);
  EXPECT_EQ(talk.Find<PhaseStarted>()->expected, 4u);
  EXPECT_EQ(talk.protocol().shape().clients, 4u);
  EXPECT_EQ(talk.protocol().shape().degree, 3u);
  EXPECT_EQ(talk.protocol().shape().threshold, 3u);
}

TEST(AdvertiseKeysTest, AnnouncesTheRosterAndTheNeighbours) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  std::vector<crypto::RosterSeat> seats;
  for (uint32_t i = 0; i < 4; ++i) {
    seats.push_back(
        {talk.client(i).id(), crypto::EntryHash(crypto::AsBytes(talk.Advertisement(i).entry()))});
  }
  const Digest header_hash =
      crypto::HeaderHash(crypto::AsBytes(talk.protocol().header().SerializeAsString()));
  EXPECT_EQ(*talk.protocol().transcript(),
            crypto::TranscriptDigest(header_hash, crypto::RosterRoot(seats)));
  for (uint32_t i = 0; i < 4; ++i) {
    const auto sent = talk.SentTo(i);
    ASSERT_EQ(sent.size(), 2u);
    const v1::Roster& roster = sent[0].roster().roster();
    ASSERT_EQ(roster.seats_size(), 4);
    for (uint32_t p = 0; p < 4; ++p) {
      EXPECT_EQ(roster.seats(p).identity(), crypto::ToString(seats[p].identity.bytes()));
      EXPECT_EQ(roster.seats(p).entry_hash(), crypto::ToString(seats[p].entry_hash));
    }
    const v1::NeighbourEntries& entries = sent[1].neighbours();
    ASSERT_EQ(entries.neighbours_size(), 3);
    for (int j = 0; j < 3; ++j) {
      const uint32_t peer = static_cast<uint32_t>(j) < i ? j : j + 1;
      EXPECT_EQ(entries.neighbours(j).position(), peer);
      EXPECT_EQ(entries.neighbours(j).advertised().entry(), talk.Advertisement(peer).entry());
    }
  }
}

TEST(AdvertiseKeysTest, SharesOneRosterMessageAmongAll) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  const v1::ServerMessage* roster = nullptr;
  for (const Effect& effect : talk.effects) {
    const Send* send = std::get_if<Send>(&effect);
    if (send == nullptr || !send->Message()->has_roster()) continue;
    if (roster == nullptr) roster = send->message.get();
    EXPECT_EQ(send->message.get(), roster);
  }
}

TEST(AdvertiseKeysTest, TakesTheSameBytesTwiceAndOthersNot) {
  Conversation talk(TestHeader(4));
  talk.Advertise(0);
  talk.Advertise(0);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  EXPECT_EQ(talk.Find<Progress>(), nullptr);
  v1::AdvertiseKeysEntry entry = talk.Entry(0);
  entry.set_self_mask_commitment(std::string(32, 'c'));
  talk.Step(AdvertiseKeysReceived{talk.client(0).id(), talk.SignEntry(0, entry)});
  ExpectReply(talk, MessageResult::kConflict, v1::REASON_SEAT_TAKEN);
  EXPECT_FALSE(talk.TheReply().dropped);

  // After the roster closed, too.
  for (uint32_t i : {1, 2, 3}) talk.Advertise(i);
  talk.Advertise(0);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  talk.Step(AdvertiseKeysReceived{talk.client(0).id(), talk.SignEntry(0, entry)});
  ExpectReply(talk, MessageResult::kConflict, v1::REASON_SEAT_TAKEN);
}

TEST(AdvertiseKeysTest, RefusesWhatIsNotAnEntryOfTheSpeaker) {
  Conversation talk(TestHeader(4));
  const IdentityPublicKey from = talk.client(0).id();
  v1::AdvertiseKeys message = talk.Advertisement(0);
  message.mutable_entry()->append(limits::kMaxEntryBytes, 'x');
  talk.Step(AdvertiseKeysReceived{from, message});
  ExpectReply(talk, MessageResult::kOversized, v1::REASON_OVERSIZED);

  message.set_entry(std::string(136, '\xff'));
  talk.Step(AdvertiseKeysReceived{from, message});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);

  message = talk.Advertisement(0);
  message.mutable_signature()->pop_back();
  talk.Step(AdvertiseKeysReceived{from, message});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);

  talk.Step(AdvertiseKeysReceived{from, talk.Advertisement(1)});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);
  EXPECT_THAT(talk.TheReply().detail, HasSubstr("entry.identity"));

  // 136 bytes, but a key one byte short and the commitment one byte too long.
  v1::AdvertiseKeysEntry entry = talk.Entry(0);
  entry.mutable_channel_public_key()->pop_back();
  entry.mutable_self_mask_commitment()->push_back('x');
  talk.Step(AdvertiseKeysReceived{from, talk.SignEntry(0, entry)});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_MALFORMED);
  EXPECT_THAT(talk.TheReply().detail, HasSubstr("entry.channel_public_key: must be 32 bytes"));

  // Refused, not dropped: the seat is still to be had.
  EXPECT_FALSE(talk.protocol().HasSeat(from));
  talk.Advertise(0);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
}

TEST(AdvertiseKeysTest, RefusesABadSignature) {
  Conversation talk(TestHeader(4));
  v1::AdvertiseKeys message = talk.Advertisement(0);
  message.set_signature(talk.Advertisement(1).signature());
  talk.Step(AdvertiseKeysReceived{talk.client(0).id(), message});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);

  // Made for another session.
  v1::SessionHeader other_header = TestHeader(4);
  other_header.set_session_id("another session!");
  Conversation other(other_header);
  talk.Step(AdvertiseKeysReceived{talk.client(0).id(), other.Advertisement(0)});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);
}

TEST(AdvertiseKeysTest, RefusesWhoMayNotTakePart) {
  Conversation talk(TestHeader(4));
  const IdentityPublicKey stranger = talk.client(3).id();
  talk.admits = [&](const IdentityPublicKey& identity) { return identity != stranger; };
  EXPECT_EQ(ReasonOf(talk.protocol().OfferFor(stranger).status()), v1::REASON_NOT_A_MEMBER);
  talk.Advertise(3);
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER);
  talk.Withdraw(3);
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
}

// Whose entry has `change` is dropped, alone, and stays out.
void ExpectBadKey(const std::function<void(Conversation&, v1::AdvertiseKeysEntry&)>& change) {
  Conversation talk(TestHeader(4));
  talk.Advertise(0);
  v1::AdvertiseKeysEntry entry = talk.Entry(1);
  change(talk, entry);
  talk.Step(AdvertiseKeysReceived{talk.client(1).id(), talk.SignEntry(1, entry)});
  ExpectReply(talk, MessageResult::kMalformed, v1::REASON_BAD_KEY);
  EXPECT_TRUE(talk.TheReply().dropped);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(1, v1::REASON_BAD_KEY)));
  ASSERT_EQ(talk.SentTo(1).size(), 1u);
  EXPECT_EQ(talk.SentTo(1)[0].refused().scope(), v1::Refused::SCOPE_CLIENT);
  EXPECT_FALSE(talk.protocol().HasSeat(talk.client(1).id()));
  EXPECT_EQ(ReasonOf(talk.protocol().OfferFor(talk.client(1).id()).status()), v1::REASON_LATE);

  talk.Advertise(1);
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_BAD_KEY);
  talk.Advertise(2);
  talk.Step(DeadlinePassed{Phase::kAdvertiseKeys});
  EXPECT_EQ(talk.protocol().shape().clients, 2u);
}

TEST(AdvertiseKeysTest, RefusesWhomNobodyVouchesFor) {
  Conversation talk(TestHeader(4));
  const std::string vouched(64, 'v');
  talk.enrolment = [&](const IdentityPublicKey& identity, absl::Span<const uint8_t> signature) {
    EXPECT_EQ(identity, talk.client(0).id());
    if (crypto::ToString(signature) == vouched) return absl::OkStatus();
    return absl::PermissionDeniedError("not of our roster");
  };
  // Only entries that are their client's are worth a check.
  v1::AdvertiseKeys forged = talk.Advertisement(0);
  forged.set_signature(std::string(64, 'x'));
  talk.Step(AdvertiseKeysReceived{talk.client(0).id(), forged});
  ExpectReply(talk, MessageResult::kBadSignature, v1::REASON_BAD_SIGNATURE);

  v1::AdvertiseKeysEntry entry = talk.Entry(0);
  const auto advertise = [&](const std::string& signature) {
    entry.set_enrolment_signature(signature);
    talk.Step(AdvertiseKeysReceived{talk.client(0).id(), talk.SignEntry(0, entry)});
  };
  for (const std::string& signature : {std::string(), std::string(64, 'w')}) {
    advertise(signature);
    ExpectReply(talk, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER);
    EXPECT_EQ(talk.TheReply().detail, "not of our roster");
    EXPECT_FALSE(talk.protocol().HasSeat(talk.client(0).id()));
  }
  EXPECT_THAT(talk.Dropped(), IsEmpty());
  advertise(vouched);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
}

// One at a time, when they are written: together they are n · k entries.
TEST(AdvertiseKeysTest, MakesNeighboursEntriesLateAndAlwaysTheSame) {
  std::optional<Conversation> talk(TestHeader(4));
  talk->ToShareKeys();
  std::vector<Send> sends;
  for (const Effect& effect : talk->effects) {
    const Send* send = std::get_if<Send>(&effect);
    if (send != nullptr && send->message == nullptr) sends.push_back(*send);
  }
  ASSERT_EQ(sends.size(), 4u);
  const std::string first = sends[1].Message()->SerializeAsString();
  EXPECT_EQ(sends[1].Message()->neighbours().neighbours_size(), 3);
  talk.reset();  // The session may be gone by then.
  EXPECT_EQ(sends[1].Message()->SerializeAsString(), first);
}

TEST(AdvertiseKeysTest, DropsBadKeys) {
  ExpectBadKey([](Conversation&, v1::AdvertiseKeysEntry& entry) {
    entry.set_channel_public_key(std::string(32, '\0'));
  });
  ExpectBadKey([](Conversation&, v1::AdvertiseKeysEntry& entry) {
    entry.set_mask_public_key(std::string(1, '\1') + std::string(31, '\0'));
  });
  ExpectBadKey([](Conversation&, v1::AdvertiseKeysEntry& entry) {
    entry.set_mask_public_key(entry.channel_public_key());
  });
  ExpectBadKey([](Conversation& talk, v1::AdvertiseKeysEntry& entry) {
    entry.set_mask_public_key(talk.Entry(0).mask_public_key());
  });
  ExpectBadKey([](Conversation& talk, v1::AdvertiseKeysEntry& entry) {
    entry.set_channel_public_key(talk.Entry(0).mask_public_key());
  });
}

TEST(AdvertiseKeysTest, AbortsWithTooFewAtTheDeadline) {
  v1::SessionHeader header = TestHeader(4);
  header.set_min_survivors(3);
  Conversation talk(header);
  talk.Advertise(0);
  talk.Advertise(2);
  talk.Step(DeadlinePassed{Phase::kUnmasking});  // of no phase that runs
  EXPECT_THAT(talk.effects, IsEmpty());
  talk.Step(DeadlinePassed{Phase::kAdvertiseKeys});
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 2u);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_TOO_FEW_CLIENTS);
  for (uint32_t i : {0, 2}) {
    ASSERT_EQ(talk.SentTo(i).size(), 1u);
    EXPECT_EQ(talk.SentTo(i)[0].refused().scope(), v1::Refused::SCOPE_SESSION);
    EXPECT_EQ(talk.SentTo(i)[0].refused().reason(), v1::REASON_TOO_FEW_CLIENTS);
  }
  EXPECT_TRUE(talk.protocol().finished());
  EXPECT_TRUE(talk.protocol().HasSeat(talk.client(0).id()));
  talk.Resume(2, v1::OUTCOME_OFFER);
  EXPECT_EQ(talk.SentTo(2)[0].refused().scope(), v1::Refused::SCOPE_SESSION);
  talk.Advertise(1);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
}

TEST(AdvertiseKeysTest, ClosesEarlyAtTheTargetAfterTheLeastTime) {
  Conversation talk(TestHeader(10), 0.5);
  for (uint32_t i = 0; i < 4; ++i) talk.Advertise(i);
  talk.Step(LeastTimePassed{Phase::kAdvertiseKeys});
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  talk.Advertise(4);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 5u);

  Conversation other(TestHeader(10), 0.5);
  for (uint32_t i = 0; i < 6; ++i) other.Advertise(i);
  EXPECT_EQ(other.Find<PhaseClosed>(), nullptr);
  other.Step(LeastTimePassed{Phase::kAdvertiseKeys});
  EXPECT_EQ(other.Find<PhaseClosed>()->answered, 6u);
}

TEST(AdvertiseKeysTest, WaitsForTheLeastCohortThoughTheTargetIsReached) {
  v1::SessionHeader header = TestHeader(10);
  header.set_min_survivors(4);
  Conversation talk(header, 0.2);
  for (uint32_t i = 0; i < 3; ++i) talk.Advertise(i);
  talk.Step(LeastTimePassed{Phase::kAdvertiseKeys});
  EXPECT_EQ(talk.Find<PhaseClosed>(), nullptr);
  talk.Advertise(3);
  EXPECT_EQ(talk.Find<PhaseClosed>()->answered, 4u);
}

TEST(AdvertiseKeysTest, AbortsWhenNoParametersExist) {
  v1::SessionHeader header = TestHeader(4);
  header.set_graph(v1::GRAPH_RULE_HARARY);
  header.set_corruption_rate(0.6);
  Conversation talk(header);
  talk.ToShareKeys();
  ASSERT_NE(talk.Find<Finished>(), nullptr);
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_INFEASIBLE_PARAMETERS);
  EXPECT_THAT(talk.Find<Finished>()->detail, HasSubstr("no parameters for 4 clients: "));
  EXPECT_EQ(talk.SentTo(3)[0].refused().scope(), v1::Refused::SCOPE_SESSION);
}

TEST(AdvertiseKeysTest, FreesTheSeatAndTheKeysOfWhoLeaves) {
  Conversation talk(TestHeader(4));
  talk.Advertise(0);
  talk.Withdraw(0);
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
  EXPECT_TRUE(talk.TheReply().dropped);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(0, v1::REASON_WITHDREW)));
  EXPECT_THAT(talk.Find<ClientDropped>()->detail, HasSubstr("REASON_CANCELLED: bye"));
  EXPECT_FALSE(talk.protocol().HasSeat(talk.client(0).id()));
  talk.Withdraw(0);
  ExpectReply(talk, MessageResult::kDuplicate, v1::REASON_UNSPECIFIED);
  EXPECT_THAT(talk.Dropped(), IsEmpty());

  // The same keys under another identity are nobody's now.
  v1::AdvertiseKeysEntry entry = talk.Entry(0);
  entry.set_identity(talk.Entry(1).identity());
  talk.Step(AdvertiseKeysReceived{talk.client(1).id(), talk.SignEntry(1, entry)});
  ExpectReply(talk, MessageResult::kAccepted, v1::REASON_UNSPECIFIED);
}

TEST(AdvertiseKeysTest, TellsLateAndEarlyComersSo) {
  Conversation talk(TestHeader(4));
  talk.Advertise(0);
  const v1::SignedMessage early = [] {
    v1::SignedMessage message;
    message.set_signature(std::string(64, 'x'));
    return message;
  }();
  talk.Step(ShareKeysReceived{talk.client(0).id(), early});
  ExpectReply(talk, MessageResult::kWrongSession, v1::REASON_EARLY);
  talk.Step(ShareKeysReceived{talk.client(1).id(), early});
  ExpectReply(talk, MessageResult::kNotMember, v1::REASON_NOT_A_MEMBER);

  talk.Advertise(1);
  talk.Step(DeadlinePassed{Phase::kAdvertiseKeys});
  talk.Advertise(2);
  ExpectReply(talk, MessageResult::kLate, v1::REASON_LATE);
  EXPECT_EQ(ReasonOf(talk.protocol().OfferFor(talk.client(2).id()).status()), v1::REASON_LATE);
}

TEST(AdvertiseKeysTest, OffersSeatsWhileThereAreAny) {
  Conversation talk(TestHeader(4));
  const auto offer = talk.protocol().OfferFor(talk.client(0).id());
  ASSERT_TRUE(offer.ok());
  v1::SessionHeader header;
  ASSERT_TRUE(header.ParseFromString((*offer)->offer().header()));
  EXPECT_EQ(header.session_id(), talk.protocol().header().session_id());
  talk.Advertise(0);
  EXPECT_EQ(ReasonOf(talk.protocol().OfferFor(talk.client(0).id()).status()),
            v1::REASON_SEAT_TAKEN);
  for (uint32_t i : {1, 2, 3}) talk.Advertise(i);
  EXPECT_EQ(ReasonOf(talk.protocol().OfferFor(talk.client(0).id()).status()),
            v1::REASON_SESSION_FULL);
}

}  // namespace
}  // namespace veilsum::aggregator
