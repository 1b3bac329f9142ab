// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/veilsum.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "client_sdk/transport/fake_aggregator.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/enrolment.h"
#include "crypto/identities/roster_file.h"
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

crypto::IdentityKeyPair Identity(uint8_t number = 9) {
  return crypto::IdentityKeyPair::Generate([number](absl::Span<uint8_t> out) {
    for (uint8_t& byte : out) byte = number;
  });
}

std::string IdentityPem() {
  return crypto::ToString(crypto::ExposeSecret(crypto::FormatIdentityPem(Identity())));
}

// What Create says to these options.
absl::Status Refusal(ClientOptions options) { return Client::Create(std::move(options)).status(); }

v1::SessionHeader MaliciousHeader() {
  v1::SessionHeader header = FakeHeader(3);
  header.set_tier(v1::TIER_MALICIOUS);
  header.set_corruption_rate(0.1);
  header.set_min_survivors(3);
  header.set_roster_version(7);
  header.set_model_hash(std::string(32, '\1'));
  return header;
}

const AggregateOptions kOfAModel = [] {
  AggregateOptions options;
  options.model_hash.emplace().fill(1);
  return options;
}();

class VeilsumTest : public testing::Test {
 protected:
  ClientOptions Options() const {
    const client::ChannelOptions channel = aggregator_.channel_options();
    return {.target = channel.target,
            .task = "task",
            .identity_pem = IdentityPem(),
            .root_certificates_pem = channel.root_certificates_pem,
            .policy = {.least_tier = Tier::kSemiHonest, .least_n_min = 2}};
  }

  // Insists on the malicious tier, with itself and one other on the roster.
  ClientOptions MaliciousOptions() const {
    ClientOptions options = Options();
    options.policy = {.least_n_min = 2};
    options.identities = crypto::FormatRosterFile(
        {7, {{Identity().public_key(), "me"}, {Identity(8).public_key(), "other"}}});
    return options;
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
  EXPECT_THAT(message([](ClientOptions& o) { o.target = "127.0.0.1"; }), HasSubstr("host:port"));
  EXPECT_THAT(message([](ClientOptions& o) { o.task = "No Task"; }), HasSubstr("task"));
  EXPECT_THAT(message([](ClientOptions& o) { o.identity_pem = "?"; }), HasSubstr("identity_pem"));
  EXPECT_THAT(message([](ClientOptions& o) { o.root_certificates_pem = "?"; }),
              HasSubstr("root_certificates_pem"));
  EXPECT_THAT(message([](ClientOptions& o) { o.client_key_pem = "?"; }),
              HasSubstr("client_certificate_pem"));
  EXPECT_THAT(message([](ClientOptions& o) { o.insecure = true; }), HasSubstr("insecure"));
}

TEST_F(VeilsumTest, ClientCertificateAndKeyMustBeOfOnePair) {
  const crypto::Validity validity{absl::FromUnixSeconds(0), absl::FromUnixSeconds(4'000'000'000)};
  const auto one = *crypto::MakeSelfSignedClient("one", validity);
  const auto other = *crypto::MakeSelfSignedClient("other", validity);
  const auto key = [](const crypto::CertificateWithKey& pair) {
    return crypto::ToString(crypto::ExposeSecret(pair.private_key_pem));
  };
  ClientOptions options = Options();
  options.client_certificate_pem = one.certificate_pem;
  options.client_key_pem = key(one);
  EXPECT_TRUE(Refusal(options).ok());
  options.client_key_pem = key(other);
  EXPECT_EQ(ReasonName(Refusal(options)), "INVALID_ARGUMENT");
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("client_key_pem: "));
  options.client_key_pem = "nonsense";
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("client_key_pem: "));
}

TEST_F(VeilsumTest, MaliciousTierNeedsARootThatVouchesForTheClient) {
  ClientOptions options = MaliciousOptions();
  EXPECT_TRUE(Refusal(options).ok());
  options.identities = "";
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("identities: "));
  options.policy.trust_aggregator_identities = true;
  EXPECT_TRUE(Refusal(options).ok());
  options.identities = "version = x";
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("identities:1"));
  options.identities = crypto::FormatRosterFile({1, {{Identity(8).public_key(), "other"}}});
  EXPECT_EQ(ReasonName(Refusal(options)), "NOT_ENROLLED");
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr(Identity().public_key().ToHex()));
}

TEST_F(VeilsumTest, AuthoritysKeyNeedsItsWordForTheClient) {
  ClientOptions options = MaliciousOptions();
  options.identities = crypto::FormatIdentityPublicPem(Identity(1).public_key());
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("enrolment: "));
  const auto enrol = [&](uint8_t authority, uint8_t client) {
    options.enrolment = crypto::FormatEnrolmentFile(
        crypto::SignEnrolment(Identity(authority), Identity(client).public_key(), 7));
    return Refusal(options);
  };
  EXPECT_TRUE(enrol(1, 9).ok());
  EXPECT_EQ(ReasonName(enrol(2, 9)), "NOT_ENROLLED");
  EXPECT_EQ(ReasonName(enrol(1, 8)), "INVALID_ARGUMENT");
  options.enrolment = "nonsense";
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("enrolment:1"));
}

TEST_F(VeilsumTest, EnrolmentAndRosterVersionAreUsed) {
  ClientOptions options = MaliciousOptions();
  options.identities = crypto::FormatIdentityPublicPem(Identity(1).public_key());
  const crypto::Enrolment enrolment =
      crypto::SignEnrolment(Identity(1), Identity().public_key(), 7);
  options.enrolment = crypto::FormatEnrolmentFile(enrolment);
  client_ = *Client::Create(options);
  Operation operation = Begin(kOfAModel);
  auto control = aggregator_.Greet();
  Offer(*control, MaliciousHeader());
  const auto sent = control->Receive();
  ASSERT_TRUE(sent.has_value() && sent->has_advertise_keys());
  EXPECT_THAT(sent->advertise_keys().entry(),
              HasSubstr(crypto::ToString(enrolment.signature.bytes())));
  operation.Cancel();
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kCancelled);

  v1::SessionHeader header = MaliciousHeader();
  header.set_session_id(std::string(16, 't'));
  header.set_roster_version(8);
  Begin(kOfAModel);
  control = aggregator_.Greet();
  Offer(*control, header);
  EXPECT_EQ(control->Receive()->withdraw().reason(), v1::REASON_HEADER_REFUSED);
  EXPECT_EQ(ReasonName(*outcomes_.Take()), "HEADER_REFUSED");
}

TEST_F(VeilsumTest, MaliciousTierNeedsAModelOrToSayThatThereIsNone) {
  ClientOptions options = MaliciousOptions();
  client_ = *Client::Create(options);
  const absl::Status status = client_->Aggregate(update_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("model_hash"));
  EXPECT_EQ(aggregator_.calls(), 0);

  options.policy.accept_unbound_model = true;
  client_ = *Client::Create(options);
  Operation operation = Begin();
  const auto control = aggregator_.Greet();
  v1::SessionHeader header = MaliciousHeader();
  header.clear_model_hash();
  Offer(*control, header);
  EXPECT_TRUE(control->Receive()->has_advertise_keys());
  operation.Cancel();
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kCancelled);
}

TEST_F(VeilsumTest, StateDirectoryIsOneClientsAlone) {
  ClientOptions options = Options();
  options.state_directory = testing::TempDir() + "/state";
  client_ = *Client::Create(options);
  const absl::Status status = Client::Create(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonName(status), "STATE_REFUSED");
  EXPECT_THAT(std::string(status.message()), HasSubstr(options.state_directory));
  client_ = nullptr;
  EXPECT_TRUE(Client::Create(options).ok());
}

TEST_F(VeilsumTest, SessionsPerDayAreCountedAcrossRestarts) {
  ClientOptions options = Options();
  options.state_directory = testing::TempDir() + "/budget";
  options.policy.sessions_per_day = 1;
  v1::SessionHeader header = FakeHeader(3);
  client_ = *Client::Create(options);
  Operation operation = Begin();
  auto control = aggregator_.Greet();
  Offer(*control, header);
  EXPECT_TRUE(control->Receive()->has_advertise_keys());
  operation.Cancel();
  EXPECT_EQ(outcomes_.Take()->code(), absl::StatusCode::kCancelled);

  client_ = nullptr;
  client_ = *Client::Create(options);
  Begin();
  control = aggregator_.Greet();
  header.set_session_id(std::string(16, 't'));
  Offer(*control, header);
  const auto sent = control->Receive();
  EXPECT_EQ(sent->withdraw().reason(), v1::REASON_BUDGET_SPENT);
  EXPECT_THAT(sent->withdraw().detail(), HasSubstr("allows 1"));
  const absl::Status status = *outcomes_.Take();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonName(status), "BUDGET_SPENT");
}

TEST_F(VeilsumTest, ExpectedVectorIsPassedOn) {
  ClientOptions options = Options();
  options.policy.expected = {.dimension = 3, .clip = 0.5f};
  client_ = *Client::Create(options);
  Begin();
  Offer(*aggregator_.Greet(), FakeHeader(3));
  const absl::Status status = *outcomes_.Take();
  EXPECT_EQ(ReasonName(status), "HEADER_REFUSED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("clip"));
}

TEST_F(VeilsumTest, HashModelIsSha256OfLittleEndianFloats) {
  const std::vector<uint8_t> bytes = {0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0xc0};
  const auto hash = HashModel(std::vector<float>{1.0f, -2.0f});
  EXPECT_EQ(hash, HashModel(bytes));
  EXPECT_EQ(absl::BytesToHexString(crypto::AsStringView(hash)),
            "ee4ac73c2bd27756ab82780f27c73a7bc4d3f0bb6acb37e008bc27eccd7e588b");
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
