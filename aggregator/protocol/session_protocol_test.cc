// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What is not of one round: which sessions can be, clients that come back, and the end.

#include "aggregator/protocol/session_protocol.h"

#include "absl/strings/str_cat.h"
#include "aggregator/protocol/conversation_testing.h"
#include "crypto/primitives/transcript_hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const std::vector<bool> kAll = {true, true, true, true};

SessionOptions OptionsFor(const v1::SessionHeader& header) {
  SessionOptions options;
  options.header_bytes = header.SerializeAsString();
  options.admits = [](const IdentityPublicKey&) { return true; };
  return options;
}

absl::Status CreateStatus(SessionOptions options) {
  return SessionProtocol::Create(std::move(options)).status();
}

TEST(SessionProtocolTest, RefusesHeadersThatAreNotValid) {
  SessionOptions options = OptionsFor(TestHeader(4));
  EXPECT_EQ(CreateStatus(options), absl::OkStatus());
  options.header_bytes = "\xff";
  EXPECT_EQ(ReasonOf(CreateStatus(options)), v1::REASON_INVALID_ARGUMENT);
  options.header_bytes = std::string(limits::kMaxHeaderBytes + 1, 'x');
  EXPECT_EQ(ReasonOf(CreateStatus(options)), v1::REASON_INVALID_ARGUMENT);

  v1::SessionHeader header = TestHeader(4);
  header.set_min_survivors(1);
  const absl::Status status = CreateStatus(OptionsFor(header));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("header.min_survivors"));

  options = OptionsFor(TestHeader(4));
  options.closing[2].target_fraction = 0;
  EXPECT_THAT(std::string(CreateStatus(options).message()), HasSubstr("target_fraction"));
  options = OptionsFor(TestHeader(4));
  options.admits = nullptr;
  EXPECT_FALSE(CreateStatus(options).ok());
}

// Short names of what was sent, in order.
std::vector<std::string> Kinds(const std::vector<v1::ServerMessage>& messages) {
  std::vector<std::string> kinds;
  for (const v1::ServerMessage& message : messages) {
    switch (message.message_case()) {
      case v1::ServerMessage::kOffer:
        kinds.push_back("offer");
        break;
      case v1::ServerMessage::kRoster:
        kinds.push_back("roster");
        break;
      case v1::ServerMessage::kNeighbours:
        kinds.push_back("neighbours");
        break;
      case v1::ServerMessage::kShares:
        kinds.push_back("shares");
        break;
      case v1::ServerMessage::kAccepted:
        kinds.push_back(v1::Round_Name(message.accepted().round()));
        break;
      case v1::ServerMessage::kConsistency:
        kinds.push_back("consistency");
        break;
      case v1::ServerMessage::kSurvivors:
        kinds.push_back("survivors");
        break;
      case v1::ServerMessage::kResult:
        kinds.push_back("result");
        break;
      case v1::ServerMessage::kRefused:
        kinds.push_back(absl::StrCat(v1::Refused::Scope_Name(message.refused().scope()), " ",
                                     v1::Reason_Name(message.refused().reason())));
        break;
      default:
        kinds.push_back("?");
    }
  }
  return kinds;
}

std::vector<std::string> Resumed(Conversation& talk, uint32_t i, v1::Outcome last_outcome) {
  talk.Resume(i, last_outcome);
  EXPECT_EQ(talk.Find<Reply>(), nullptr);
  return Kinds(talk.SentTo(i));
}

constexpr char kAdvertised[] = "ROUND_ADVERTISE_KEYS";
constexpr char kShared[] = "ROUND_SHARE_KEYS";
constexpr char kUploaded[] = "ROUND_MASKED_INPUT_COLLECTION";
constexpr char kSigned[] = "ROUND_CONSISTENCY_CHECK";
constexpr char kAnswered[] = "ROUND_UNMASKING";

TEST(ResumeTest, GivesTheOfferBeforeTheRoster) {
  Conversation talk(TestHeader(4));
  talk.Advertise(0);
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_NONE), ElementsAre(kAdvertised, "offer"));
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_OFFER), ElementsAre(kAdvertised));
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_NONE), ElementsAre("offer"));
  talk.Withdraw(0);
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_OFFER), ElementsAre("SCOPE_CLIENT REASON_WITHDREW"));
  talk.admits = [](const IdentityPublicKey&) { return false; };
  EXPECT_THAT(Resumed(talk, 2, v1::OUTCOME_NONE), ElementsAre("SCOPE_CLIENT REASON_NOT_A_MEMBER"));
}

TEST(ResumeTest, GivesWhatTheClientLacks) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  const auto neighbours = talk.SentTo(1)[1].SerializeAsString();
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_NONE),
              ElementsAre(kAdvertised, "offer", "roster", "neighbours"));
  EXPECT_EQ(talk.SentTo(1)[3].SerializeAsString(), neighbours);
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_OFFER),
              ElementsAre(kAdvertised, "roster", "neighbours"));
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_ROSTER), ElementsAre(kAdvertised));

  for (uint32_t i = 0; i < 4; ++i) talk.Share(i);
  const auto shares = talk.SentTo(1)[0].SerializeAsString();
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_ROSTER), ElementsAre(kShared, "shares"));
  EXPECT_EQ(talk.SentTo(1)[1].SerializeAsString(), shares);
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_SHARES), ElementsAre(kShared));

  for (uint32_t i = 0; i < 4; ++i) talk.Upload(i);
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_SHARES), ElementsAre(kUploaded, "survivors"));
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_SURVIVORS), ElementsAre(kUploaded));

  for (uint32_t i = 0; i < 4; ++i) talk.Unmask(i, kAll);
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_SHARES), ElementsAre(kAnswered, "survivors"));
  talk.Step(UnmaskFinished{UnmaskOutcome{crypto::Sha256({}), 2}});
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_SHARES), ElementsAre(kAnswered, "survivors", "result"));
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_CONSISTENCY), ElementsAre(kAnswered, "result"));
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_RESULT), ElementsAre(kAnswered));
}

TEST(ResumeTest, GivesTheSignaturesInTheMaliciousTier) {
  Conversation talk(MaliciousHeader(4));
  talk.ToSurvivors(kAll);
  talk.SignSurvivors(1, kAll);
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_SHARES), ElementsAre(kUploaded, "survivors"));
  EXPECT_THAT(Resumed(talk, 1, v1::OUTCOME_SURVIVORS), ElementsAre(kSigned));
  for (uint32_t i : {0, 2, 3}) talk.SignSurvivors(i, kAll);
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_SHARES),
              ElementsAre(kSigned, "survivors", "consistency"));
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_SURVIVORS), ElementsAre(kSigned, "consistency"));
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_CONSISTENCY), ElementsAre(kSigned));
  for (uint32_t i : {0, 1, 2, 3}) talk.Unmask(i, kAll);
  talk.Step(UnmaskFinished{UnmaskOutcome{crypto::Sha256({}), 2}});
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_SHARES),
              ElementsAre(kAnswered, "survivors", "consistency", "result"));
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_CONSISTENCY), ElementsAre(kAnswered, "result"));
}

TEST(ResumeTest, TellsWhyItIsOver) {
  Conversation talk(TestHeader(4));
  for (uint32_t i : {0, 1, 2}) talk.Advertise(i);
  talk.Step(DeadlinePassed{Phase::kAdvertiseKeys});
  EXPECT_THAT(Resumed(talk, 3, v1::OUTCOME_OFFER), ElementsAre("SCOPE_CLIENT REASON_LATE"));
  talk.Share(0);
  talk.Share(1);
  talk.Step(DeadlinePassed{Phase::kShareKeys});
  EXPECT_THAT(Resumed(talk, 2, v1::OUTCOME_ROSTER), ElementsAre("SCOPE_CLIENT REASON_NO_ANSWER"));
  talk.Step(AbortRequested{v1::REASON_ABORTED_BY_OPERATOR, "enough"});
  EXPECT_THAT(Resumed(talk, 0, v1::OUTCOME_SHARES),
              ElementsAre("SCOPE_SESSION REASON_ABORTED_BY_OPERATOR"));
  EXPECT_THAT(Resumed(talk, 3, v1::OUTCOME_NONE),
              ElementsAre("SCOPE_SESSION REASON_ABORTED_BY_OPERATOR"));
}

TEST(SessionProtocolTest, AbortsWhenAskedAndOnlyOnce) {
  Conversation talk(TestHeader(4));
  talk.ToShareKeys();
  talk.Step(AbortRequested{v1::REASON_ABORTED_BY_OPERATOR, "enough"});
  EXPECT_EQ(talk.Find<Finished>()->reason, v1::REASON_ABORTED_BY_OPERATOR);
  for (uint32_t i = 0; i < 4; ++i) {
    EXPECT_THAT(Kinds(talk.SentTo(i)), ElementsAre("SCOPE_SESSION REASON_ABORTED_BY_OPERATOR"));
  }
  EXPECT_TRUE(talk.protocol().finished());
  talk.Step(AbortRequested{v1::REASON_SHUTDOWN, "again"});
  EXPECT_THAT(talk.effects, IsEmpty());
}

TEST(SessionProtocolTest, RefusesEverythingAfterTheEnd) {
  Conversation talk(TestHeader(4));
  talk.ToUnmasking(kAll);
  for (uint32_t i = 0; i < 4; ++i) talk.Unmask(i, kAll);
  talk.Step(UnmaskFinished{UnmaskOutcome{crypto::Sha256({}), 2}});
  ASSERT_TRUE(talk.protocol().finished());

  v1::ShareKeys body = talk.ShareKeysBody(0);
  body.mutable_shares()->RemoveLast();
  talk.ShareBody(0, body);
  EXPECT_EQ(talk.TheReply().result, MessageResult::kConflict);
  talk.Withdraw(0);
  EXPECT_EQ(talk.TheReply().result, MessageResult::kLate);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
  talk.Step(UploadOpened{talk.client(0).id(), talk.OpenUpload(0, talk.UploadBytes())});
  EXPECT_EQ(talk.TheReply().result, MessageResult::kDuplicate);
  for (const Phase phase : {Phase::kAdvertiseKeys, Phase::kUnmasking}) {
    talk.Step(DeadlinePassed{phase});
    EXPECT_THAT(talk.effects, IsEmpty());
    talk.Step(LeastTimePassed{phase});
    EXPECT_THAT(talk.effects, IsEmpty());
  }
}

TEST(SessionProtocolTest, TellsWhyAClientLeftInItsOwnWords) {
  Conversation talk(TestHeader(4));
  const auto expect_refusal = [&](uint32_t i, Phase phase) {
    const ClientRefused* refused = talk.Find<ClientRefused>();
    ASSERT_NE(refused, nullptr);
    EXPECT_EQ(refused->who, talk.client(i).id());
    EXPECT_EQ(refused->phase, phase);
    EXPECT_EQ(refused->reason, v1::REASON_CANCELLED);
    EXPECT_EQ(refused->detail, "bye");
  };
  talk.Withdraw(3);  // Has no seat, only the offer.
  expect_refusal(3, Phase::kAdvertiseKeys);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
  talk.Advertise(3);
  talk.Withdraw(3);
  expect_refusal(3, Phase::kAdvertiseKeys);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(3, v1::REASON_WITHDREW)));
  talk.Withdraw(3);
  EXPECT_EQ(talk.Find<ClientRefused>(), nullptr);
  for (uint32_t i : {0, 1, 2}) talk.Advertise(i);
  talk.Step(DeadlinePassed{Phase::kAdvertiseKeys});
  talk.Withdraw(2);
  expect_refusal(2, Phase::kShareKeys);
  EXPECT_THAT(talk.Dropped(), ElementsAre(Pair(2, v1::REASON_WITHDREW)));
  talk.Withdraw(2);
  EXPECT_EQ(talk.Find<ClientRefused>(), nullptr);
}

TEST(SessionProtocolTest, RefusesAWithdrawalThatIsTooLongOrAStrangers) {
  Conversation talk(TestHeader(4));
  for (uint32_t i : {0, 1, 2}) talk.Advertise(i);
  talk.Step(DeadlinePassed{Phase::kAdvertiseKeys});
  v1::Withdraw withdraw;
  withdraw.set_detail(std::string(limits::kMaxDetailBytes + 1, 'x'));
  talk.Step(ClientWithdrew{talk.client(0).id(), withdraw});
  EXPECT_EQ(talk.TheReply().result, MessageResult::kMalformed);
  talk.Withdraw(3);
  EXPECT_EQ(talk.TheReply().result, MessageResult::kNotMember);
  EXPECT_THAT(talk.Dropped(), IsEmpty());
}

// The same events give the same effects.
TEST(SessionProtocolTest, IsDeterministic) {
  const auto run = [] {
    Conversation talk(TestHeader(4));
    std::string sent;
    talk.ToShareKeys();
    for (uint32_t i = 0; i < 4; ++i) {
      for (const v1::ServerMessage& message : talk.SentTo(i)) sent += message.SerializeAsString();
    }
    for (uint32_t i = 0; i < 4; ++i) talk.Share(i);
    for (uint32_t i = 0; i < 4; ++i) {
      for (const v1::ServerMessage& message : talk.SentTo(i)) sent += message.SerializeAsString();
    }
    return sent;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace veilsum::aggregator
