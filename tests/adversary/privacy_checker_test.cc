// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A checker that finds nothing is worth nothing: honest sessions, and every way to break one.

#include "tests/adversary/privacy_checker.h"

#include "gtest/gtest.h"
#include "tests/adversary/combinations.h"
#include "tests/adversary/synthetic_session.h"

namespace veilsum::adversary {
namespace {

// Six clients of whom five must be in a sum, one may be corrupted: t = 4, four honest inputs.
SyntheticSession SixClients(uint64_t seed = 1) {
  return SyntheticSession(SyntheticHeader(v1::TIER_MALICIOUS, 6, 5, 0.2), 6, seed);
}

void PlayHonestly(SyntheticSession& session, const std::vector<bool>& sharers,
                  const std::vector<bool>& survivors) {
  session.Share();
  std::vector<uint32_t> holders;
  for (uint32_t client = 0; client < session.size(); ++client) {
    if (!sharers[client]) continue;
    session.ShowSharers(client, sharers);
    if (!survivors[client]) continue;
    session.Upload(client);
    holders.push_back(client);
  }
  session.Reveal(holders, sharers, survivors);
}

// ---- Nothing to find ----

TEST(PrivacyCheckerTest, AnHonestSessionGivesOneSum) {
  SyntheticSession session = SixClients();
  PlayHonestly(session, session.Everybody(), session.Everybody());
  const Verdict verdict = session.Judge();
  EXPECT_TRUE(verdict.safe()) << verdict.Describe();
  EXPECT_EQ(verdict.opened_b.size(), 6u);
  EXPECT_TRUE(verdict.opened_m.empty());
  EXPECT_TRUE(verdict.inconsistent.empty());
  EXPECT_EQ(verdict.combinations, 1u);
}

TEST(PrivacyCheckerTest, ADropoutsInputStaysHiddenThoughItArrivedLate) {
  SyntheticSession session = SixClients();
  PlayHonestly(session, session.Everybody(), session.AllBut({2}));
  session.Upload(2);  // After its m was opened: b still hides it.
  const Verdict verdict = session.Judge();
  EXPECT_TRUE(verdict.safe()) << verdict.Describe();
  EXPECT_EQ(verdict.opened_m.size(), 1u);
  EXPECT_EQ(verdict.combinations, 1u);
}

TEST(PrivacyCheckerTest, ACorruptedClientAddsNothingToTheSum) {
  SyntheticSession session = SixClients();
  session.Corrupt(3);
  PlayHonestly(session, session.Everybody(), session.AllBut({0}));
  const Verdict verdict = session.Judge();
  EXPECT_TRUE(verdict.safe()) << verdict.Describe();
  EXPECT_EQ(verdict.combinations, 1u);
}

TEST(PrivacyCheckerTest, WithTooFewSharesNothingIsKnown) {
  SyntheticSession session = SixClients();
  session.Share();
  for (uint32_t client = 0; client < 6; ++client) {
    session.ShowSharers(client, session.Everybody());
    session.Upload(client);
  }
  session.Reveal({0, 1, 2}, session.Everybody(), session.Everybody());
  const Verdict verdict = session.Judge();
  EXPECT_TRUE(verdict.safe()) << verdict.Describe();
  EXPECT_TRUE(verdict.opened_b.empty());
  EXPECT_EQ(verdict.combinations, 0u);
}

TEST(PrivacyCheckerTest, TwoSessionsWithTheSameClientsGiveTheSameSum) {
  SyntheticSession one = SixClients(), other = SixClients(1);
  PlayHonestly(one, one.Everybody(), one.Everybody());
  PlayHonestly(other, other.Everybody(), other.Everybody());
  std::vector<ClientView> both = one.views();
  both.insert(both.end(), other.views().begin(), other.views().end());
  const Verdict verdict = Judge(both, one.keys());
  EXPECT_TRUE(verdict.safe()) << verdict.Describe();
  EXPECT_EQ(verdict.combinations, 1u);
}

// ---- Violations ----

TEST(PrivacyCheckerTest, FindsBothSharesOfOneClient) {
  SyntheticSession session = SixClients();
  PlayHonestly(session, session.Everybody(), session.Everybody());
  session.Reveal({0, 1, 2, 3}, session.Everybody(), session.AllBut({4}));
  const Verdict verdict = session.Judge();
  ASSERT_FALSE(verdict.safe());
  EXPECT_EQ(verdict.leak->clients.size(), 1u) << verdict.Describe();
  EXPECT_EQ(verdict.leak->clients.count(session.identity(4)), 1u);
}

TEST(PrivacyCheckerTest, FindsBothSharesWithThoseACorruptedClientWasDealt) {
  SyntheticSession session = SixClients();
  session.Corrupt(5);
  PlayHonestly(session, session.Everybody(), session.Everybody());
  // Three honest ones and the corrupted one's own make t.
  session.Reveal({0, 1, 2}, session.Everybody(), session.AllBut({4}));
  const Verdict verdict = session.Judge();
  ASSERT_FALSE(verdict.safe());
  EXPECT_EQ(verdict.leak->clients, std::set{session.identity(4)}) << verdict.Describe();
}

TEST(PrivacyCheckerTest, FindsTwoSurvivorSets) {
  // γ = 0 and so few shares needed that two halves answer two sets: their difference is one input.
  SyntheticSession session(SyntheticHeader(v1::TIER_SEMI_HONEST, 6, 3, 0), 6);
  session.Share();
  for (uint32_t client = 0; client < 6; ++client) {
    session.ShowSharers(client, session.Everybody());
    session.Upload(client);
  }
  session.Reveal({0, 1, 2, 3}, session.Everybody(), session.Everybody());
  session.Reveal({2, 3, 4, 5}, session.Everybody(), session.AllBut({0}));
  const Verdict verdict = session.Judge();
  ASSERT_FALSE(verdict.safe());
  EXPECT_EQ(verdict.leak->clients, std::set{session.identity(0)}) << verdict.Describe();
}

TEST(PrivacyCheckerTest, FindsOneMaskForTwoInputs) {
  SyntheticSession session = SixClients();
  session.Share();
  for (uint32_t client = 0; client < 6; ++client) {
    session.ShowSharers(client, session.Everybody());
    session.Upload(client);
  }
  ASSERT_TRUE(session.Judge().safe());
  session.Upload(1);  // The same bytes again are nothing new.
  ASSERT_TRUE(session.Judge().safe());
  session.Upload(1, "input", 1);
  const Verdict verdict = session.Judge();
  ASSERT_FALSE(verdict.safe());
  EXPECT_EQ(verdict.leak->clients, std::set{session.identity(1)}) << verdict.Describe();
}

TEST(PrivacyCheckerTest, FindsAVictimThatMasksWithTheCorruptedAlone) {
  SyntheticSession session = SixClients();
  session.Corrupt(5);
  session.Share();
  for (uint32_t client = 0; client < 5; ++client) {
    session.ShowSharers(client, client == 0 ? session.Only({0, 5}) : session.Everybody());
    session.Upload(client);
  }
  ASSERT_TRUE(session.Judge().safe());  // Its b is there still.
  session.Reveal({0, 1, 2}, session.Everybody(), session.Everybody());
  const Verdict verdict = session.Judge();
  ASSERT_FALSE(verdict.safe());
  EXPECT_EQ(verdict.leak->clients, std::set{session.identity(0)}) << verdict.Describe();
}

TEST(PrivacyCheckerTest, FindsASmallComponent) {
  // Two groups of three that mask among themselves: each sum is known alone.
  SyntheticSession session = SixClients();
  session.Share();
  for (uint32_t client = 0; client < 6; ++client) {
    session.ShowSharers(client, client < 2 ? session.Only({0, 1}) : session.Only({2, 3, 4, 5}));
    session.Upload(client);
  }
  session.Reveal({0, 1, 2, 3}, session.Everybody(), session.Everybody());
  const Verdict verdict = session.Judge();
  ASSERT_FALSE(verdict.safe());
  EXPECT_EQ(verdict.leak->clients, (std::set{session.identity(0), session.identity(1)}));
}

TEST(PrivacyCheckerTest, FindsASumOfTooFew) {
  SyntheticSession session = SixClients();
  PlayHonestly(session, session.Everybody(), session.AllBut({1, 2}));
  const Verdict verdict = session.Judge();
  ASSERT_FALSE(verdict.safe());
  EXPECT_EQ(verdict.leak->clients.size(), 4u) << verdict.Describe();
  EXPECT_EQ(verdict.leak->promised, 5u);
}

TEST(PrivacyCheckerTest, CountsOnlyTheHonestInASum) {
  // Five inputs as promised, one of them the adversary's: four honest ones, as promised too.
  SyntheticSession session = SixClients();
  session.Corrupt(5);
  PlayHonestly(session, session.Everybody(), session.AllBut({1}));
  EXPECT_TRUE(session.Judge().safe());
  // Two of them are one too many: n_min counts on one.
  session.Corrupt(4);
  EXPECT_FALSE(session.Judge().safe());
}

TEST(PrivacyCheckerTest, FindsTwoSessionsSubtracted) {
  SyntheticSession one = SixClients(), other(SyntheticHeader(v1::TIER_MALICIOUS, 7, 5, 0.1), 6, 1);
  PlayHonestly(one, one.Everybody(), one.Everybody());
  PlayHonestly(other, other.Everybody(), other.AllBut({3}));
  std::vector<ClientView> both = one.views();
  both.insert(both.end(), other.views().begin(), other.views().end());
  const Verdict verdict = Judge(both, one.keys());
  ASSERT_FALSE(verdict.safe());
  EXPECT_EQ(verdict.leak->clients, std::set{one.identity(3)}) << verdict.Describe();
}

TEST(PrivacyCheckerTest, FindsReplacedKeys) {
  SyntheticSession session = SixClients();
  for (uint32_t other = 1; other < 6; ++other) session.ReplaceMaskKey(0, other);
  PlayHonestly(session, session.Everybody(), session.Everybody());
  const Verdict verdict = session.Judge();
  ASSERT_FALSE(verdict.safe());
  EXPECT_EQ(verdict.leak->clients, std::set{session.identity(0)}) << verdict.Describe();
}

TEST(PrivacyCheckerTest, FindsALateInputOfADropoutWhoseSelfMaskIsOpenedToo) {
  SyntheticSession session = SixClients();
  PlayHonestly(session, session.Everybody(), session.AllBut({2}));
  session.Upload(2);
  session.Reveal({0, 1, 3, 4}, session.Everybody(), session.Everybody());
  EXPECT_FALSE(session.Judge().safe());
}

TEST(PrivacyCheckerTest, IsNotFooledBySharesThatWereNotDealt) {
  SyntheticSession session = SixClients();
  PlayHonestly(session, session.Everybody(), session.Everybody());
  // Shares of b passed off as shares of m do not match the digests.
  for (ClientView& view : session.views()) {
    v1::Unmasking forged = view.revealed[0];
    for (v1::RevealedShare& share : *forged.mutable_shares()) {
      share.set_mask_key_share(std::string(share.self_mask_share()));
    }
    view.revealed.push_back(forged);
  }
  const Verdict verdict = session.Judge();
  EXPECT_TRUE(verdict.safe()) << verdict.Describe();
  EXPECT_TRUE(verdict.opened_m.empty());
}

TEST(PrivacyCheckerTest, WhatTheCarelessDoToThemselvesIsNoLeak) {
  SyntheticSession session = SixClients();
  PlayHonestly(session, session.Everybody(), session.Everybody());
  session.Upload(1, "input", 1);
  const std::vector<ClientView>& views = session.views();
  EXPECT_FALSE(Judge(views, session.keys()).safe());
  // Two inputs of client 1, and so the sum without it: five honest ones.
  EXPECT_TRUE(Judge(views, session.keys(), {session.identity(1)}).safe());
}

// ---- The algebra ----

TEST(CombinationsTest, EliminatesMasks) {
  // a + m, b − m, c + 2m: three rows, one mask, so two combinations.
  constexpr uint64_t kMinus = (uint64_t{1} << 61) - 2;
  const auto basis =
      FreeOfMasks({{{{0, 1}}, {{0, 1}}}, {{{0, kMinus}}, {{1, 1}}}, {{{0, 2}}, {{2, 1}}}});
  EXPECT_EQ(basis.size(), 2u);
}

TEST(CombinationsTest, FindsTheSmallestSupport) {
  // x0 + x1 + x2 + x3 and x1 + x2 + x3: their difference is x0.
  const std::vector<SparseRow> basis = {{{0, 1}, {1, 1}, {2, 1}, {3, 1}}, {{1, 1}, {2, 1}, {3, 1}}};
  const auto at_most = [](uint32_t most) {
    return [most](const std::set<uint32_t>& touched) { return touched.size() <= most; };
  };
  const auto found = FindForbidden(basis, {0, 1, 2, 3}, 1, at_most(1));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(*found, std::set<uint32_t>{0});
  // Two columns of one owner count once.
  EXPECT_TRUE(FindForbidden({{{0, 1}, {1, 5}}}, {7, 7}, 1, at_most(1)).has_value());
  EXPECT_FALSE(FindForbidden({{{0, 1}, {1, 5}}}, {7, 8}, 1, at_most(1)).has_value());
}

}  // namespace
}  // namespace veilsum::adversary
