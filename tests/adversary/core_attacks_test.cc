// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Attacks that the aggregator's core has to withstand: from corrupted clients, and from somebody
// who replays and forges. Six clients: t = 4, n_min = 4.

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/decoder.h"
#include "gtest/gtest.h"
#include "proto/vector_arithmetic.h"
#include "tests/adversary/matchers.h"
#include "tests/adversary/real_session.h"

namespace veilsum::adversary {
namespace {

using aggregator::MessageResult;
using aggregator::Phase;

std::vector<std::unique_ptr<HonestClient>> ClientsOf(const Cohort& cohort, float value = 0.25f,
                                                     uint64_t weight = 1) {
  const auto identities = IdentitiesOf(cohort);
  std::vector<std::unique_ptr<HonestClient>> clients;
  for (uint32_t client = 0; client < cohort.clients; ++client) {
    clients.push_back(std::make_unique<HonestClient>(
        HonestClient::Options{identities[client], PolicyFor(identities), ModelHash(), "",
                              100 * cohort.seed + client, value, weight}));
  }
  return clients;
}

class CoreAttacks : public ::testing::Test {
 protected:
  CoreAttacks() : session_(HeaderFor(Cohort{}), ClientsOf(Cohort{})) {}

  // All weights are one, all values the same, so the sum tells who is in it.
  void ExpectSumOf(uint32_t count) {
    ASSERT_TRUE(session_.finished().has_value());
    ASSERT_EQ(session_.finished()->reason, v1::REASON_UNSPECIFIED) << session_.finished()->detail;
    const auto sum = client::DecodeSum(session_.packed_sum(), HeaderFor(Cohort{}).vector(), count);
    ASSERT_TRUE(sum.ok()) << sum.status();
    EXPECT_EQ(sum->weight_sum, count);
    for (const float mean : sum->mean) EXPECT_NEAR(mean, 0.25f, 0.001f);
  }
  Verdict Judged() {
    std::vector<ClientView> views;
    for (uint32_t client = 0; client < session_.size(); ++client) {
      const std::vector<ClientView> own = session_.client(client).views();
      views.insert(views.end(), own.begin(), own.end());
    }
    return Judge(views, {});
  }

  RealSession session_;
};

TEST_F(CoreAttacks, NobodyAttacks) {
  session_.Start();
  ExpectSumOf(6);
  EXPECT_TRUE(session_.dropped().empty());
  EXPECT_TRUE(Judged().safe());
}

// ---- Late masked input after m was opened: the phase is closed atomically ----

TEST_F(CoreAttacks, LateMaskedInput) {
  session_.silent = {0};
  session_.Start();
  ASSERT_EQ(session_.phase(), Phase::kMaskedInputCollection);
  // The others may not open its m while it could still come: only once the phase is closed.
  EXPECT_EQ(session_.client(1).Last(v1::ClientMessage::kConsistencyCheck), nullptr);
  session_.on_the_way = [](uint32_t, v1::ClientMessage& message) {
    return !message.has_unmasking();
  };
  session_.PassDeadline();
  session_.Pump();
  ASSERT_EQ(session_.phase(), Phase::kUnmasking);
  for (const aggregator::Event& event :
       {aggregator::Event(session_.OpenOf(0)), aggregator::Event(session_.CloseOf(0))}) {
    const aggregator::Reply reply = session_.Say(event);
    EXPECT_NE(reply.result, MessageResult::kAccepted);
    EXPECT_FALSE(reply.upload_digest.has_value());
  }
  session_.on_the_way = nullptr;
  for (uint32_t client = 1; client < 6; ++client) session_.client(client).Reconnect();
  session_.Pump();
  ExpectSumOf(5);
  EXPECT_FALSE(session_.included(0));
  EXPECT_TRUE(Judged().safe()) << Judged().Describe();
}

TEST_F(CoreAttacks, NobodyIsASurvivorOrADropoutWhileAFoldIsUnderWay) {
  session_.folding_slowly = {0};
  session_.silent = {5};
  session_.Start();
  session_.PassDeadline();
  session_.Pump();
  EXPECT_EQ(session_.phase(), Phase::kMaskedInputCollection);
  EXPECT_EQ(session_.client(1).Last(v1::ClientMessage::kConsistencyCheck), nullptr);
  EXPECT_EQ(session_.Say(session_.OpenOf(5)).result, MessageResult::kLate);
  session_.folding_slowly.clear();
  session_.Pump();
  ExpectSumOf(5);
  EXPECT_TRUE(session_.included(0));
}

TEST_F(CoreAttacks, OneUploadTwice) {
  session_.silent = {5};
  session_.Start();
  EXPECT_EQ(session_.Say(session_.OpenOf(0)).result, MessageResult::kDuplicate);
  EXPECT_EQ(session_.Say(session_.CloseOf(0)).result, MessageResult::kDuplicate);
  aggregator::UploadCompleted other = session_.CloseOf(0);
  other.digest[0] ^= 1;
  EXPECT_EQ(session_.Say(other).result, MessageResult::kConflict);
  session_.silent.clear();
  session_.Pump();
  ExpectSumOf(6);
}

// ---- Forged resume, and messages in another's name ----

TEST_F(CoreAttacks, ForgedMessagesInAnothersName) {
  // Whoever speaks in a stolen connection has not the identity key: nothing that it says counts,
  // and the true client is not hurt.
  v1::ClientMessage forged;
  session_.on_the_way = [&](uint32_t from, v1::ClientMessage& message) {
    if (from == 5 && message.has_share_keys()) {
      const crypto::IdentityPublicKey& victim = session_.client(0).identity();
      const auto reply = session_.Say(aggregator::ShareKeysReceived{victim, message.share_keys()});
      EXPECT_TRUE(reply.result == MessageResult::kBadSignature ||
                  reply.result == MessageResult::kConflict);
      EXPECT_FALSE(reply.dropped);
    }
    return true;
  };
  session_.Start();
  ExpectSumOf(6);
}

TEST_F(CoreAttacks, AForgedMessageComesFirst) {
  bool tried = false;
  session_.on_the_way = [&](uint32_t from, v1::ClientMessage& message) {
    if (from != 0 || !message.has_share_keys() || std::exchange(tried, true)) return true;
    v1::SignedMessage forged = session_.client(5).Last(v1::ClientMessage::kShareKeys) != nullptr
                                   ? session_.client(5).said().back().share_keys()
                                   : message.share_keys();
    forged.mutable_body()->back() ^= 1;
    const auto reply =
        session_.Say(aggregator::ShareKeysReceived{session_.client(0).identity(), forged});
    EXPECT_EQ(reply.result, MessageResult::kBadSignature);
    EXPECT_FALSE(reply.dropped);
    return true;
  };
  session_.Start();
  EXPECT_TRUE(tried);
  ExpectSumOf(6);
}

// ---- Replay from another session or round ----

TEST_F(CoreAttacks, ReplayFromAnotherSessionOrRound) {
  v1::SessionHeader other = HeaderFor(Cohort{});
  other.set_session_id(std::string(16, 'o'));
  RealSession old(other, ClientsOf(Cohort{}));
  old.Start();
  const crypto::IdentityPublicKey& victim = session_.client(0).identity();
  std::map<v1::ClientMessage::MessageCase, MessageResult> replies;
  session_.on_the_way = [&](uint32_t from, v1::ClientMessage& message) {
    if (from != 0) return true;
    if (message.has_advertise_keys()) {
      replies[message.message_case()] = session_
                                            .Say(aggregator::AdvertiseKeysReceived{
                                                victim, old.client(0).said()[0].advertise_keys()})
                                            .result;
    }
    if (message.has_share_keys()) {
      replies[message.message_case()] =
          session_
              .Say(aggregator::ShareKeysReceived{
                  victim, old.client(0).Last(v1::ClientMessage::kShareKeys)->share_keys()})
              .result;
    }
    if (message.has_unmasking()) {
      // Of this session, but of another round.
      replies[message.message_case()] =
          session_
              .Say(aggregator::UnmaskingReceived{
                  victim, session_.client(0).Last(v1::ClientMessage::kShareKeys)->share_keys()})
              .result;
    }
    return true;
  };
  session_.Start();
  EXPECT_EQ(replies.size(), 3u);
  for (const auto& [kind, result] : replies) EXPECT_EQ(result, MessageResult::kBadSignature);
  ExpectSumOf(6);
}

// ---- Wrong or mangled share: blame ----

TEST_F(CoreAttacks, AWrongShareDropsItsHolderAndNobodyElse) {
  // Client 5 flips a bit of somebody's share and signs it. It is the holder's fault.
  session_.on_the_way = [&](uint32_t from, v1::ClientMessage& message) {
    if (from != 5 || !message.has_unmasking()) return true;
    v1::Unmasking body;
    body.ParseFromString(message.unmasking().body());
    body.mutable_shares(1)->mutable_self_mask_share()->front() ^= 1;
    *message.mutable_unmasking() =
        SignUnmasking(session_.client(5).key_pair(), session_.client(5).views().back(), body);
    return true;
  };
  session_.Start();
  ExpectSumOf(6);
  EXPECT_EQ(session_.dropped(), (std::map<uint32_t, v1::Reason>{{5, v1::REASON_WRONG_SHARE}}));
}

TEST_F(CoreAttacks, AForgedSurvivorSignatureCostsItsSendersSeatAndNotItsInput) {
  session_.on_the_way = [&](uint32_t from, v1::ClientMessage& message) {
    if (from == 5 && message.has_consistency_check()) {
      message.mutable_consistency_check()->mutable_survivor_root_signature()->front() ^= 1;
    }
    return true;
  };
  session_.Start();
  ExpectSumOf(6);
  EXPECT_EQ(session_.dropped(), (std::map<uint32_t, v1::Reason>{{5, v1::REASON_BAD_SIGNATURE}}));
}

// ---- One corrupted identity on many seats; duplicate keys ----

TEST_F(CoreAttacks, OneCorruptedIdentityOnManySeats) {
  session_.on_the_way = [&](uint32_t from, v1::ClientMessage& message) {
    if (from != 0 || !message.has_share_keys()) return true;
    v1::AdvertiseKeys again = session_.client(5).said()[0].advertise_keys();
    v1::AdvertiseKeysEntry entry;
    entry.ParseFromString(again.entry());
    entry.mutable_channel_public_key()->swap(*entry.mutable_mask_public_key());
    again.set_entry(entry.SerializeAsString());
    EXPECT_EQ(session_.Say(aggregator::AdvertiseKeysReceived{session_.client(5).identity(), again})
                  .reason,
              v1::REASON_SEAT_TAKEN);
    return true;
  };
  session_.Start();
  ExpectSumOf(6);
}

// ---- Huge counts, lengths, malformed messages ----

TEST_F(CoreAttacks, HugeAndMalformedMessages) {
  v1::SignedMessage huge;
  huge.set_body(std::string(5'000'000, 'x'));
  huge.set_signature(std::string(64, 's'));
  v1::ShareKeys many;
  for (int i = 0; i < 20'000; ++i) many.add_shares()->set_peer(4'000'000'000u);
  v1::SignedMessage counts;
  counts.set_body(many.SerializeAsString());
  counts.set_signature(std::string(64, 's'));
  const crypto::IdentityPublicKey& from = session_.client(5).identity();
  session_.on_the_way = [&](uint32_t, v1::ClientMessage& message) {
    for (const v1::SignedMessage& bad : {huge, counts, v1::SignedMessage()}) {
      EXPECT_NE(session_.Say(aggregator::ShareKeysReceived{from, bad}).result,
                MessageResult::kAccepted);
      EXPECT_NE(session_.Say(aggregator::UnmaskingReceived{from, bad}).result,
                MessageResult::kAccepted);
    }
    EXPECT_EQ(session_.Say(aggregator::ShareKeysReceived{from, huge}).result,
              MessageResult::kOversized);
    v1::UploadOpen open;
    open.set_total_bytes(~uint64_t{0});
    EXPECT_NE(session_.Say(aggregator::UploadOpened{from, open}).result, MessageResult::kAccepted);
    return message.ByteSizeLong() > 0;
  };
  session_.Start();
  ExpectSumOf(6);
}

// ---- Overflow at the extremes ----

TEST(OverflowAtTheExtremes, TheGreatestInputsOfAllClientsAddUp) {
  // Everybody has the greatest value in every element and the greatest weight: the sum is as large
  // as it can get in this session, and still exact.
  std::mt19937_64 random(7);
  for (int round = 0; round < 25; ++round) {
    Cohort cohort{.clients = 4 + static_cast<uint32_t>(random() % 5), .seed = 1 + random() % 99};
    v1::SessionHeader header = HeaderFor(cohort);
    const uint32_t bits = 1 + static_cast<uint32_t>(random() % 24);
    const uint64_t weight =
        (random() % 2 == 0 ? (uint64_t{1} << (random() % 33)) : 1 + random() % 1'000'000);
    header.mutable_vector()->set_quantisation_bits(bits);
    header.mutable_vector()->set_max_weight(weight);
    header.mutable_vector()->set_modulus_bits(ModulusBits(cohort.clients, weight, bits).value());
    SCOPED_TRACE(absl::StrCat(cohort.clients, " clients, ", bits, " bits, weight ", weight));
    RealSession session(header, ClientsOf(cohort, 1.0f, weight));
    session.Start();
    ASSERT_TRUE(session.finished().has_value());
    const auto sum = client::UnpackSum(session.packed_sum(), header.vector());
    ASSERT_TRUE(sum.ok()) << sum.status();
    const uint64_t greatest = cohort.clients * weight * ((uint64_t{1} << bits) - 1);
    sum->Visit([&](auto lanes) {
      for (size_t i = 0; i + 1 < lanes.size(); ++i) ASSERT_EQ(lanes[i], greatest);
      ASSERT_EQ(lanes[lanes.size() - 1], cohort.clients * weight);
    });
  }
}

}  // namespace
}  // namespace veilsum::adversary
