// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What of a session's secrets is in memory, phase by phase: only what a phase still needs
// (client_sdk/protocol/phases.h), and nothing at its end.
#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/key_schedule.h"
#include "crypto/transcript/transcript.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/adversary/malicious_aggregator.h"
#include "tests/fuzz/session_stage.h"
#include "tests/secrets/memory_scan.h"

namespace veilsum::secrets {
namespace {

using adversary::MaliciousAggregator;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint32_t kClients = 5;

// Every test has secrets of its own: what one leaves behind on purpose is not another's.
adversary::Cohort CohortOf(uint64_t seed) {
  return {.clients = kClients, .corrupted = 0, .min_survivors = 4, .seed = seed};
}

crypto::Digest HeaderHashOf(const v1::SessionHeader& header) {
  return crypto::HeaderHash(crypto::AsBytes(header.SerializeAsString()));
}

// Of one secret of one client: a share for each position.
void ReportShares(const std::string& name, crypto::ByteSpan secret, uint32_t threshold,
                  const crypto::RandomSeed& seed, const Report& report) {
  std::vector<uint32_t> xs(kClients);
  std::iota(xs.begin(), xs.end(), 1);
  crypto::DeterministicRandom random(ExposeSecret(seed), crypto::kLabelPolynomials);
  const auto shares = crypto::Split(secret, threshold, xs, random);
  for (const crypto::Share& share : *shares) {
    const crypto::SecretBuffer bytes = share.Serialize();
    report(absl::StrCat(name, " for ", share.x() - 1), ExposeSecret(bytes));
  }
}

// Every secret of every client of a session that went like the one of the test.
void ReportAll(MaliciousAggregator& aggregator, const Report& report) {
  const crypto::Digest header = HeaderHashOf(aggregator.header);
  const crypto::Digest transcript = aggregator.Transcript();
  for (uint32_t c = 0; c < kClients; ++c) {
    const crypto::SessionSecret secret = aggregator.client(c).session_secret();
    const auto name = [&](absl::string_view what) { return absl::StrCat(what, " of ", c); };
    const crypto::Party party{c, aggregator.client(c).identity()};
    const auto channel = DeriveChannelKeyPair(secret, header);
    const auto m = DeriveMaskPrivateSeed(secret, header);
    const auto b = DeriveSelfMaskSeed(secret, header);
    const auto m_polynomials =
        DerivePolynomialSeed(secret, transcript, crypto::ShareKind::kMaskKey);
    const auto b_polynomials =
        DerivePolynomialSeed(secret, transcript, crypto::ShareKind::kSelfMask);
    report(name("session secret"), ExposeSecret(secret));
    report(name("channel key"), ExposeSecret(channel.private_key));
    report(name("m"), ExposeSecret(m));
    report(name("b"), ExposeSecret(b));
    report(name("mask key"), ExposeSecret(DeriveMaskKeyPair(m).private_key));
    report(name("polynomials of m"), ExposeSecret(m_polynomials));
    report(name("polynomials of b"), ExposeSecret(b_polynomials));
    report(name("rounding seed"), ExposeSecret(DeriveRoundingSeed(secret, transcript)));
    report(name("self mask stream"), ExposeSecret(DeriveSelfMaskStreamSeed(b, transcript, party)));
    ReportShares(name("share of m"), ExposeSecret(m), aggregator.threshold(), m_polynomials,
                 report);
    ReportShares(name("share of b"), ExposeSecret(b), aggregator.threshold(), b_polynomials,
                 report);
  }
}

std::vector<Pattern> PatternsOfSession(uint64_t seed) {
  return PatternsOf([seed](const Report& report) {
    MaliciousAggregator aggregator(CohortOf(seed));
    aggregator.PlayUntilUploads();
    ReportAll(aggregator, report);
  });
}

// Those of the names that begin with one of these.
std::set<std::string> Among(const std::set<std::string>& names,
                            const std::vector<std::string>& beginnings) {
  std::set<std::string> among;
  for (const std::string& name : names) {
    for (const std::string& beginning : beginnings) {
      if (absl::StartsWith(name, beginning)) among.insert(name);
    }
  }
  return among;
}

TEST(SessionSecretsTest, GoWithThePhaseThatNeedsThem) {
  const std::vector<Pattern> patterns = PatternsOfSession(1);
  ASSERT_THAT(FoundInMemory(patterns), IsEmpty());
  auto aggregator = std::make_unique<MaliciousAggregator>(CohortOf(1));
  const auto everybody = aggregator->Everybody();

  aggregator->OfferTo(everybody);
  std::set<std::string> found = FoundInMemory(patterns);
  for (const char* secret : {"session secret", "channel key", "m of", "b of", "mask key"}) {
    EXPECT_EQ(Among(found, {secret}).size(), kClients) << secret << " is not found while in use";
  }

  aggregator->AnnounceTo(everybody);
  EXPECT_THAT(Among(FoundInMemory(patterns),
                    {"session secret", "channel key", "m of", "polynomials", "share of m"}),
              IsEmpty())
      << "once keys are shared";

  aggregator->DeliverTo(everybody, everybody);
  found = FoundInMemory(patterns);
  EXPECT_THAT(Among(found, {"share of m"}), Not(IsEmpty()));
  EXPECT_THAT(Among(found, {"b of", "mask key", "self mask stream"}), IsEmpty())
      << "once the masks are made";

  // One of them is not in the sum: of it, shares of m are revealed, of the others shares of b.
  const auto survivors = aggregator->AllBut({kClients - 1});
  for (const uint32_t c : survivors) {
    v1::UploadReceipt receipt;
    receipt.set_digest(aggregator->client(c).upload_close().digest());
    aggregator->client(c).Take(client::UploadAcknowledged{receipt});
  }
  aggregator->ShowSurvivorsTo(survivors, survivors);
  aggregator->PassSignaturesTo(survivors, survivors);
  for (const uint32_t c : survivors) {
    ASSERT_EQ(aggregator->client(c).Count(v1::ClientMessage::kUnmasking), 1);
  }
  for (const uint32_t c : everybody) {
    if (survivors.count(c) == 0) aggregator->client(c).Hear(MaliciousAggregator::Aborted());
  }
  found = FoundInMemory(patterns);
  for (const uint32_t c : survivors) {
    EXPECT_THAT(Among(found, {absl::StrCat("share of m of ", c)}), IsEmpty());
  }
  EXPECT_THAT(Among(found, {absl::StrCat("share of b of ", kClients - 1)}), IsEmpty());

  aggregator.reset();
  // What was revealed is the test's own, which does not erase it.
  const std::set<std::string> left = FoundInMemory(patterns);
  EXPECT_THAT(Among(left, {"session secret", "channel key", "m of", "b of", "mask key",
                           "polynomials", "rounding", "self mask"}),
              IsEmpty())
      << "at the end";
}

// A caller that gives up in any phase.
TEST(SessionSecretsTest, GoWithTheClient) {
  const std::vector<Pattern> patterns = PatternsOfSession(2);
  for (int phases = 1; phases <= 4; ++phases) {
    auto aggregator = std::make_unique<MaliciousAggregator>(CohortOf(2));
    const auto everybody = aggregator->Everybody();
    aggregator->OfferTo(everybody);
    if (phases >= 2) aggregator->AnnounceTo(everybody);
    if (phases >= 3) aggregator->DeliverTo(everybody, everybody);
    if (phases >= 4) aggregator->ShowSurvivorsTo(everybody, everybody);
    if (phases % 2 == 0) {
      for (const uint32_t c : everybody) aggregator->client(c).Take(client::CancelRequested{});
      EXPECT_THAT(FoundInMemory(patterns), IsEmpty()) << "cancelled in phase " << phases;
    }
    aggregator.reset();
    EXPECT_THAT(FoundInMemory(patterns), IsEmpty()) << "destroyed in phase " << phases;
  }
}

// The aggregator puts together b of the survivors and m of the others.
TEST(SessionSecretsTest, GoWithTheUnmasking) {
  const std::vector<Pattern> patterns = PatternsOfSession(3);
  const adversary::Cohort cohort = CohortOf(3);
  const auto identities = adversary::IdentitiesOf(cohort);
  std::vector<std::unique_ptr<adversary::HonestClient>> clients;
  for (uint32_t c = 0; c < kClients; ++c) {
    adversary::HonestClient::Options options;
    options.identity = identities[c];
    options.policy = adversary::PolicyFor(identities);
    options.model_hash = adversary::ModelHash();
    options.seed = 100 * cohort.seed + c;
    clients.push_back(std::make_unique<adversary::HonestClient>(std::move(options)));
  }
  std::optional<fuzz::SessionStage> stage;
  stage.emplace(adversary::HeaderFor(cohort), std::move(clients));
  stage->Start();
  // The last client shares its keys and is not heard of again.
  stage->Play({kClients - 1});
  ASSERT_TRUE(stage->finished().has_value());
  EXPECT_EQ(stage->finished()->reason, v1::REASON_UNSPECIFIED) << stage->finished()->detail;
  EXPECT_EQ(stage->finished()->included.size(), kClients - 1);
  const std::vector<std::string> recovered = {"m of", "b of", "mask key", "self mask stream"};
  EXPECT_THAT(Among(FoundInMemory(patterns), recovered), IsEmpty()) << "once the sum is there";
}

}  // namespace
}  // namespace veilsum::secrets
