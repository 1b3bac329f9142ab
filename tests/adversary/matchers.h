// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the attack tests ask of a client, and of the whole run.
#ifndef VEILSUM_TESTS_ADVERSARY_MATCHERS_H_
#define VEILSUM_TESTS_ADVERSARY_MATCHERS_H_

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/adversary/malicious_aggregator.h"

namespace veilsum::adversary {

// The client left, says so to the aggregator and to its caller with this reason, and has opened
// nothing since it (re)started.
MATCHER_P(Refuses, reason, "refuses with " + v1::Reason_Name(reason)) {
  const HonestClient& client = arg;
  *result_listener << client.end();
  const v1::ClientMessage* withdraw = client.Last(v1::ClientMessage::kWithdraw);
  return client.declined() == reason && withdraw != nullptr &&
         withdraw->withdraw().reason() == reason && !withdraw->withdraw().detail().empty() &&
         client.Last(v1::ClientMessage::kUnmasking) == nullptr;
}

// It goes on, and would answer.
MATCHER(GoesOn, "takes part still") {
  const HonestClient& client = arg;
  *result_listener << client.end();
  return !client.ended();
}

// It has opened its shares, once.
MATCHER(Answered, "has answered once") {
  const HonestClient& client = arg;
  *result_listener << client.end();
  return client.Count(v1::ClientMessage::kUnmasking) == 1;
}

// Nothing that the aggregator received lets it work out more than it was promised.
MATCHER(LearnsNothing, "learns nothing that it was not promised") {
  const Verdict verdict = arg.Judge();
  *result_listener << verdict.Describe();
  return verdict.safe() && verdict.inconsistent.empty();
}

// … and not even a sum.
MATCHER(LearnsNoSum, "learns nothing at all of inputs") {
  const Verdict verdict = arg.Judge();
  *result_listener << verdict.Describe();
  return verdict.safe() && verdict.combinations == 0 && verdict.inconsistent.empty();
}

// Whether these clients can still come to their sum, all honest from here: nobody who was not
// attacked is hurt. Before anybody has been shown survivors.
inline void ExpectASumOf(MaliciousAggregator& aggregator, const MaliciousAggregator::Set& who) {
  aggregator.ShowSurvivorsTo(who, who);
  aggregator.PassSignaturesTo(who, who);
  for (const uint32_t client : who) {
    EXPECT_THAT(aggregator.client(client), Answered()) << "client " << client;
  }
}

}  // namespace veilsum::adversary

#endif  // VEILSUM_TESTS_ADVERSARY_MATCHERS_H_
