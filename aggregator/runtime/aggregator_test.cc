// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Who is offered which session, without a network: connections are queues. What clients say in a
// session is tested with the protocol core and over gRPC.

#include "aggregator/runtime/aggregator.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "aggregator/runtime/aggregator_testing.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

TEST_F(AggregatorTest, ClientsOfOneTaskMeetInOneSessionOnDemand) {
  const auto one = Connect('2', "demand");
  const auto two = Connect('3', "demand");
  EXPECT_EQ(SessionOf(one->Next()), SessionOf(two->Next()));
}

TEST_F(AggregatorTest, ClientsWaitForASessionThatAnOperatorStarts) {
  const auto one = Connect('2', "started");
  EXPECT_TRUE(one->Next().has_waiting());
  const auto session = StartSession("started");
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(SessionOf(one->Next()), session->session_id());
  EXPECT_EQ(SessionOf(Connect('3', "started")->Next()), session->session_id());
}

TEST_F(AggregatorTest, WhoTalksWhileWaitingIsTooEarlyAndMayLeave) {
  const auto one = Connect('2', "started");
  EXPECT_TRUE(one->Next().has_waiting());
  v1::ClientMessage message;
  message.mutable_share_keys();
  std::promise<void> done;
  aggregator_->Receive(one, message, [&] { done.set_value(); });
  done.get_future().get();
  EXPECT_EQ(one->Next().refused().reason(), v1::REASON_EARLY);
  message.mutable_withdraw();
  aggregator_->Receive(one, message, [] {});
  EXPECT_TRUE(one->Closed().ok());
}

TEST_F(AggregatorTest, TheEndOfASessionIsToldAndTheNextOneOpens) {
  const auto inside = Connect('2', "demand");
  const std::string session_id = SessionOf(inside->Next());
  ASSERT_TRUE(AbortSession(session_id).ok());
  const v1::ServerMessage told = inside->Next();
  EXPECT_EQ(told.refused().scope(), v1::Refused::SCOPE_SESSION);
  EXPECT_EQ(told.refused().reason(), v1::REASON_ABORTED_BY_OPERATOR);
  EXPECT_TRUE(inside->Closed().ok());
  EXPECT_NE(SessionOf(Connect('2', "demand")->Next()), session_id);
}

// A message may be under way from the stream to the session when the session ends.
TEST_F(AggregatorTest, WhatComesAsTheSessionEndsIsAnswered) {
  const auto inside = Connect('2', "demand");
  const std::string session_id = SessionOf(inside->Next());
  ASSERT_TRUE(AbortSession(session_id).ok());
  EXPECT_EQ(inside->Next().refused().scope(), v1::Refused::SCOPE_SESSION);
  EXPECT_TRUE(inside->Closed().ok());
  v1::ClientMessage message;
  message.mutable_share_keys();
  std::promise<void> done;
  aggregator_->Receive(inside, message, [&] { done.set_value(); });
  done.get_future().get();
  const v1::Refused answer = inside->Next().refused();
  EXPECT_EQ(answer.scope(), v1::Refused::SCOPE_MESSAGE);
  EXPECT_EQ(answer.reason(), v1::REASON_LATE);
  EXPECT_EQ(answer.round(), v1::ROUND_SHARE_KEYS);
}

TEST_F(AggregatorTest, AClientOfAnEndedSessionLearnsHowItEnded) {
  const std::string session_id = SessionOf(Connect('2', "demand")->Next());
  ASSERT_TRUE(AbortSession(session_id).ok());
  const auto back = Connect('2', "demand", session_id);
  EXPECT_NE(back->Next().refused().reason(), v1::REASON_UNSPECIFIED);
  EXPECT_TRUE(back->Closed().ok());
}

TEST_F(AggregatorTest, TheNewestConnectionIsServedAndItsSessionKnowsIt) {
  const auto old_connection = Connect('2', "demand");
  const std::string session_id = SessionOf(old_connection->Next());
  const auto resumed = Connect('2', "demand", session_id);
  EXPECT_EQ(SessionOf(resumed->Next()), session_id);
  EXPECT_EQ(ReasonOf(old_connection->Closed()), v1::REASON_DISPLACED);
  const v1::ServerMessage displaced = old_connection->Next();
  EXPECT_EQ(displaced.refused().scope(), v1::Refused::SCOPE_CLIENT);
  EXPECT_EQ(displaced.refused().reason(), v1::REASON_DISPLACED);
  // What the old one says is ignored; what the new one says is answered.
  v1::ClientMessage message;
  std::promise<void> done;
  aggregator_->Receive(old_connection, message, [&] { done.set_value(); });
  done.get_future().get();
  aggregator_->Receive(resumed, message, [] {});
  EXPECT_EQ(resumed->Next().refused().reason(), v1::REASON_MALFORMED);
  EXPECT_EQ(old_connection->Next().message_case(), v1::ServerMessage::MESSAGE_NOT_SET);
}

// A client gave up its first stream when its hello was already on the way.
TEST_F(AggregatorTest, AHelloThatComesLateDoesNotDisplaceTheStreamOpenedAfterIt) {
  const auto present = ConnectAs(2, '2', "demand");
  const std::string session_id = SessionOf(present->Next());
  const auto given_up = ConnectAs(1, '2', "demand");
  EXPECT_EQ(given_up->Next().refused().reason(), v1::REASON_DISPLACED);
  EXPECT_EQ(ReasonOf(given_up->Closed()), v1::REASON_DISPLACED);
  aggregator_->Disconnected(given_up);
  aggregator_->Receive(present, {}, [] {});
  EXPECT_EQ(present->Next().refused().reason(), v1::REASON_MALFORMED);
}

TEST_F(AggregatorTest, OneIdentityMayTakePartInTwoTasks) {
  const auto one = Connect('2', "demand");
  const auto two = Connect('2', "started");
  EXPECT_TRUE(one->Next().has_offer());
  EXPECT_TRUE(two->Next().has_waiting());
}

TEST_F(AggregatorTest, ASessionOfAnotherTaskIsRefused) {
  const std::string session_id = SessionOf(Connect('2', "demand")->Next());
  const auto lost = Connect('3', "started", session_id);
  EXPECT_EQ(lost->Next().refused().reason(), v1::REASON_WRONG_SESSION);
  EXPECT_FALSE(lost->Closed().ok());
}

TEST_F(AggregatorTest, AtTheLimitOfSessionsClientsWaitForOneToEnd) {
  v1::Task more = MakeTask("more", true);
  ASSERT_TRUE(
      Ask<v1::Task>([&](Answer<v1::Task> answer) { aggregator_->CreateTask(more, answer); }).ok());
  const std::string session_id = SessionOf(Connect('2', "demand")->Next());
  ASSERT_TRUE(StartSession("started").ok());
  EXPECT_EQ(ReasonOf(StartSession("more").status()), v1::REASON_OVERLOADED);
  const auto waiting = Connect('3', "more");
  EXPECT_TRUE(waiting->Next().has_waiting());
  ASSERT_TRUE(AbortSession(session_id).ok());
  EXPECT_TRUE(waiting->Next().has_offer());
}

TEST_F(AggregatorTest, SessionsWaitForTheMemoryOfTheirSums) {
  // 1,001 lanes of two bytes and 1,501 of four are more than 7,000 bytes, each alone is not.
  v1::Task small = MakeTask("small", false, 1'000);
  v1::Task large = MakeTask("large", false, 1'500);
  large.mutable_vector()->set_quantisation_bits(16);
  large.mutable_vector()->set_modulus_bits(0);
  for (const v1::Task& task : {small, large}) {
    const auto created =
        Ask<v1::Task>([&](Answer<v1::Task> answer) { aggregator_->CreateTask(task, answer); });
    ASSERT_TRUE(created.ok()) << created.status();
  }
  const auto session = StartSession("small");
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(ReasonOf(StartSession("large").status()), v1::REASON_OVERLOADED);
  ASSERT_TRUE(AbortSession(session->session_id()).ok());
  EXPECT_TRUE(StartSession("large").ok());
}

TEST_F(AggregatorTest, ATaskWhoseSumHasNoRoomIsRefused) {
  const auto created = Ask<v1::Task>([&](Answer<v1::Task> answer) {
    aggregator_->CreateTask(MakeTask("huge", false, 3'501), answer);
  });
  EXPECT_EQ(ReasonOf(created.status()), v1::REASON_INVALID_ARGUMENT);
  EXPECT_NE(created.status().message().find("accumulator_bytes"), absl::string_view::npos);
}

TEST_F(AggregatorTest, HeadersNameTheVersionOfTheRoster) {
  const auto task =
      Ask<v1::Task>([&](Answer<v1::Task> answer) { aggregator_->GetTask("demand", answer); });
  EXPECT_EQ(task->roster_version(), 7u);
  v1::SessionHeader header;
  ASSERT_TRUE(header.ParseFromString(Connect('2', "demand")->Next().offer().header()));
  EXPECT_EQ(header.roster_version(), 7u);
}

TEST_F(AggregatorTest, OperatorsSeeWhyClientsRefuseASession) {
  const auto client = Connect('2', "demand");
  const std::string session_id = SessionOf(client->Next());
  v1::ClientMessage message;
  message.mutable_withdraw()->set_reason(v1::REASON_MODEL_MISMATCH);
  message.mutable_withdraw()->set_detail("not the model that was trained");
  std::promise<void> done;
  aggregator_->Receive(client, message, [&] { done.set_value(); });
  done.get_future().get();
  EXPECT_EQ(client->Next().refused().reason(), v1::REASON_WITHDREW);
  EXPECT_TRUE(client->Closed().ok());
  // Nothing of it was accepted: it may have another look.
  EXPECT_EQ(SessionOf(Connect('2', "demand")->Next()), session_id);
  // An ended session's snapshot is the last one, whatever was still to be published.
  const absl::StatusOr<v1::Session> session = AbortSession(session_id);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->refusals_total(), 1u);
  ASSERT_EQ(session->refusals_size(), 1);
  EXPECT_EQ(session->refusals(0).reason(), v1::REASON_MODEL_MISMATCH);
  EXPECT_EQ(session->refusals(0).round(), v1::ROUND_ADVERTISE_KEYS);
  EXPECT_EQ(session->refusals(0).detail(), "not the model that was trained");
}

TEST_F(AggregatorTest, DrainingRefusesWhoWaitsAndKeepsWhatRuns) {
  const auto inside = Connect('2', "demand");
  const std::string session_id = SessionOf(inside->Next());
  const auto waiting = Connect('3', "started");
  EXPECT_TRUE(waiting->Next().has_waiting());
  std::promise<void> idle;
  aggregator_->Drain([&] { idle.set_value(); });
  EXPECT_EQ(waiting->Next().refused().reason(), v1::REASON_DRAINING);
  EXPECT_EQ(ReasonOf(StartSession("started").status()), v1::REASON_DRAINING);
  EXPECT_EQ(Connect('4', "demand")->Next().refused().reason(), v1::REASON_DRAINING);
  // The session still takes its own clients back.
  EXPECT_EQ(SessionOf(Connect('2', "demand", session_id)->Next()), session_id);
  ASSERT_TRUE(AbortSession(session_id).ok());
  idle.get_future().get();
}

}  // namespace
}  // namespace veilsum::aggregator
