// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/veilsum.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client_sdk/transport/fake_aggregator.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/primitives/identity.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum {
namespace {

using client::FakeAggregator;
using client::FakeHeader;
using client::Mailbox;
using testing::HasSubstr;

std::string IdentityPem() {
  const auto identity = crypto::IdentityKeyPair::Generate([](absl::Span<uint8_t> out) {
    for (uint8_t& byte : out) byte = 9;
  });
  return crypto::ToString(crypto::ExposeSecret(crypto::FormatIdentityPem(identity)));
}

class VeilsumTest : public testing::Test {
 protected:
  ClientOptions Options() const {
    const client::ChannelOptions channel = aggregator_.channel_options();
    return {.target = channel.target,
            .task = "task",
            .identity_pem = IdentityPem(),
            .root_certificates_pem = channel.root_certificates_pem};
  }

  void Connect() { client_ = *Client::Create(Options()); }

  // Begins an aggregation whose outcome comes to `outcomes_`.
  Operation Begin(AggregateOptions options = {}) {
    return client_->AggregateAsync(
        update_, std::move(options),
        [this](absl::StatusOr<AggregateResult> result) { outcomes_.Put(result.status()); });
  }

  void Offer(FakeAggregator::Control& control, const v1::SessionHeader& header) {
    v1::ServerMessage message;
    message.mutable_offer()->set_header(header.SerializeAsString());
    control.Send(message);
  }

  FakeAggregator aggregator_;
  const std::vector<float> update_{0.25f, -0.5f, 1.0f};
  Mailbox<absl::Status> outcomes_;
  std::unique_ptr<Client> client_;  // Goes before what its callbacks use.
};

TEST_F(VeilsumTest, CreateNamesTheOptionThatIsWrong) {
  const auto message = [this](void (*change)(ClientOptions&)) {
    ClientOptions options = Options();
    change(options);
    const absl::Status status = Client::Create(std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonName(status), "INVALID_ARGUMENT");
    return std::string(status.message());
  };
  EXPECT_THAT(message([](ClientOptions& o) { o.target = ""; }), HasSubstr("target"));
  EXPECT_THAT(message([](ClientOptions& o) { o.task = "No Task"; }), HasSubstr("task"));
  EXPECT_THAT(message([](ClientOptions& o) { o.identity_pem = "?"; }), HasSubstr("identity_pem"));
  EXPECT_THAT(message([](ClientOptions& o) { o.root_certificates_pem = "?"; }),
              HasSubstr("root_certificates_pem"));
  EXPECT_THAT(message([](ClientOptions& o) { o.client_key_pem = "?"; }),
              HasSubstr("client_certificate_pem"));
  EXPECT_THAT(message([](ClientOptions& o) { o.insecure = true; }), HasSubstr("insecure"));
}

TEST_F(VeilsumTest, CallersErrorsShowAtOnceAndNothingIsSent) {
  Connect();
  const auto error = [this](std::vector<float> update, AggregateOptions options = {}) {
    const absl::Status status = client_->Aggregate(update, std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(error({1.0f, std::numeric_limits<float>::quiet_NaN()}), HasSubstr("update[1]"));
  EXPECT_THAT(error({std::numeric_limits<float>::infinity()}), HasSubstr("update[0]"));
  EXPECT_THAT(error({}), HasSubstr("update"));
  EXPECT_THAT(error({1.0f}, {.weight = 0}), HasSubstr("weight"));
  EXPECT_THAT(error({1.0f}, {.timeout = absl::ZeroDuration()}), HasSubstr("timeout"));
  EXPECT_EQ(aggregator_.calls(), 0);
}

TEST_F(VeilsumTest, SecondAggregateAtOnceIsRefusedAndTheFirstGoesOn) {
  Connect();
  Operation first = Begin();
  const auto control = aggregator_.Greet();
  EXPECT_EQ(client_->Aggregate(update_).status().code(), absl::StatusCode::kFailedPrecondition);
  Offer(*control, FakeHeader(3));
  EXPECT_TRUE(control->Receive()->has_advertise_keys());
  EXPECT_EQ(aggregator_.calls(), 1);
  first.Cancel();
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kCancelled);
}

TEST_F(VeilsumTest, WrongLengthShowsWithTheOfferAndIsTheCallersError) {
  Connect();
  Begin();
  Offer(*aggregator_.Greet(), FakeHeader(7));
  const absl::Status status = *outcomes_.Take();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonName(status), "INVALID_ARGUMENT");
}

TEST_F(VeilsumTest, OtherModelIsRefusedWithItsReason) {
  Connect();
  Begin({.model_hash = std::array<uint8_t, 32>{1}});
  Offer(*aggregator_.Greet(), FakeHeader(3));
  const absl::Status status = *outcomes_.Take();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonName(status), "MODEL_MISMATCH");
}

TEST_F(VeilsumTest, PolicyIsPassedOn) {
  ClientOptions options = Options();
  options.policy.least_n_min = 3;
  client_ = *Client::Create(std::move(options));
  Begin();
  Offer(*aggregator_.Greet(), FakeHeader(3));
  EXPECT_EQ(ReasonName(*outcomes_.Take()), "HEADER_REFUSED");
}

TEST_F(VeilsumTest, TimeoutIsDeadlineExceeded) {
  Connect();
  const auto result = client_->Aggregate(update_, {.timeout = absl::Milliseconds(20)});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(VeilsumTest, CancelledOperationLeavesTheClientUsable) {
  Connect();
  Operation operation = Begin();
  const auto control = aggregator_.Greet();
  operation.Cancel();
  operation.Cancel();
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kCancelled);
  operation.Cancel();  // It is over: no effect, not on the next one either.
  Begin();
  Offer(*aggregator_.Greet(), FakeHeader(7));
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(VeilsumTest, DestroyingTheClientCancelsAndTells) {
  Connect();
  Operation operation = Begin();
  const auto control = aggregator_.Greet();
  client_ = nullptr;
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kCancelled);
  operation.Cancel();  // May outlive the client.
}

TEST_F(VeilsumTest, NextAggregationMayBeginInTheCallback) {
  Connect();
  client_->AggregateAsync({}, {}, [this](absl::StatusOr<AggregateResult> result) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    Begin();
  });
  Offer(*aggregator_.Greet(), FakeHeader(7));
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(VeilsumTest, ClientsShareAnExecutor) {
  ClientOptions options = Options();
  options.executor = Executor::Create(1);
  client_ = *Client::Create(options);
  const auto other = *Client::Create(options);
  Begin();
  const auto first = aggregator_.Greet();
  Mailbox<absl::Status> others;
  other->AggregateAsync(update_, {}, [&others](absl::StatusOr<AggregateResult> result) {
    others.Put(result.status());
  });
  Offer(*aggregator_.Greet(), FakeHeader(7));
  EXPECT_EQ(others.Take()->code(), absl::StatusCode::kInvalidArgument);
  Offer(*first, FakeHeader(7));
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(VeilsumTest, AggregatorThatNobodyVouchesForGetsNothing) {
  const FakeAggregator other;
  ClientOptions options = Options();
  options.root_certificates_pem = other.channel_options().root_certificates_pem;
  client_ = *Client::Create(std::move(options));
  Mailbox<Progress> seen;
  Operation operation =
      Begin({.on_progress = [&seen](const Progress& progress) { seen.Put(progress); }});
  EXPECT_EQ(seen.Take()->detail, "");
  const Progress trouble = *seen.Take();
  EXPECT_EQ(trouble.stage, Progress::Stage::kConnecting);
  EXPECT_NE(trouble.detail, "");
  operation.Cancel();
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(aggregator_.calls(), 0);
  client_ = nullptr;
}

TEST_F(VeilsumTest, ProgressNamesItsStages) {
  Connect();
  Mailbox<Progress> seen;
  Operation operation =
      Begin({.on_progress = [&seen](const Progress& progress) { seen.Put(progress); }});
  const auto control = aggregator_.Greet();
  v1::ServerMessage waiting;
  waiting.mutable_waiting();
  control->Send(waiting);
  EXPECT_EQ(StageName(seen.Take()->stage), "connecting");
  EXPECT_EQ(StageName(seen.Take()->stage), "waiting for a session");
  operation.Cancel();
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kCancelled);
  client_ = nullptr;
}

}  // namespace
}  // namespace veilsum
