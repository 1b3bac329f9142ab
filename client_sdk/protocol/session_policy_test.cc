// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a client insists on, row by row: the session that just suffices is joined, and a weaker one
// is refused by name, with what it offers and what is insisted on.

#include "client_sdk/protocol/session_policy.h"

#include <functional>
#include <string>
#include <vector>

#include "client_sdk/protocol/conversation_testing.h"
#include "gtest/gtest.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

using ::testing::HasSubstr;

bool Joins(const Effects& effects) {
  return effects.size() == 1 && std::holds_alternative<Send>(effects[0]) &&
         std::get<Send>(effects[0]).message.has_advertise_keys();
}

void SetBits(v1::SessionHeader& header, uint32_t quantisation_bits) {
  v1::VectorSpec& vector = *header.mutable_vector();
  vector.set_quantisation_bits(quantisation_bits);
  vector.set_modulus_bits(
      ModulusBits(header.max_clients(), vector.max_weight(), quantisation_bits).value());
}

void SetMaxWeight(v1::SessionHeader& header, uint64_t max_weight) {
  header.mutable_vector()->set_max_weight(max_weight);
  SetBits(header, header.vector().quantisation_bits());
}

struct Row {
  std::string name;
  v1::Reason reason;
  std::string offers;      // In the refusal's text.
  std::string insists_on;  // The same.
  // Of a client that TestHeader(5), or MaliciousHeader(5) by a client with TestModel, suits.
  std::function<void(SessionPolicy&)> policy;
  std::function<void(v1::SessionHeader&)> weaken;
};

class PolicyTest : public testing::TestWithParam<Row> {};

TEST_P(PolicyTest, RefusesWhatIsWeaker) {
  for (const bool malicious : {false, true}) {
    Joining joining;
    v1::SessionHeader header = malicious ? MaliciousHeader(5) : TestHeader(5);
    header.mutable_vector()->set_norm_clip(0.5);
    header.set_min_survivors(4);
    if (malicious) joining.model_hash = TestModel();
    GetParam().policy(joining.policy);
    if (joining.policy.least_tier == v1::TIER_MALICIOUS && !malicious) continue;
    EXPECT_TRUE(Joins(joining.Offer(header))) << Find<Finished>(joining.Offer(header)).status;
    GetParam().weaken(header);
    const Effects effects = joining.Offer(header);
    EXPECT_THAT(effects, Declines(GetParam().reason));
    const std::string text = Find<Send>(effects).message.withdraw().detail();
    EXPECT_THAT(text, HasSubstr(GetParam().offers));
    EXPECT_THAT(text, HasSubstr(GetParam().insists_on));
  }
}

constexpr v1::Reason kHeader = v1::REASON_HEADER_REFUSED;

INSTANTIATE_TEST_SUITE_P(
    All, PolicyTest,
    testing::Values(
        Row{"Tier", kHeader, "tier is TIER_SEMI_HONEST", "insists on at least TIER_MALICIOUS",
            [](auto& policy) { policy.least_tier = v1::TIER_MALICIOUS; },
            [](auto& header) { header.set_tier(v1::TIER_SEMI_HONEST); }},
        Row{"MinSurvivors", kHeader, "min_survivors is 3", "insists on at least 4",
            [](auto& policy) { policy.least_min_survivors = 4; },
            [](auto& header) { header.set_min_survivors(3); }},
        Row{"CorruptionRate", kHeader, "corruption_rate is 0.1", "insists on at least 0.2",
            [](auto& policy) { policy.least_corruption_rate = 0.2; },
            [](auto& header) { header.set_corruption_rate(0.1); }},
        Row{"Modulus", kHeader, "modulus_bits is 22", "insists on at most 14",
            [](auto& policy) { policy.greatest_modulus_bits = 14; },
            [](auto& header) { SetBits(header, 16); }},
        Row{"Dimension", kHeader, "dimension is 22", "insists on exactly 21",
            [](auto& policy) { policy.expected.dimension = 21; },
            [](auto& header) { header.mutable_vector()->set_dimension(22); }},
        Row{"Clip", kHeader, "clip is 2", "insists on exactly 1",
            [](auto& policy) { policy.expected.clip = 1; },
            [](auto& header) { header.mutable_vector()->set_clip(2); }},
        Row{"NormClip", kHeader, "norm_clip is 0,", "insists on exactly 0.5",
            [](auto& policy) { policy.expected.norm_clip = 0.5; },
            [](auto& header) { header.mutable_vector()->set_norm_clip(0); }},
        Row{"QuantisationBits", kHeader, "quantisation_bits is 9", "insists on exactly 8",
            [](auto& policy) { policy.expected.quantisation_bits = 8; },
            [](auto& header) { SetBits(header, 9); }},
        Row{"MaxWeight", kHeader, "max_weight is 11", "insists on exactly 10",
            [](auto& policy) { policy.expected.max_weight = 10; },
            [](auto& header) { SetMaxWeight(header, 11); }}),
    [](const auto& info) { return info.param.name; });

// What a client gets that says nothing but who vouches for identities.
TEST(PolicyDefaultsTest, AreThoseOfTheMaliciousTier) {
  Joining joining;
  joining.policy = SessionPolicy{};
  EXPECT_EQ(joining.Create().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(joining.Create().status().message()), HasSubstr("identity_root"));
  joining.policy.trust_aggregator_identities = true;
  EXPECT_THAT(joining.Offer(TestHeader(5)), Declines(v1::REASON_HEADER_REFUSED));
  EXPECT_THAT(joining.Offer(MaliciousHeader(5)), Declines(v1::REASON_MODEL_MISMATCH));
  joining.model_hash = TestModel();
  EXPECT_TRUE(Joins(joining.Offer(MaliciousHeader(5))));
  v1::SessionHeader header = MaliciousHeader(5);
  header.set_min_survivors(2);
  EXPECT_THAT(joining.Offer(header), Declines(v1::REASON_HEADER_REFUSED));
}

// A session of the malicious tier that the header itself makes weak.
TEST(PolicyDefaultsTest, TheTierIsWhatItsNameSays) {
  Joining joining;
  joining.model_hash = TestModel();
  const std::vector<std::function<void(v1::SessionHeader&)>> weaken = {
      [](auto& header) { header.set_graph(v1::GRAPH_RULE_HARARY); },
      [](auto& header) { header.set_corruption_rate(0); },
      [](auto& header) { header.set_corruption_rate(0.6); },  // Of four inputs three are its own.
      [](auto& header) { header.mutable_deadlines()->clear_consistency_check_ms(); }};
  for (const auto& one : weaken) {
    v1::SessionHeader header = MaliciousHeader(5);
    one(header);
    EXPECT_THAT(joining.Offer(header), Declines(v1::REASON_HEADER_REFUSED));
  }
}

// ---- The model ----

TEST(ModelTest, OnlyTheOneThatWasTrained) {
  Joining joining;
  joining.model_hash = TestModel();
  for (v1::SessionHeader header : {TestHeader(5), MaliciousHeader(5)}) {
    header.clear_model_hash();
    EXPECT_THAT(joining.Offer(header), Declines(v1::REASON_MODEL_MISMATCH));
    header.set_model_hash(std::string(32, 'n'));
    EXPECT_THAT(joining.Offer(header), Declines(v1::REASON_MODEL_MISMATCH));
    header.set_model_hash(crypto::ToString(TestModel()));
    EXPECT_TRUE(Joins(joining.Offer(header)));
  }
}

TEST(ModelTest, NoneThatTheCallerDidNotName) {
  Joining joining;
  joining.policy.accept_unbound_model = true;
  for (v1::SessionHeader header : {TestHeader(5), MaliciousHeader(5)}) {
    header.set_model_hash(crypto::ToString(TestModel()));
    const Effects effects = joining.Offer(header);
    EXPECT_THAT(effects, Declines(v1::REASON_MODEL_MISMATCH));
    EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr("gave no hash"));
  }
}

TEST(ModelTest, NoneAtAllOnlyWhereThePolicySaysSo) {
  Joining joining;
  v1::SessionHeader header = MaliciousHeader(5);
  header.clear_model_hash();
  EXPECT_THAT(joining.Offer(header), Declines(v1::REASON_MODEL_MISMATCH));
  EXPECT_TRUE(Joins(joining.Offer(TestHeader(5))));  // Semi-honest: as before.
  joining.policy.accept_unbound_model = true;
  EXPECT_TRUE(Joins(joining.Offer(header)));
}

// ---- One answer for each model ----

TEST(AnsweredTest, AnAnsweredModelIsRefusedAtTheOffer) {
  Joining joining;
  joining.model_hash = TestModel();
  std::vector<crypto::Digest> asked;
  bool answered = false;
  joining.answered = [&](const crypto::Digest& model_hash) {
    asked.push_back(model_hash);
    return answered;
  };
  EXPECT_TRUE(Joins(joining.Offer(MaliciousHeader(5))));
  EXPECT_EQ(asked, std::vector<crypto::Digest>{TestModel()});
  answered = true;
  const Effects effects = joining.Offer(MaliciousHeader(5));
  EXPECT_THAT(effects, Declines(v1::REASON_ALREADY_ANSWERED));
  EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr("task 'test-task'"));
}

TEST(AnsweredTest, ASessionWithoutAModelIsNotAskedAbout) {
  Joining joining;
  joining.answered = [](const crypto::Digest&) { return true; };
  EXPECT_TRUE(Joins(joining.Offer(TestHeader(5))));
}

// The latch is closed by another session between this one's offer and its answer.
TEST(AnsweredTest, OfTwoSessionsOnlyOneIsAnswered) {
  for (const v1::SessionHeader& header : {TestHeader(6), MaliciousHeader(6)}) {
    v1::SessionHeader bound = header;
    bound.set_model_hash(crypto::ToString(TestModel()));
    bool answered = false;
    Conversation conversation(bound, 6, [&](uint32_t, ParticipantOptions& options) {
      options.answered = [&](const crypto::Digest&) { return answered; };
    });
    conversation.DeliverShares(conversation.Everybody());
    answered = true;
    v1::ServerMessage message = conversation.Survivors(conversation.Everybody());
    if (bound.tier() == v1::TIER_MALICIOUS) {
      conversation.SignSurvivors(conversation.Everybody());
      message = conversation.Signatures(conversation.Everybody());
    }
    EXPECT_THAT(conversation.Tell(0, message), Declines(v1::REASON_ALREADY_ANSWERED));
    EXPECT_FALSE(conversation.answers[0]);
  }
}

// The aggregator writes the rate and the smallest cohort, and picks who is in it.
TEST(MostCorruptedTest, CountsWhatTheSmallestCohortWithstands) {
  Joining joining;
  joining.model_hash = TestModel();
  v1::SessionHeader header = MaliciousHeader(10);
  header.set_min_survivors(6);
  header.set_dropout_rate(0);
  const auto joins = [&](double rate, uint32_t most_corrupted) {
    header.set_corruption_rate(rate);
    joining.policy.most_corrupted = most_corrupted;
    return Joins(joining.Offer(header));
  };
  EXPECT_TRUE(joins(0.4, 2));   // floor(0.4 · 6)
  EXPECT_FALSE(joins(0.3, 2));  // 1 in six, although 3 in ten
  EXPECT_TRUE(joins(1e-9, 1));  // In this tier one always counts.
  EXPECT_FALSE(joins(1e-9, 2));
}

}  // namespace
}  // namespace veilsum::client
