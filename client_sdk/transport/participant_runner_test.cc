// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/participant_runner.h"

#include <grpcpp/channel.h>

#include <asio.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client_sdk/transport/fake_aggregator.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/transcript.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::client {
namespace {

using testing::HasSubstr;

template <class SecretT>
SecretT Filled(uint8_t byte) {
  return SecretT::Generate([byte](absl::Span<uint8_t> out) {
    for (uint8_t& b : out) b = byte;
  });
}

v1::ServerMessage Offer(const v1::SessionHeader& header) {
  v1::ServerMessage message;
  message.mutable_offer()->set_header(header.SerializeAsString());
  return message;
}

v1::ServerMessage Refusal(v1::Refused::Scope scope, v1::Reason reason, uint64_t retry_after_ms = 0,
                          v1::Round round = v1::ROUND_UNSPECIFIED) {
  v1::ServerMessage message;
  message.mutable_refused()->set_scope(scope);
  message.mutable_refused()->set_reason(reason);
  message.mutable_refused()->set_detail("because");
  message.mutable_refused()->set_retry_after_ms(retry_after_ms);
  message.mutable_refused()->set_round(round);
  return message;
}

class ParticipantRunnerTest : public testing::Test {
 protected:
  ~ParticipantRunnerTest() override { pool_.join(); }

  RunnerOptions Options() {
    RunnerOptions options(Filled<crypto::SessionSecret>(2));
    options.channel = MakeChannel(aggregator_.channel_options());
    options.pool = &pool_;
    options.identity = identity_;
    options.policy.least_tier = v1::TIER_SEMI_HONEST;
    options.policy.least_min_survivors = 2;
    options.task_id = "task";
    options.update = update_;
    return options;
  }

  v1::SessionHeader WithDeadlines(uint64_t each_ms) const {
    v1::SessionHeader header = header_;
    for (const auto set :
         {&v1::PhaseDeadlines::set_advertise_keys_ms, &v1::PhaseDeadlines::set_share_keys_ms,
          &v1::PhaseDeadlines::set_masked_input_ms, &v1::PhaseDeadlines::set_consistency_check_ms,
          &v1::PhaseDeadlines::set_unmasking_ms}) {
      (header.mutable_deadlines()->*set)(each_ms);
    }
    return header;
  }

  void Start(RunnerOptions options) {
    auto runner = ParticipantRunner::Create(std::move(options));
    ASSERT_TRUE(runner.ok()) << runner.status();
    runner_ = *runner;
    runner_->Start(
        [this](absl::StatusOr<RunnerResult> result) { done_.set_value(std::move(result)); });
  }

  absl::Status Outcome() { return done_.get_future().get().status(); }

  FakeAggregator aggregator_;
  asio::thread_pool pool_{2};
  std::shared_ptr<const crypto::IdentityKeyPair> identity_ =
      std::make_shared<const crypto::IdentityKeyPair>(
          crypto::IdentityKeyPair::FromSeed(Filled<crypto::IdentityPrivateKey>(1)));
  const std::vector<float> update_{0.25f, -0.5f, 1.0f};
  const v1::SessionHeader header_ = FakeHeader(3);
  std::promise<absl::StatusOr<RunnerResult>> done_;
  std::shared_ptr<ParticipantRunner> runner_;
};

TEST_F(ParticipantRunnerTest, AnswersTheChallengeWithASignedHello) {
  Start(Options());
  v1::Hello hello;
  const auto control = aggregator_.Greet(&hello);
  EXPECT_EQ(hello.identity(), crypto::ToString(identity_->public_key().bytes()));
  EXPECT_EQ(hello.task_id(), "task");
  EXPECT_EQ(hello.session_id(), "");
  EXPECT_EQ(hello.last_outcome(), v1::OUTCOME_NONE);
  EXPECT_EQ(hello.protocol_version(), limits::kProtocolVersion);
  const auto signature = crypto::Signature::Parse(crypto::AsBytes(hello.signature()));
  ASSERT_TRUE(signature.ok());
  const std::string nonce = FakeNonce();
  EXPECT_TRUE(
      crypto::Verify(identity_->public_key(), crypto::kLabelHelloSignature,
                     crypto::HelloSignatureDigest(crypto::AsBytes(nonce), crypto::AsBytes("task"),
                                                  {}, identity_->public_key()),
                     *signature)
          .ok());
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

TEST_F(ParticipantRunnerTest, ComesBackWithItsSessionAndSendsTheSameBytesAgain) {
  Start(Options());
  const auto first = aggregator_.Greet();
  first->Send(Offer(header_));
  const auto sent = first->Receive();
  ASSERT_TRUE(sent->has_advertise_keys());
  first->End(absl::UnavailableError("cut"));

  v1::Hello hello;
  const auto second = aggregator_.Greet(&hello);
  EXPECT_EQ(hello.session_id(), header_.session_id());
  EXPECT_EQ(hello.last_outcome(), v1::OUTCOME_OFFER);
  const auto again = second->Receive();
  EXPECT_EQ(again->SerializeAsString(), sent->SerializeAsString());

  // What has been acknowledged does not come a third time: the next message is the withdrawal.
  v1::ServerMessage accepted;
  accepted.mutable_accepted()->set_round(v1::ROUND_ADVERTISE_KEYS);
  second->Send(accepted);
  second->Send(Refusal(v1::Refused::SCOPE_SESSION, v1::REASON_TOO_FEW_CLIENTS));
  EXPECT_EQ(second->Receive(), std::nullopt);
  const absl::Status status = Outcome();
  EXPECT_EQ(ReasonOf(status), v1::REASON_TOO_FEW_CLIENTS);
  EXPECT_THAT(std::string(status.message()), HasSubstr("because"));
}

TEST_F(ParticipantRunnerTest, BeforeTheOfferItComesBackAsNew) {
  Start(Options());
  aggregator_.Greet()->End(absl::OkStatus());
  v1::Hello hello;
  aggregator_.Greet(&hello);
  EXPECT_EQ(hello.session_id(), "");
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

TEST_F(ParticipantRunnerTest, ReportsConnectingWaitingAndPhases) {
  Mailbox<RunnerProgress> seen;
  RunnerOptions options = Options();
  options.on_progress = [&seen](const RunnerProgress& progress) { seen.Put(progress); };
  Start(std::move(options));
  const auto control = aggregator_.Greet();
  v1::ServerMessage waiting;
  waiting.mutable_waiting()->set_detail("2 of 3 clients are here");
  control->Send(waiting);
  control->Send(Offer(header_));
  v1::ServerMessage progress;
  progress.mutable_progress()->set_round(v1::ROUND_ADVERTISE_KEYS);
  progress.mutable_progress()->set_answered(1);
  progress.mutable_progress()->set_expected(3);
  control->Send(progress);
  EXPECT_EQ(seen.Take()->stage, RunnerProgress::Stage::kConnecting);
  const RunnerProgress waits = *seen.Take();
  EXPECT_EQ(waits.stage, RunnerProgress::Stage::kWaiting);
  EXPECT_EQ(waits.detail, "2 of 3 clients are here");
  const RunnerProgress joined = *seen.Take();
  EXPECT_EQ(joined.stage, RunnerProgress::Stage::kAdvertiseKeys);
  EXPECT_EQ(joined.total, 0u);
  const RunnerProgress phase = *seen.Take();
  EXPECT_EQ(phase.stage, RunnerProgress::Stage::kAdvertiseKeys);
  EXPECT_EQ(phase.done, 1u);
  EXPECT_EQ(phase.total, 3u);
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

TEST_F(ParticipantRunnerTest, CancelInASessionWithdraws) {
  Start(Options());
  const auto control = aggregator_.Greet();
  control->Send(Offer(header_));
  ASSERT_TRUE(control->Receive()->has_advertise_keys());
  runner_->Cancel();
  const auto withdraw = control->Receive();
  ASSERT_TRUE(withdraw.has_value() && withdraw->has_withdraw());
  EXPECT_EQ(withdraw->withdraw().reason(), v1::REASON_CANCELLED);
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

// On a slow machine a timeout may come before any trouble; then a longer one will not.
TEST_F(ParticipantRunnerTest, TimeoutSaysWhatTheLastTroubleWas) {
  std::thread lunch([this] {
    while (const auto control = aggregator_.AcceptControl()) {
      control->End(absl::UnavailableError("out for lunch"));
    }
  });
  std::string trouble;
  absl::Status status;
  for (absl::Duration timeout = absl::Milliseconds(20); trouble.empty(); timeout *= 2) {
    RunnerOptions options = Options();
    options.timeout = timeout;
    options.on_progress = [&trouble](const RunnerProgress& progress) { trouble = progress.detail; };
    done_ = {};
    Start(std::move(options));
    status = Outcome();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  }
  EXPECT_THAT(trouble, HasSubstr("out for lunch"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(trouble));
  aggregator_.StopAccepting();
  lunch.join();
}

TEST_F(ParticipantRunnerTest, UpdateOfAnotherLengthIsTheCallersErrorAndOnlyAWithdrawGoesOut) {
  Start(Options());
  const auto control = aggregator_.Greet();
  control->Send(Offer(FakeHeader(4)));
  const auto sent = control->Receive();
  ASSERT_TRUE(sent.has_value() && sent->has_withdraw());
  EXPECT_EQ(control->Receive(), std::nullopt);
  const absl::Status status = Outcome();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), v1::REASON_INVALID_ARGUMENT);
}

TEST_F(ParticipantRunnerTest, WeightAboveTheTasksGreatestIsTheCallersError) {
  RunnerOptions options = Options();
  options.weight = 101;
  Start(std::move(options));
  const auto control = aggregator_.Greet();
  control->Send(Offer(header_));
  EXPECT_TRUE(control->Receive()->has_withdraw());
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ParticipantRunnerTest, WeakerHeaderIsRefusedWithAWithdraw) {
  RunnerOptions options = Options();
  options.policy.least_min_survivors = 5;
  Start(std::move(options));
  const auto control = aggregator_.Greet();
  control->Send(Offer(header_));
  const auto sent = control->Receive();
  ASSERT_TRUE(sent.has_value() && sent->has_withdraw());
  EXPECT_EQ(sent->withdraw().reason(), v1::REASON_HEADER_REFUSED);
  EXPECT_EQ(ReasonOf(Outcome()), v1::REASON_HEADER_REFUSED);
}

void ExpectDisplaced(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), v1::REASON_DISPLACED);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another client with the same identity"));
}

TEST_F(ParticipantRunnerTest, DisplacedInASessionIsFinal) {
  Start(Options());
  const auto control = aggregator_.Greet();
  control->Send(Offer(header_));
  ASSERT_TRUE(control->Receive()->has_advertise_keys());
  control->Send(Refusal(v1::Refused::SCOPE_CLIENT, v1::REASON_DISPLACED));
  ExpectDisplaced(Outcome());
  EXPECT_EQ(aggregator_.calls(), 1);
}

TEST_F(ParticipantRunnerTest, DisplacedWhileWaitingIsFinal) {
  Start(Options());
  aggregator_.Greet()->Send(Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_DISPLACED));
  ExpectDisplaced(Outcome());
  EXPECT_EQ(aggregator_.calls(), 1);
}

TEST_F(ParticipantRunnerTest, StreamThatEndsAsDisplacedIsFinal) {
  Start(Options());
  const auto control = aggregator_.Greet();
  control->Send(Offer(header_));
  ASSERT_TRUE(control->Receive()->has_advertise_keys());
  control->End(MakeError(absl::StatusCode::kAborted, v1::REASON_DISPLACED, "you are two"));
  ExpectDisplaced(Outcome());
  EXPECT_EQ(aggregator_.calls(), 1);
}

TEST_F(ParticipantRunnerTest, SilentButConnectedAggregatorIsGivenUp) {
  const v1::SessionHeader header = WithDeadlines(1);
  RunnerOptions options = Options();
  options.session_slack = absl::Milliseconds(1);
  Start(std::move(options));
  const auto control = aggregator_.Greet();
  control->Send(Offer(header));
  const absl::Status status = Outcome();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is connected"));
}

struct FinalRefusal {
  v1::Reason reason;
  absl::StatusCode code;
};

class HelloRefusedTest : public ParticipantRunnerTest,
                         public testing::WithParamInterface<FinalRefusal> {};

TEST_P(HelloRefusedTest, IsFinalWithItsCodeAndReason) {
  Start(Options());
  const auto control = aggregator_.Greet();
  control->Send(Refusal(v1::Refused::SCOPE_MESSAGE, GetParam().reason));
  const absl::Status status = Outcome();
  EXPECT_EQ(status.code(), GetParam().code);
  EXPECT_EQ(ReasonOf(status), GetParam().reason);
  EXPECT_THAT(std::string(status.message()), HasSubstr("because"));
}

INSTANTIATE_TEST_SUITE_P(
    Reasons, HelloRefusedTest,
    testing::Values(FinalRefusal{v1::REASON_BAD_SIGNATURE, absl::StatusCode::kUnauthenticated},
                    FinalRefusal{v1::REASON_NOT_A_MEMBER, absl::StatusCode::kPermissionDenied},
                    FinalRefusal{v1::REASON_UNKNOWN_TASK, absl::StatusCode::kNotFound},
                    FinalRefusal{v1::REASON_UNKNOWN_SESSION, absl::StatusCode::kAborted},
                    FinalRefusal{v1::REASON_MALFORMED, absl::StatusCode::kInvalidArgument}));

TEST_F(ParticipantRunnerTest, RefusedHelloWithADelayIsTriedAgain) {
  Start(Options());
  aggregator_.Greet()->Send(Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_OVERLOADED, 1));
  v1::Hello hello;
  aggregator_.Greet(&hello);
  EXPECT_EQ(hello.task_id(), "task");
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

// What an aggregator says while it is busy, has no disk, or is about to leave.
class ComesBackTest : public ParticipantRunnerTest, public testing::WithParamInterface<v1::Reason> {
 protected:
  absl::Status Why() const {
    return WithRetryAfter(MakeError(absl::StatusCode::kUnavailable, GetParam(), "not now"),
                          absl::Milliseconds(1));
  }
};

TEST_P(ComesBackTest, ToItsSessionAsOftenAsItIsTold) {
  Start(Options());
  auto control = aggregator_.Greet();
  control->Send(Offer(header_));
  const auto sent = control->Receive();
  ASSERT_TRUE(sent.has_value());
  for (int i = 0; i < 12; ++i) {
    if (i % 2 == 0) {
      control->Send(Refusal(v1::Refused::SCOPE_MESSAGE, GetParam(), 1));
    } else {
      control->End(Why());
    }
    v1::Hello hello;
    control = aggregator_.Greet(&hello);
    EXPECT_EQ(hello.session_id(), header_.session_id());
    const auto again = control->Receive();
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->SerializeAsString(), sent->SerializeAsString());
    v1::ServerMessage progress;
    progress.mutable_progress()->set_round(v1::ROUND_ADVERTISE_KEYS);
    control->Send(progress);  // Something was said: the next wait begins small.
  }
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

TEST_P(ComesBackTest, UntilTheDeadlinesOfTheSessionHavePassed) {
  RunnerOptions options = Options();
  options.session_slack = absl::Milliseconds(1);
  Start(std::move(options));
  const auto control = aggregator_.Greet();
  control->Send(Offer(WithDeadlines(20)));
  std::thread busy([this] {
    while (const auto stream = aggregator_.AcceptControl()) stream->End(Why());
  });
  control->End(Why());
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kUnavailable);
  aggregator_.StopAccepting();
  busy.join();
}

INSTANTIATE_TEST_SUITE_P(Reasons, ComesBackTest,
                         testing::Values(v1::REASON_OVERLOADED, v1::REASON_DRAINING,
                                         v1::REASON_STORAGE_FAILED));

TEST_F(ParticipantRunnerTest, RefusalInsteadOfAChallengeCounts) {
  Start(Options());
  aggregator_.AcceptControl()->Send(Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_OVERLOADED, 1));
  aggregator_.AcceptControl()->Send(Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_UNSUPPORTED));
  EXPECT_EQ(ReasonOf(Outcome()), v1::REASON_UNSUPPORTED);
}

TEST_F(ParticipantRunnerTest, RefusedMessageWithADelayIsSentAgain) {
  Start(Options());
  const auto control = aggregator_.Greet();
  control->Send(Offer(header_));
  const auto sent = control->Receive();
  control->Send(
      Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_OVERLOADED, 1, v1::ROUND_ADVERTISE_KEYS));
  EXPECT_EQ(control->Receive()->SerializeAsString(), sent->SerializeAsString());
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

TEST_F(ParticipantRunnerTest, FinalStatusOfTheStreamKeepsCodeAndReason) {
  Start(Options());
  aggregator_.AcceptControl()->End(
      MakeError(absl::StatusCode::kPermissionDenied, v1::REASON_NOT_A_MEMBER, "who are you?"));
  const absl::Status status = Outcome();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(status), v1::REASON_NOT_A_MEMBER);
}

TEST_F(ParticipantRunnerTest, WhatDoesNotBeginWithAChallengeIsTriedAgain) {
  Start(Options());
  aggregator_.AcceptControl()->Send(Offer(header_));
  v1::ServerMessage short_nonce;
  short_nonce.mutable_challenge()->set_nonce("short");
  aggregator_.AcceptControl()->Send(short_nonce);
  aggregator_.Greet();
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

TEST_F(ParticipantRunnerTest, BytesThatAreNoMessageBreakTheStreamAndItIsTriedAgain) {
  RunnerOptions options = Options();
  std::promise<std::string> trouble;
  options.on_progress = [&, told = false](const RunnerProgress& progress) mutable {
    if (std::exchange(told, told || !progress.detail.empty()) || progress.detail.empty()) return;
    trouble.set_value(progress.detail);
  };
  Start(std::move(options));
  v1::ServerMessage no_utf8;  // Serialised all the same; whoever parses it refuses it.
  no_utf8.mutable_waiting()->set_detail("\xff");
  aggregator_.Greet()->Send(no_utf8);
  EXPECT_EQ(trouble.get_future().get(), "the aggregator sent bytes that are no message");
  aggregator_.Greet();
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

TEST_F(ParticipantRunnerTest, HookCutsAndTheMessageComesOnTheNextConnection) {
  RunnerOptions options = Options();
  options.hooks.at = [cut = false](const Point& point) mutable {
    if (point.moment != Point::Moment::kBeforeSend || std::exchange(cut, true)) {
      return Fault::kNone;
    }
    return Fault::kCutConnection;
  };
  Start(std::move(options));
  const auto first = aggregator_.Greet();
  first->Send(Offer(header_));
  EXPECT_EQ(first->Receive(), std::nullopt);
  const auto second = aggregator_.Greet();
  EXPECT_TRUE(second->Receive()->has_advertise_keys());
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

TEST_F(ParticipantRunnerTest, HookKillsWithoutAWord) {
  RunnerOptions options = Options();
  options.hooks.at = [](const Point& point) {
    EXPECT_EQ(point.round, v1::ROUND_ADVERTISE_KEYS);
    return point.moment == Point::Moment::kAccepted ? Fault::kDie : Fault::kNone;
  };
  Start(std::move(options));
  const auto control = aggregator_.Greet();
  control->Send(Offer(header_));
  EXPECT_TRUE(control->Receive()->has_advertise_keys());
  v1::ServerMessage accepted;
  accepted.mutable_accepted()->set_round(v1::ROUND_ADVERTISE_KEYS);
  control->Send(accepted);
  EXPECT_EQ(control->Receive(), std::nullopt);  // No Withdraw.
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kAborted);
}

TEST_F(ParticipantRunnerTest, HookTampersWithMessages) {
  RunnerOptions options = Options();
  options.hooks.outgoing = [](v1::ClientMessage message) {
    if (message.has_hello()) message.mutable_hello()->set_signature("forged");
    return std::optional<v1::ClientMessage>(std::move(message));
  };
  Start(std::move(options));
  v1::Hello hello;
  aggregator_.Greet(&hello);
  EXPECT_EQ(hello.signature(), "forged");
  runner_->Cancel();
  EXPECT_EQ(Outcome().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace veilsum::client
