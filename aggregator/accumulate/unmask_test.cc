// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/accumulate/unmask.h"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/protocol/dealer_blame.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/key_schedule.h"
#include "crypto/transcript/transcript.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using crypto::DeterministicRandom;
using crypto::MaskSign;
using crypto::Party;
using crypto::Share;
using ::testing::HasSubstr;

crypto::Digest Hash(absl::string_view text) { return crypto::Sha256(crypto::AsBytes(text)); }

struct Client {
  Party party;
  crypto::MaskPrivateSeed m;
  crypto::SelfMaskSeed b;
  crypto::MaskKeyPair mask_keys;
  std::vector<uint64_t> input;
};

// A session on the complete graph, after everybody's masked input: which of the n survived is
// `survives`, and `shares_from` holders answer.
class Session {
 public:
  Session(uint32_t clients, uint32_t threshold, size_t elements, uint32_t bits)
      : threshold_(threshold), bits_(bits), random_(crypto::AsBytes("unmask"), "unmask test") {
    for (uint32_t position = 0; position < clients; ++position) {
      const auto fill = [&](absl::Span<uint8_t> out) { random_.Fill(out); };
      const auto identity = crypto::IdentityKeyPair::Generate(fill);
      auto m = crypto::MaskPrivateSeed::Generate(fill);
      auto keys = crypto::DeriveMaskKeyPair(m);
      Client client{Party{position, identity.public_key()}, std::move(m),
                    crypto::SelfMaskSeed::Generate(fill), std::move(keys),
                    std::vector<uint64_t>(elements)};
      for (uint64_t& element : client.input) element = random_.NextU64() & ElementMask();
      clients_.push_back(std::move(client));
    }
  }

  std::vector<Client>& clients() { return clients_; }
  uint64_t ElementMask() const { return (uint64_t{1} << bits_) - 1; }

  std::string Packed(const std::vector<uint64_t>& elements) const {
    crypto::Bytes packed(crypto::PackedSize(elements.size(), bits_));
    EXPECT_TRUE(crypto::Pack<uint64_t>(elements, bits_, absl::MakeSpan(packed)).ok());
    return crypto::ToString(packed);
  }

  // What a client of docs/protocol.md uploads.
  std::string MaskedInput(const Client& own) const {
    auto lanes = crypto::LaneVector::ForModulus(bits_, own.input.size());
    lanes.Visit([&](auto span) {
      std::copy(own.input.begin(), own.input.end(), span.begin());
      const auto apply = [&](const crypto::MaskSeed& seed, MaskSign sign) {
        const crypto::MaskStream stream(seed);
        const crypto::SignedMask mask{&stream, sign};
        crypto::ApplyMasks(span, 0, absl::MakeConstSpan(&mask, 1));
      };
      apply(crypto::DeriveSelfMaskStreamSeed(own.b, kTranscript, own.party), MaskSign::kAdd);
      for (const Client& peer : clients_) {
        if (peer.party.position == own.party.position) continue;
        const auto agreed = crypto::AgreeMask(own.mask_keys, peer.mask_keys.public_key);
        apply(crypto::DerivePairwiseSeed(*agreed, kTranscript, own.party, peer.party),
              own.party.position < peer.party.position ? MaskSign::kAdd : MaskSign::kSubtract);
      }
    });
    std::string packed(crypto::PackedSize(own.input.size(), bits_), '\0');
    lanes.Visit([&](auto span) {
      using Lane = typename decltype(span)::value_type;
      const absl::Span<uint8_t> out(reinterpret_cast<uint8_t*>(packed.data()), packed.size());
      EXPECT_TRUE(crypto::Pack<Lane>(span, bits_, out).ok());
    });
    return packed;
  }

  template <class Secret>
  std::vector<Share> Shares(const Secret& secret) {
    std::vector<uint32_t> xs;
    for (uint32_t x = 1; x <= clients_.size(); ++x) xs.push_back(x);
    auto shares = crypto::Split(ExposeSecret(secret), threshold_, xs, random_);
    std::vector<Share> some;
    for (uint32_t i = 0; i < threshold_; ++i) some.push_back(std::move((*shares)[i]));
    return some;
  }

  UnmaskPlan Plan(const std::function<bool(uint32_t)>& survives) {
    UnmaskPlan plan;
    plan.header_hash = kHeaderHash;
    plan.transcript = kTranscript;
    plan.threshold = threshold_;
    plan.clients = clients_.size();
    for (const Client& client : clients_) {
      const auto [position, identity] = client.party;
      if (survives(position)) {
        plan.self_masks.push_back({position, identity,
                                   crypto::SelfMaskCommitment(kHeaderHash, identity, client.b),
                                   Shares(client.b)});
        continue;
      }
      DropoutTask task{position, identity, client.mask_keys.public_key, Shares(client.m), {}};
      for (const Client& peer : clients_) {
        if (!survives(peer.party.position)) continue;
        task.surviving_neighbours.push_back(
            {peer.party.position, peer.party.identity, peer.mask_keys.public_key});
      }
      plan.dropouts.push_back(std::move(task));
    }
    return plan;
  }

  Accumulator FoldSurvivors(const std::function<bool(uint32_t)>& survives) const {
    auto accumulator = Accumulator::Create(clients_[0].input.size(), bits_);
    for (const Client& client : clients_) {
      if (!survives(client.party.position)) continue;
      EXPECT_TRUE(accumulator->FoldPacked(crypto::AsBytes(MaskedInput(client))).ok());
    }
    return *std::move(accumulator);
  }

  std::string PlainSum(const std::function<bool(uint32_t)>& survives) const {
    std::vector<uint64_t> sum(clients_[0].input.size());
    for (const Client& client : clients_) {
      if (!survives(client.party.position)) continue;
      for (size_t i = 0; i < sum.size(); ++i) sum[i] = (sum[i] + client.input[i]) & ElementMask();
    }
    return Packed(sum);
  }

 private:
  const crypto::Digest kHeaderHash = Hash("header");
  const crypto::Digest kTranscript = Hash("transcript");
  uint32_t threshold_;
  uint32_t bits_;
  DeterministicRandom random_;
  std::vector<Client> clients_;
};

class UnmaskTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(UnmaskTest, LeavesThePlainSumOfTheSurvivors) {
  const uint32_t bits = GetParam();
  for (uint32_t dropouts = 0; dropouts <= 4; ++dropouts) {
    Session session(9, 5, 101, bits);
    const auto survives = [&](uint32_t position) { return (position * 4) % 9 >= dropouts; };
    Accumulator accumulator = session.FoldSurvivors(survives);
    EXPECT_NE(accumulator.Pack(), session.PlainSum(survives));
    const UnmaskPlan plan = session.Plan(survives);
    ASSERT_EQ(plan.dropouts.size(), dropouts);
    const auto unmasked = RunUnmask(plan, accumulator, SerialFor);
    ASSERT_TRUE(unmasked.ok()) << unmasked.status();
    EXPECT_EQ(unmasked->packed_sum, session.PlainSum(survives));
    EXPECT_EQ(unmasked->outcome.total_bytes, unmasked->packed_sum.size());
    EXPECT_EQ(unmasked->outcome.result_digest, Hash(unmasked->packed_sum));
  }
}

INSTANTIATE_TEST_SUITE_P(Moduli, UnmaskTest, ::testing::Values(9, 16, 20, 32, 45));

TEST(UnmaskErrorsTest, NamesTheDealerOfAWrongSelfMaskSeed) {
  Session session(5, 3, 10, 20);
  const auto survives = [](uint32_t position) { return position != 1; };
  Accumulator accumulator = session.FoldSurvivors(survives);
  const std::string before = accumulator.Pack();
  UnmaskPlan plan = session.Plan(survives);
  plan.self_masks[2].shares = session.Shares(session.clients()[0].b);
  const auto unmasked = RunUnmask(plan, accumulator, SerialFor);
  EXPECT_EQ(ReasonOf(unmasked.status()), v1::REASON_DEALER_CHEATED);
  EXPECT_THAT(std::string(unmasked.status().message()), HasSubstr("position 3"));
  EXPECT_EQ(BlamedDealer(unmasked.status()), 3u);
  EXPECT_EQ(accumulator.Pack(), before);
}

TEST(UnmaskErrorsTest, NamesTheDealerOfAWrongMaskKey) {
  Session session(5, 3, 10, 20);
  const auto survives = [](uint32_t position) { return position != 1; };
  Accumulator accumulator = session.FoldSurvivors(survives);
  UnmaskPlan plan = session.Plan(survives);
  plan.dropouts[0].shares = session.Shares(session.clients()[0].m);
  const auto unmasked = RunUnmask(plan, accumulator, SerialFor);
  EXPECT_EQ(ReasonOf(unmasked.status()), v1::REASON_DEALER_CHEATED);
  EXPECT_THAT(std::string(unmasked.status().message()), HasSubstr("position 1"));
  EXPECT_THAT(std::string(unmasked.status().message()), HasSubstr("mask public key"));
}

// Shares of no 32-byte secret at all: the limbs do not fit.
TEST(UnmaskErrorsTest, NamesTheDealerOfSharesWithoutASecret) {
  Session session(5, 3, 10, 20);
  const auto survives = [](uint32_t) { return true; };
  Accumulator accumulator = session.FoldSurvivors(survives);
  UnmaskPlan plan = session.Plan(survives);
  std::vector<Share> mixed = session.Shares(session.clients()[0].b);
  mixed[1] = std::move(session.Shares(session.clients()[1].b)[1]);
  plan.self_masks[0].shares = std::move(mixed);
  EXPECT_EQ(ReasonOf(RunUnmask(plan, accumulator, SerialFor).status()), v1::REASON_DEALER_CHEATED);
}

TEST(UnmaskErrorsTest, RefusesAPlanWithTooFewShares) {
  Session session(5, 3, 10, 20);
  const auto survives = [](uint32_t) { return true; };
  Accumulator accumulator = session.FoldSurvivors(survives);
  UnmaskPlan plan = session.Plan(survives);
  plan.self_masks[4].shares.pop_back();
  EXPECT_EQ(RunUnmask(plan, accumulator, SerialFor).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace veilsum::aggregator
