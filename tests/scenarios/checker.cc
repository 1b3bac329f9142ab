// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/checker.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client_sdk/encoding/decoder.h"
#include "crypto/graph/parameters.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/bitmap.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"
#include "tests/adversary/privacy_checker.h"
#include "tests/scenarios/cast.h"

namespace veilsum::scenarios {

crypto::Digest DigestOf(const std::vector<float>& mean) {
  return crypto::Sha256(
      crypto::ByteSpan(reinterpret_cast<const uint8_t*>(mean.data()), mean.size() * sizeof(float)));
}

namespace {

std::string NameOf(const std::optional<v1::Reason>& reason) {
  return reason.has_value() ? v1::Reason_Name(*reason) : "nothing";
}

std::vector<uint64_t> Widen(const crypto::LaneVector& vector) {
  return vector.Visit([](auto lanes) { return std::vector<uint64_t>(lanes.begin(), lanes.end()); });
}

// Σ of the quantised inputs, modulo 2^B. Outside of the protocol: no mask, no packing, no lanes.
std::vector<uint64_t> PlainSum(const Outcome& outcome, const v1::VectorSpec& spec) {
  std::vector<uint64_t> sum(spec.dimension() + 1);
  for (const uint32_t client : outcome.included) {
    const std::vector<uint64_t> input = Widen(outcome.input_of(client));
    EXPECT_EQ(input.size(), sum.size()) << "client " << client;
    for (size_t i = 0; i < std::min(sum.size(), input.size()); ++i) sum[i] += input[i];
  }
  for (uint64_t& element : sum) element &= (uint64_t{1} << spec.modulus_bits()) - 1;
  return sum;
}

// The mean of what the callers passed, in floating point, as a check on the encoding too.
void CheckMean(const Scenario& scenario, const Outcome& outcome, const client::DecodedSum& sum,
               const v1::VectorSpec& spec) {
  std::vector<double> expected(spec.dimension());
  uint64_t weight_sum = 0;
  for (const uint32_t client : outcome.included) {
    const uint64_t weight = scenario.script(client).weight;
    const std::vector<float> update = UpdateOf(scenario, client);
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] += static_cast<double>(weight) * std::clamp(update[i], -kClip, kClip);
    }
    weight_sum += weight;
  }
  ASSERT_EQ(sum.weight_sum, weight_sum);
  const double bound = client::MeanErrorBound(spec);
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_LE(std::abs(sum.mean[i] - expected[i] / static_cast<double>(weight_sum)), bound)
        << "element " << i;
  }
}

// I1, and the participants' results, I6.
void CheckSum(const Scenario& scenario, const Outcome& outcome) {
  const v1::VectorSpec spec = SpecOf(scenario);
  const auto published = client::UnpackSum(outcome.packed_sum, spec);
  ASSERT_TRUE(published.ok()) << published.status();
  ASSERT_EQ(Widen(*published), PlainSum(outcome, spec)) << "I1: the sum is not exact";
  const auto decoded =
      client::DecodeSum(outcome.packed_sum, spec, static_cast<uint32_t>(outcome.included.size()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  CheckMean(scenario, outcome, *decoded, spec);
  const crypto::Digest mean_digest = DigestOf(decoded->mean);
  for (uint32_t client = 0; client < outcome.clients.size(); ++client) {
    const ClientOutcome& one = outcome.clients[client];
    if (!one.ended || !one.status.ok()) continue;
    EXPECT_EQ(one.included, outcome.included.size()) << "client " << client;
    EXPECT_EQ(one.weight_sum, decoded->weight_sum) << "client " << client;
    EXPECT_TRUE(one.mean_digest == mean_digest) << "I6: client " << client << " has another result";
  }
}

// I4.
void CheckOneSurvivorSet(const Outcome& outcome) {
  std::set<std::string> bitmaps;
  for (const ClientOutcome& client : outcome.clients) {
    bitmaps.insert(client.evidence.survivor_bitmaps.begin(),
                   client.evidence.survivor_bitmaps.end());
  }
  EXPECT_LE(bitmaps.size(), 1u) << "I4: clients were shown different survivors";
  if (bitmaps.size() != 1 || outcome.abort_reason != v1::REASON_UNSPECIFIED) return;
  const auto survivors =
      crypto::DecodeBitmap(crypto::AsBytes(*bitmaps.begin()), outcome.roster_size);
  ASSERT_TRUE(survivors.ok()) << survivors.status();
  EXPECT_EQ(static_cast<size_t>(std::count(survivors->begin(), survivors->end(), true)),
            outcome.included.size())
      << "I4: what was published is not who was said to survive";
}

bool LiesOf(const Scenario& scenario, uint32_t client) {
  return scenario.script(client).misbehaviour != Misbehaviour::kNone;
}

// I5: over everything a client ever sent, resent messages too. Liars may do as they like.
void CheckOneKindOfShare(const Scenario& scenario, const Outcome& outcome) {
  for (uint32_t client = 0; client < outcome.clients.size(); ++client) {
    if (LiesOf(scenario, client)) continue;
    std::map<uint32_t, v1::RevealedShare::ShareCase> kinds;
    for (const v1::Unmasking& body : outcome.clients[client].evidence.unmaskings) {
      for (const v1::RevealedShare& share : body.shares()) {
        const auto [kind, fresh] = kinds.emplace(share.owner(), share.share_case());
        EXPECT_TRUE(fresh || kind->second == share.share_case())
            << "I5: client " << client << " gave both shares of position " << share.owner();
      }
    }
  }
}

// I10: nobody who plays the aggregator, with the liars and as many others as may be corrupted,
// could work out more than a sum of n_min − A honest inputs.
void CheckPrivacy(const Scenario& scenario, const Outcome& outcome) {
  const Cast cast(scenario);
  const double rate = scenario.corruption_rate();
  uint32_t may_be_corrupted =
      std::max<uint32_t>(rate > 0 ? 1 : 0, crypto::FloorOfRate(rate, scenario.min_survivors()));
  std::vector<adversary::ClientView> views;
  adversary::AdversaryKeys keys;
  std::set<crypto::IdentityPublicKey> liars;
  for (const bool lying : {true, false}) {
    for (uint32_t client = 0; client < outcome.clients.size(); ++client) {
      const auto& view = outcome.clients[client].evidence.view;
      if (!view.has_value() || lying != LiesOf(scenario, client)) continue;
      if (may_be_corrupted > 0) {
        --may_be_corrupted;
        keys.AddClient(view->identity, cast.session_secret(client), view->header);
        continue;
      }
      if (lying) liars.insert(view->identity);
      views.push_back(*view);
    }
  }
  const adversary::Verdict verdict = adversary::Judge(views, keys, liars);
  EXPECT_TRUE(verdict.safe()) << "I10: " << verdict.Describe();
  for (const crypto::IdentityPublicKey& dealer : verdict.inconsistent) {
    EXPECT_EQ(liars.count(dealer), 1u) << "I10: an honest dealer's shares do not fit";
  }
}

void CheckDropped(const Scenario& scenario, uint32_t client, const Outcome& outcome) {
  const ClientScript& script = scenario.script(client);
  const auto dropped = outcome.dropped.find(client);
  // Whose input counts is missed in Unmasking only if the phase closed before its answer came.
  if (script.dropped == v1::REASON_NO_ANSWER && script.included && !scenario.aborts() &&
      dropped == outcome.dropped.end()) {
    return;
  }
  EXPECT_EQ(dropped == outcome.dropped.end() ? NameOf(std::nullopt) : NameOf(dropped->second),
            NameOf(script.dropped))
      << "why the aggregator dropped client " << client;
}

void CheckClient(const Scenario& scenario, uint32_t client, const Outcome& outcome) {
  CheckDropped(scenario, client, outcome);
  const ClientScript& script = scenario.script(client);
  const ClientOutcome& one = outcome.clients[client];
  if (script.refusal.has_value()) {
    EXPECT_EQ(NameOf(one.evidence.refusal), NameOf(script.refusal))
        << "the answer to what client " << client << " said out of turn";
  }
  if (!script.hears_the_end()) return;
  std::optional<v1::Reason> told = script.told;
  if (!told.has_value() && scenario.aborts()) told = scenario.abort_reason();
  if (!one.ended) return;
  const std::optional<v1::Reason> heard =
      one.status.ok() ? std::nullopt : std::optional(ReasonOf(one.status));
  EXPECT_EQ(NameOf(heard), NameOf(told)) << "what client " << client << " was told: " << one.status;
}

// I9, and that nobody is told more than is due: the result goes to those whose input is in it.
void CheckEnds(const Outcome& outcome) {
  const std::set<uint32_t> included(outcome.included.begin(), outcome.included.end());
  for (uint32_t client = 0; client < outcome.clients.size(); ++client) {
    const ClientOutcome& one = outcome.clients[client];
    EXPECT_TRUE(one.ended || one.gone) << "I9: client " << client << " still waits";
    if (one.ended && one.status.ok()) {
      EXPECT_EQ(included.count(client), 1u) << "client " << client << " has another's result";
    }
  }
}

}  // namespace

void CheckInvariants(const Scenario& scenario, const Outcome& outcome) {
  for (const std::string& violation : outcome.violations) ADD_FAILURE() << violation;
  ASSERT_TRUE(outcome.finished) << "I9: the session did not end";
  CheckEnds(outcome);
  CheckOneSurvivorSet(outcome);
  CheckOneKindOfShare(scenario, outcome);
  CheckPrivacy(scenario, outcome);
  const std::set<uint32_t> distinct(outcome.included.begin(), outcome.included.end());
  EXPECT_EQ(distinct.size(), outcome.included.size()) << "I2: somebody is counted twice";
  if (outcome.abort_reason == v1::REASON_UNSPECIFIED) {
    EXPECT_GE(outcome.included.size(), scenario.min_survivors());
    CheckSum(scenario, outcome);
  } else {
    EXPECT_TRUE(outcome.included.empty());
    EXPECT_TRUE(outcome.packed_sum.empty()) << "an aborted session has a result";
  }
}

void Check(const Scenario& scenario, const Outcome& outcome) {
  SCOPED_TRACE(absl::StrCat(scenario.name(), ", seed ", scenario.seed()));
  CheckInvariants(scenario, outcome);
  EXPECT_EQ(v1::Reason_Name(outcome.abort_reason), v1::Reason_Name(scenario.abort_reason()))
      << outcome.abort_detail;
  std::vector<uint32_t> included = outcome.included;
  std::sort(included.begin(), included.end());
  EXPECT_EQ(absl::StrJoin(included, " "), absl::StrJoin(scenario.Included(), " "));
  EXPECT_EQ(outcome.threshold, scenario.threshold().value_or(outcome.threshold));
  for (uint32_t client = 0; client < scenario.clients(); ++client) {
    CheckClient(scenario, client, outcome);
  }
}

}  // namespace veilsum::scenarios
