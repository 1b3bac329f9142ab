// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A client of the façade whose process died in a session that is over when it comes back.

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/state/sqlite_session_store.h"
#include "client_sdk/transport/session_testing.h"
#include "client_sdk/veilsum.h"
#include "crypto/certificates/identity_pem.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

using Moment = Point::Moment;
using Refused = v1::Refused;

class TakeUpTest : public testing::Test {
 protected:
  // The client dies at the point; its state stays in the directory.
  void Die(Moment moment, v1::Round round) {
    RunnerOptions options = session_.Options();
    identity_pem_ =
        crypto::ToString(crypto::ExposeSecret(crypto::FormatIdentityPem(*options.identity)));
    options.store = *SqliteSessionStore::Open(directory_);
    options.hooks.at = [=](const Point& point) {
      return point.moment == moment && point.round == round ? Fault::kDie : Fault::kNone;
    };
    EXPECT_EQ(session_.Run(std::move(options)).status().code(), absl::StatusCode::kAborted);
  }

  // As its process would after a start.
  void ComeBack(std::vector<float> update) {
    const ChannelOptions channel = session_.aggregator().channel_options();
    ClientOptions options;
    options.target = channel.target;
    options.root_certificates_pem = channel.root_certificates_pem;
    options.task = "test-task";
    options.identity_pem = identity_pem_;
    options.state_directory = directory_;
    options.policy.trust_aggregator_identities = true;
    auto client = Client::Create(std::move(options));
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    operation_.emplace(client_->AggregateAsync(
        std::move(update), {.model_hash = TestModel()},
        [this](absl::StatusOr<AggregateResult> result) { outcomes_.Put(result.status()); }));
  }

  // To the session that it was in.
  std::shared_ptr<FakeAggregator::Control> GreetOld() {
    v1::Hello hello;
    auto control = session_.aggregator().Greet(&hello);
    EXPECT_EQ(hello.session_id(), "0123456789abcdef");
    return control;
  }

  void Refuse(FakeAggregator::Control& control, Refused::Scope scope, v1::Reason reason) {
    v1::ServerMessage message;
    message.mutable_refused()->set_scope(scope);
    message.mutable_refused()->set_reason(reason);
    control.Send(message);
  }

  // Within the same call the client asks for a session, and takes part in another one.
  void ExpectNewSession() {
    v1::Hello hello;
    const auto control = session_.aggregator().Greet(&hello);
    EXPECT_EQ(hello.session_id(), "");
    v1::SessionHeader header;
    v1::ServerMessage offer = session_.messages[v1::OUTCOME_OFFER][0];
    ASSERT_TRUE(header.ParseFromString(offer.offer().header()));
    header.set_session_id("another session!");
    offer.mutable_offer()->set_header(header.SerializeAsString());
    control->Send(offer);
    const auto sent = control->Receive();
    ASSERT_TRUE(sent.has_value());
    EXPECT_TRUE(sent->has_advertise_keys());
    operation_->Cancel();
    EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kCancelled);
  }

  const std::string directory_ = absl::StrCat(
      testing::TempDir(), "/", testing::UnitTest::GetInstance()->current_test_info()->name());
  TestSession session_;
  std::string identity_pem_;
  Mailbox<absl::Status> outcomes_;
  std::unique_ptr<Client> client_;  // Goes before what its callbacks use.
  std::optional<Operation> operation_;
};

TEST_F(TakeUpTest, SessionThatIsUnknownNowIsFollowedByANewOneInTheSameCall) {
  Die(Moment::kAfterReceipt, v1::ROUND_MASKED_INPUT_COLLECTION);
  ComeBack(session_.update);
  Refuse(*GreetOld(), Refused::SCOPE_MESSAGE, v1::REASON_UNKNOWN_SESSION);
  ExpectNewSession();
}

TEST_F(TakeUpTest, SessionThatEndedMeanwhileIsFollowedByANewOneInTheSameCall) {
  Die(Moment::kAccepted, v1::ROUND_SHARE_KEYS);
  ComeBack(session_.update);
  Refuse(*GreetOld(), Refused::SCOPE_SESSION, v1::REASON_TOO_FEW_CLIENTS);
  ExpectNewSession();
}

TEST_F(TakeUpTest, SessionThatHasAnotherUpdateIsLeftForANewOneInTheSameCall) {
  Die(Moment::kBeforeUpload, v1::ROUND_MASKED_INPUT_COLLECTION);
  ComeBack(std::vector<float>(session_.update.size(), -0.25f));
  const auto control = GreetOld();
  const auto sent = control->Receive();
  ASSERT_TRUE(sent.has_value() && sent->has_withdraw());
  EXPECT_EQ(sent->withdraw().reason(), v1::REASON_CONFLICT);
  ExpectNewSession();
}

TEST_F(TakeUpTest, ModelThatWasAnsweredForIsNotAnsweredForInANewOne) {
  Die(Moment::kAfterSend, v1::ROUND_UNMASKING);
  ComeBack(session_.update);
  Refuse(*GreetOld(), Refused::SCOPE_MESSAGE, v1::REASON_UNKNOWN_SESSION);
  EXPECT_EQ(ReasonOf(*outcomes_.Take()), v1::REASON_UNKNOWN_SESSION);
}

TEST_F(TakeUpTest, CallThatIsCancelledBetweenTheTwoIsOver) {
  Die(Moment::kAccepted, v1::ROUND_SHARE_KEYS);
  ComeBack(session_.update);
  const auto control = GreetOld();
  Refuse(*control, Refused::SCOPE_SESSION, v1::REASON_TOO_FEW_CLIENTS);
  operation_->Cancel();
  // Of whichever of the two sessions the cancellation met, or of its own.
  const v1::Reason reason = ReasonOf(*outcomes_.Take());
  EXPECT_EQ(reason, v1::REASON_CANCELLED) << v1::Reason_Name(reason);
}

}  // namespace
}  // namespace veilsum::client
