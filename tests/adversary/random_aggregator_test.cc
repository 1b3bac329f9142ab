// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// An aggregator that tries whatever comes to its mind: other survivors, sharers, entries, headers
// and signatures for each client, in any order and again, several sessions, restarts, old states of
// as many clients as may be corrupted, bytes that were bent at random. Whatever it does, what it
// received must not tell more than it was promised.
//
// A failure names its seed; VEILSUM_FIRST_SEED and VEILSUM_SEEDS in the environment (--test_env)
// play that one again, or many more.

#include <algorithm>
#include <cstdlib>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/adversary/matchers.h"

namespace veilsum::adversary {
namespace {

using Set = MaliciousAggregator::Set;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

class Chaos {
 public:
  Chaos(const Cohort& cohort, uint64_t seed)
      : random_(seed), aggregator_(cohort), may_rewind_(cohort.clients >= 7) {}

  MaliciousAggregator& Play() {
    for (uint32_t session = Below(3) + 1; session > 0; --session) {
      PlaySession();
      if (session > 1) aggregator_.BeginSession();
    }
    return aggregator_;
  }

 private:
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  bool OneIn(uint32_t count) { return Below(count) == 0; }
  uint32_t Client() { return Below(aggregator_.size()); }
  // All, or all but one or two; in most sessions no fewer than clients believe.
  Set Members() {
    Set members = aggregator_.Everybody();
    const uint32_t spare = aggregator_.size() - aggregator_.header.min_survivors();
    const uint32_t most = wild_ ? 2 : std::min<uint32_t>(2, spare);
    for (uint32_t gone = Below(most + 1); gone > 0; --gone) members.erase(Client());
    return members;
  }

  void PlaySession() {
    wild_ = OneIn(4);
    aggregator_.OfferTo(aggregator_.Everybody());
    for (uint32_t i = 0; i < aggregator_.size(); ++i) MaybeBend(i, aggregator_.Roster());
    aggregator_.AnnounceTo(aggregator_.Everybody());
    const Set sharers = OneIn(2) ? aggregator_.Everybody() : Members();
    for (uint32_t client = 0; client < aggregator_.size(); ++client) {
      Deliver(client, OneIn(wild_ ? 4 : 30) ? Members() : sharers);
    }
    sets_ = {OneIn(2) ? sharers : Members(), Members()};
    for (uint32_t client = 0; client < aggregator_.size(); ++client) {
      if (!OneIn(5)) aggregator_.ShowSurvivorsTo({client}, sets_[OneIn(wild_ ? 2 : 8)]);
    }
    for (uint32_t step = Below(40); step > 0; --step) Attack();
    if (OneIn(2)) return;
    for (uint32_t client = 0; client < aggregator_.size(); ++client) {
      PassSignatures(client, sets_[0]);
    }
  }

  Set Shared(Set sharers) const {
    for (uint32_t client = 0; client < aggregator_.size(); ++client) {
      if (aggregator_.shared.count(client) == 0) sharers.erase(client);
    }
    return sharers;
  }
  void Deliver(uint32_t client, const Set& sharers) {
    aggregator_.DeliverTo({client}, Shared(sharers));
  }

  // Says it with a bit flipped, once in a while.
  void MaybeBend(uint32_t client, const v1::ServerMessage& message) {
    if (!OneIn(40)) return;
    std::string bytes = message.SerializeAsString();
    bytes[Below(static_cast<uint32_t>(bytes.size()))] ^= static_cast<char>(1 << Below(8));
    v1::ServerMessage bent;
    if (bent.ParseFromString(bytes)) aggregator_.client(client).Hear(bent);
  }

  void Attack() {
    const uint32_t client = Client();
    const Set& set = sets_[OneIn(wild_ ? 2 : 8)];
    const uint32_t kind = Below(16);
    if (kind < 3) return aggregator_.ShowSurvivorsTo({client}, set);
    if (kind < 12) return PassSignatures(client, set);
    if (kind == 12) return Rewind();
    if (kind == 13) return Deliver(client, Members());
    if (kind == 14) {
      aggregator_.client(client).Restart();
      return aggregator_.Listen(client);
    }
    MaybeBend(client, aggregator_.Survivors(set));
    MaybeBend(client, aggregator_.Signatures(set));
    MaybeBend(client, aggregator_.Shares(client, Shared(set)));
  }

  // One honest client's state is put back, and nobody tells it: where A = 2, it is as good as
  // corrupted.
  void Rewind() {
    HonestClient& victim = aggregator_.client(0);
    if (!may_rewind_ || victim.journal().empty()) return;
    aggregator_.keys().corrupted.insert(victim.identity());
    victim.RestoreJournal(Below(static_cast<uint32_t>(victim.journal().size() + 1)));
  }

  // The corrupted sign whatever it is; of the others, what they signed for.
  void PassSignatures(uint32_t client, const Set& set) {
    for (uint32_t signer = 0; signer < aggregator_.size(); ++signer) {
      if (aggregator_.corrupted(signer)) {
        aggregator_.signatures[signer] = aggregator_.SignAs(signer, set);
      }
    }
    aggregator_.PassSignaturesTo({client}, aggregator_.Everybody());
  }

  std::mt19937_64 random_;
  MaliciousAggregator aggregator_;
  std::vector<Set> sets_;
  const bool may_rewind_;
  bool wild_ = false;
};

TEST(RandomAggregatorTest, LearnsNothingWhateverItDoes) {
  const uint64_t first = FromEnvironment("VEILSUM_FIRST_SEED", 1);
  const uint64_t count = FromEnvironment("VEILSUM_SEEDS", 200);
  uint64_t sums = 0, refusals = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 random(seed);
    // A = 1 or 2, of which one may be an honest client with an old state.
    Cohort cohort{.clients = 5 + static_cast<uint32_t>(random() % 4), .seed = 1 + seed % 5};
    cohort.corruption_rate = cohort.clients >= 7 ? 2.1 / cohort.clients : 0.2;
    cohort.min_survivors = 4 + static_cast<uint32_t>(random() % (cohort.clients - 4 + 1));
    Chaos chaos(cohort, seed);
    MaliciousAggregator& aggregator = chaos.Play();
    ASSERT_THAT(aggregator, LearnsNothing());
    sums += aggregator.Judge().combinations > 0;
    for (uint32_t client = 0; client < aggregator.size(); ++client) {
      refusals += aggregator.client(client).declined().has_value();
    }
  }
  // Not a test of anything if it never gets anywhere, or nobody ever has to refuse.
  if (count < 100) return;
  EXPECT_GT(sums, count / 10);
  EXPECT_GT(refusals, count);
}

}  // namespace
}  // namespace veilsum::adversary
