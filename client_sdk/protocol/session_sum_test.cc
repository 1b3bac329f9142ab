// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Whole sessions of real clients against the arithmetic of docs/protocol.md, "Round 4": what they
// upload and reveal gives exactly the sum of the survivors' inputs, and each share fits its digest.

#include <map>
#include <string>
#include <vector>

#include "client_sdk/protocol/conversation_testing.h"
#include "crypto/graph/parameters.h"
#include "crypto/masking/packing.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/key_schedule.h"
#include "gtest/gtest.h"
#include "proto/session_graph.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

// Who holds which share of whom, as revealed: owner → shares, by kind.
struct Revealed {
  std::map<uint32_t, std::vector<crypto::Share>> of_b;
  std::map<uint32_t, std::vector<crypto::Share>> of_m;
};

class SessionSum {
 public:
  SessionSum(v1::SessionHeader header, uint32_t clients)
      : conversation_(header, clients),
        bits_(header.vector().modulus_bits()),
        lanes_(header.vector().dimension() + 1),
        sum_(crypto::LaneVector::ForModulus(bits_, lanes_)),
        plain_(crypto::LaneVector::ForModulus(bits_, lanes_)) {}

  // `silent`: did not share; `lost`: shared, but did not upload; `mute`: does not answer at the
  // end.
  void Run(const std::vector<uint32_t>& silent, std::vector<uint32_t> lost,
           const std::vector<uint32_t>& mute) {
    const std::vector<bool> sharers = conversation_.AllBut(silent);
    lost.insert(lost.end(), silent.begin(), silent.end());
    const std::vector<bool> survivors = conversation_.AllBut(lost);
    conversation_.DeliverShares(sharers);
    conversation_.AnswerSurvivors(survivors);
    Revealed revealed;
    for (uint32_t i = 0; i < conversation_.size(); ++i) {
      if (!survivors[i]) continue;
      Fold(i);
      if (std::find(mute.begin(), mute.end(), i) == mute.end()) Collect(i, revealed);
    }
    for (auto& [owner, shares] : revealed.of_b) RemoveSelfMask(owner, shares);
    for (auto& [owner, shares] : revealed.of_m) RemovePairwiseMasks(owner, shares, survivors);
  }

  void ExpectExact() const {
    sum_.Visit([&](auto sum) {
      plain_.Visit([&](auto plain) {
        for (size_t i = 0; i < sum.size(); ++i) {
          ASSERT_EQ(crypto::ReduceLane(sum[i], bits_), plain[i]) << i;
        }
      });
    });
  }

 private:
  crypto::Party PartyAt(uint32_t position) const {
    return {position, conversation_.identity(position).public_key()};
  }
  v1::AdvertiseKeysEntry EntryOf(uint32_t position) const {
    v1::AdvertiseKeysEntry entry;
    EXPECT_TRUE(entry.ParseFromString(conversation_.advertised[position].entry()));
    return entry;
  }

  void Fold(uint32_t position) {
    auto input = crypto::LaneVector::ForModulus(bits_, lanes_);
    input.Visit([&](auto lanes) {
      for (size_t i = 0; i < lanes.size(); ++i) lanes[i] = position * 31 + i % 97;
    });
    std::string packed;
    ASSERT_TRUE(conversation_.uploads[position].plan->MaskAndPack(input, 0, lanes_, packed).ok());
    ASSERT_EQ(packed.size(), conversation_.uploads[position].open.total_bytes());
    sum_.Visit([&](auto lanes) {
      ASSERT_TRUE(crypto::UnpackAdd(crypto::AsBytes(packed), bits_, lanes).ok());
    });
    plain_.Visit([&](auto lanes) {
      for (size_t i = 0; i < lanes.size(); ++i) lanes[i] += position * 31 + i % 97;
    });
  }

  // The digest that `dealer` gave for its share at `holder`.
  std::string DigestFor(uint32_t dealer, uint32_t holder, bool of_b) const {
    v1::ShareKeys body;
    EXPECT_TRUE(body.ParseFromString(conversation_.shared[dealer].body()));
    for (const v1::SealedShares& sealed : body.shares()) {
      if (sealed.peer() == holder) {
        return of_b ? sealed.self_mask_share_digest() : sealed.mask_key_share_digest();
      }
    }
    return "";
  }

  void Collect(uint32_t holder, Revealed& revealed) {
    v1::Unmasking body;
    ASSERT_TRUE(body.ParseFromString(conversation_.unmaskings[holder]->body()));
    for (const v1::RevealedShare& share : body.shares()) {
      const bool of_b = share.has_self_mask_share();
      const std::string& bytes = of_b ? share.self_mask_share() : share.mask_key_share();
      EXPECT_EQ(crypto::ToString(crypto::ShareDigest(
                    conversation_.transcript(), PartyAt(share.owner()), PartyAt(holder),
                    of_b ? crypto::ShareKind::kSelfMask : crypto::ShareKind::kMaskKey,
                    crypto::AsBytes(bytes))),
                DigestFor(share.owner(), holder, of_b));
      auto parsed = crypto::Share::Parse(holder + 1, crypto::AsBytes(bytes));
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      (of_b ? revealed.of_b : revealed.of_m)[share.owner()].push_back(*std::move(parsed));
    }
  }

  template <class S>
  S Reconstruct(std::vector<crypto::Share>& shares) {
    const uint32_t threshold =
        crypto::PlanGraph(GraphRequestOf(conversation_.header(), conversation_.size()))->threshold;
    EXPECT_GE(shares.size(), threshold);
    shares.erase(shares.begin() + threshold, shares.end());
    std::vector<uint32_t> indices;
    for (const crypto::Share& share : shares) indices.push_back(share.x());
    auto secret =
        crypto::Reconstruct<S>(*crypto::LagrangeCoefficients::ForIndices(indices), shares);
    EXPECT_TRUE(secret.ok()) << secret.status();
    return *std::move(secret);
  }

  void RemoveSelfMask(uint32_t owner, std::vector<crypto::Share>& shares) {
    const auto b = Reconstruct<crypto::SelfMaskSeed>(shares);
    const crypto::Digest header_hash =
        crypto::HeaderHash(crypto::AsBytes(conversation_.Offer().offer().header()));
    EXPECT_EQ(crypto::ToString(crypto::SelfMaskCommitment(header_hash, PartyAt(owner).identity, b)),
              EntryOf(owner).self_mask_commitment());
    const crypto::MaskStream stream(
        crypto::DeriveSelfMaskStreamSeed(b, conversation_.transcript(), PartyAt(owner)));
    sum_.Visit([&](auto lanes) { stream.SubtractFrom(lanes, 0); });
  }

  void RemovePairwiseMasks(uint32_t owner, std::vector<crypto::Share>& shares,
                           const std::vector<bool>& survivors) {
    const auto keys = crypto::DeriveMaskKeyPair(Reconstruct<crypto::MaskPrivateSeed>(shares));
    EXPECT_EQ(crypto::ToString(keys.public_key.bytes()), EntryOf(owner).mask_public_key());
    for (const uint32_t neighbour : conversation_.NeighboursOf(owner)) {
      if (!survivors[neighbour]) continue;
      const auto peer =
          crypto::MaskPublicKey::Parse(crypto::AsBytes(EntryOf(neighbour).mask_public_key()));
      const crypto::MaskStream stream(
          crypto::DerivePairwiseSeed(*crypto::AgreeMask(keys, *peer), conversation_.transcript(),
                                     PartyAt(owner), PartyAt(neighbour)));
      sum_.Visit([&](auto lanes) {
        // Undo what the survivor did.
        if (neighbour < owner) {
          stream.SubtractFrom(lanes, 0);
        } else {
          stream.AddTo(lanes, 0);
        }
      });
    }
  }

  Conversation conversation_;
  uint32_t bits_;
  size_t lanes_;
  crypto::LaneVector sum_;
  crypto::LaneVector plain_;
};

v1::SessionHeader WideHeader(uint32_t clients, uint32_t quantisation_bits) {
  v1::SessionHeader header = TestHeader(clients);
  v1::VectorSpec& vector = *header.mutable_vector();
  vector.set_dimension(333);
  vector.set_quantisation_bits(quantisation_bits);
  vector.set_modulus_bits(ModulusBits(clients, 10, quantisation_bits).value());
  return header;
}

TEST(SessionSumTest, EverybodyAnswers) {
  SessionSum session(WideHeader(5, 8), 5);
  session.Run({}, {}, {});
  session.ExpectExact();
}

TEST(SessionSumTest, OneSilentInShareKeys) {
  SessionSum session(WideHeader(5, 8), 5);
  session.Run({2}, {}, {});
  session.ExpectExact();
}

TEST(SessionSumTest, OneLostInMaskedInputCollection) {
  SessionSum session(WideHeader(5, 24), 5);
  session.Run({}, {0}, {});
  session.ExpectExact();
}

TEST(SessionSumTest, OneInEachRound) {
  SessionSum session(WideHeader(12, 16), 12);
  session.Run({3}, {11}, {5});
  session.ExpectExact();
}

TEST(SessionSumTest, OnAHararyGraph) {
  v1::SessionHeader header = WideHeader(100, 16);
  header.set_graph(v1::GRAPH_RULE_HARARY);
  header.set_corruption_rate(0.05);
  header.set_dropout_rate(0.2);
  SessionSum session(header, 100);
  session.Run({3, 50}, {0, 10, 20, 99}, {5, 6, 7});
  session.ExpectExact();
}

}  // namespace
}  // namespace veilsum::client
