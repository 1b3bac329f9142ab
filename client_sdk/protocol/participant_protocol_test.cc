// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The conversation as a whole: order, resends, refusals, ends.

#include "client_sdk/protocol/participant_protocol.h"

#include <string>
#include <vector>

#include "client_sdk/protocol/conversation_testing.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/transcript_hash.h"
#include "gtest/gtest.h"

namespace veilsum::client {
namespace {

v1::ServerMessage Refusal(v1::Refused::Scope scope, v1::Reason reason, uint64_t retry_after_ms = 0,
                          v1::Round round = v1::ROUND_UNSPECIFIED) {
  v1::ServerMessage message;
  v1::Refused& refused = *message.mutable_refused();
  refused.set_scope(scope);
  refused.set_reason(reason);
  refused.set_detail("because");
  refused.set_retry_after_ms(retry_after_ms);
  refused.set_round(round);
  return message;
}

v1::ServerMessage Acceptance(v1::Round round) {
  v1::ServerMessage message;
  message.mutable_accepted()->set_round(round);
  return message;
}

MATCHER_P(EndsAborted, reason, "") {
  const Effects& effects = arg;
  if (effects.size() != 1 || !std::holds_alternative<Finished>(effects[0])) return false;
  const Finished& finished = std::get<Finished>(effects[0]);
  *result_listener << finished.status;
  return finished.reason == reason && ReasonOf(finished.status) == reason &&
         finished.status.code() == absl::StatusCode::kAborted;
}

class ParticipantProtocolTest : public testing::Test {
 protected:
  ParticipantProtocolTest() : conversation_(TestHeader(5), 5) {}

  Effects TellFirst(v1::ServerMessage message) { return conversation_.Tell(0, message); }
  std::string Packed() const { return std::string(PackedBytesOfResult(), 's'); }
  uint64_t PackedBytesOfResult() const { return conversation_.uploads[0].open.total_bytes(); }
  // The messages that an aggregator sends to client 0, in order.
  std::vector<v1::ServerMessage> HonestMessages() {
    Conversation other(TestHeader(5), 5);
    other.DeliverShares(other.Everybody());
    const std::string packed(other.uploads[0].open.total_bytes(), 's');
    return {other.Offer(),
            other.Roster(),
            other.Neighbours(0),
            other.Shares(0, other.Everybody()),
            other.Survivors(other.Everybody()),
            other.Result(other.Everybody(), packed)};
  }

  Conversation conversation_;
};

TEST_F(ParticipantProtocolTest, TellsTheTransportWhatToResume) {
  ParticipantProtocol& client = conversation_.client(0);
  EXPECT_EQ(client.session_id(), "");
  EXPECT_EQ(client.last_outcome(), v1::OUTCOME_NONE);
  const std::vector<v1::ServerMessage> messages = HonestMessages();
  const std::vector<v1::Outcome> outcomes = {v1::OUTCOME_OFFER,     v1::OUTCOME_OFFER,
                                             v1::OUTCOME_ROSTER,    v1::OUTCOME_SHARES,
                                             v1::OUTCOME_SURVIVORS, v1::OUTCOME_RESULT};
  for (size_t i = 0; i < messages.size(); ++i) {
    TellFirst(messages[i]);
    EXPECT_EQ(client.last_outcome(), outcomes[i]);
    EXPECT_EQ(client.session_id(), conversation_.header().session_id());
    EXPECT_FALSE(client.finished());
  }
}

// Everything that a client says follows from its session secret and what it was told.
TEST_F(ParticipantProtocolTest, TheSameSecretGivesTheSameBytes) {
  Conversation other(TestHeader(5), 5);
  for (Conversation* each : {&conversation_, &other}) {
    each->DeliverShares(each->Everybody());
    each->AnswerSurvivors(each->AllBut({4}));
  }
  for (uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(conversation_.advertised[i].SerializeAsString(),
              other.advertised[i].SerializeAsString());
    EXPECT_EQ(conversation_.shared[i].SerializeAsString(), other.shared[i].SerializeAsString());
    EXPECT_EQ(conversation_.uploads[i].open.SerializeAsString(),
              other.uploads[i].open.SerializeAsString());
    if (i == 4) continue;
    EXPECT_EQ(conversation_.unmaskings[i]->SerializeAsString(),
              other.unmaskings[i]->SerializeAsString());
  }
  const auto input =
      crypto::LaneVector::ForModulus(conversation_.header().vector().modulus_bits(), 22);
  std::string one, two;
  ASSERT_TRUE(conversation_.uploads[0].plan->MaskAndPack(input, 0, 22, one).ok());
  ASSERT_TRUE(other.uploads[0].plan->MaskAndPack(input, 0, 22, two).ok());
  EXPECT_EQ(one, two);
  EXPECT_EQ(crypto::ToString(ExposeSecret(conversation_.client(0).rounding_seed())),
            crypto::ToString(ExposeSecret(other.client(0).rounding_seed())));
}

TEST_F(ParticipantProtocolTest, SignsEveryBody) {
  conversation_.DeliverShares(conversation_.Everybody());
  conversation_.AnswerSurvivors(conversation_.Everybody());
  const auto verify = [&](const v1::SignedMessage& message, crypto::ProtocolRound round) {
    return crypto::Verify(
        conversation_.identity(0).public_key(), crypto::kLabelMessageSignature,
        crypto::MessageSignatureDigest(conversation_.transcript(), round,
                                       crypto::Sha256(crypto::AsBytes(message.body()))),
        *crypto::Signature::Parse(crypto::AsBytes(message.signature())));
  };
  EXPECT_TRUE(verify(conversation_.shared[0], crypto::ProtocolRound::kShareKeys).ok());
  EXPECT_TRUE(verify(*conversation_.unmaskings[0], crypto::ProtocolRound::kUnmasking).ok());
}

TEST_F(ParticipantProtocolTest, ResendsByteForByteUntilAccepted) {
  const std::vector<v1::ServerMessage> messages = HonestMessages();
  EXPECT_TRUE(conversation_.Step(0, Reconnected{}).empty());
  const std::vector<std::pair<size_t, v1::Round>> sending = {
      {0, v1::ROUND_ADVERTISE_KEYS}, {2, v1::ROUND_SHARE_KEYS}, {4, v1::ROUND_UNMASKING}};
  size_t told = 0;
  for (const auto& [message, round] : sending) {
    Effects effects;
    while (told <= message) effects = TellFirst(messages[told++]);
    const std::string sent = Find<Send>(effects).message.SerializeAsString();
    for (int again = 0; again < 2; ++again) {
      effects = conversation_.Step(0, Reconnected{});
      ASSERT_EQ(effects.size(), 1u);
      EXPECT_EQ(Find<Send>(effects).message.SerializeAsString(), sent);
    }
    // An earlier round's acceptance does not count.
    if (round > v1::ROUND_ADVERTISE_KEYS) TellFirst(Acceptance(v1::ROUND_ADVERTISE_KEYS));
    EXPECT_EQ(conversation_.Step(0, Reconnected{}).size(), 1u);
    EXPECT_TRUE(TellFirst(Acceptance(round)).empty());
    EXPECT_TRUE(conversation_.Step(0, Reconnected{}).empty());
  }
}

TEST_F(ParticipantProtocolTest, AnOutcomeAcknowledgesWhatWasSentForIt) {
  const std::vector<v1::ServerMessage> messages = HonestMessages();
  TellFirst(messages[0]);
  TellFirst(messages[1]);
  EXPECT_TRUE(conversation_.Step(0, Reconnected{}).empty());
}

// A resume brings outcomes again that the client already had.
TEST_F(ParticipantProtocolTest, OutcomesThatWereTakenInAreIgnored) {
  const std::vector<v1::ServerMessage> messages = HonestMessages();
  for (size_t told = 0; told < messages.size(); ++told) {
    TellFirst(messages[told]);
    for (size_t again = 0; again <= told; ++again) {
      EXPECT_TRUE(TellFirst(messages[again]).empty()) << again << " after " << told;
    }
  }
}

TEST_F(ParticipantProtocolTest, MessagesAheadOfTheirTimeAreRefused) {
  const std::vector<v1::ServerMessage> messages = HonestMessages();
  for (size_t told = 0; told < messages.size(); ++told) {
    for (size_t early = told + 1; early < messages.size(); ++early) {
      Conversation fresh(TestHeader(5), 5);
      for (size_t i = 0; i < told; ++i) fresh.Tell(0, messages[i]);
      EXPECT_THAT(fresh.Tell(0, messages[early]), Declines(v1::REASON_EARLY))
          << early << " instead of " << told;
      EXPECT_TRUE(fresh.client(0).finished());
    }
  }
}

TEST_F(ParticipantProtocolTest, MessagesWithoutAPlaceAreRefused) {
  v1::ServerMessage consistency;
  consistency.mutable_consistency();
  EXPECT_THAT(conversation_.Tell(0, consistency), Declines(v1::REASON_UNSUPPORTED));
  EXPECT_THAT(conversation_.Tell(1, {}), Declines(v1::REASON_MALFORMED));
  v1::ServerMessage challenge;
  challenge.mutable_challenge();
  EXPECT_THAT(conversation_.Tell(2, challenge), Declines(v1::REASON_MALFORMED));
}

TEST_F(ParticipantProtocolTest, NewsOfTheSessionChangesNothing) {
  v1::ServerMessage waiting, progress;
  waiting.mutable_waiting()->set_detail("later");
  progress.mutable_progress()->set_answered(3);
  EXPECT_TRUE(TellFirst(waiting).empty());
  EXPECT_EQ(Find<Progress>(TellFirst(progress)).progress.answered(), 3u);
}

// ---- Refusals ----

TEST_F(ParticipantProtocolTest, AnAbortedSessionEndsWithItsReason) {
  TellFirst(HonestMessages()[0]);
  const Effects effects =
      TellFirst(Refusal(v1::Refused::SCOPE_SESSION, v1::REASON_TOO_FEW_CLIENTS));
  EXPECT_THAT(effects, EndsAborted(v1::REASON_TOO_FEW_CLIENTS));
  EXPECT_TRUE(conversation_.client(0).finished());
  EXPECT_TRUE(TellFirst(HonestMessages()[1]).empty());
}

TEST_F(ParticipantProtocolTest, ADroppedClientEndsEvenIfLate) {
  conversation_.DeliverShares(conversation_.Everybody());
  EXPECT_THAT(TellFirst(Refusal(v1::Refused::SCOPE_CLIENT, v1::REASON_LATE)),
              EndsAborted(v1::REASON_LATE));
}

TEST_F(ParticipantProtocolTest, ARefusedMessageEnds) {
  EXPECT_THAT(conversation_.Tell(0, Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_LATE)),
              EndsAborted(v1::REASON_LATE));  // Refused at the door.
  TellFirst(HonestMessages()[0]);
  EXPECT_THAT(conversation_.Tell(1, Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_SEAT_TAKEN)),
              EndsAborted(v1::REASON_SEAT_TAKEN));
  conversation_.Tell(2, conversation_.Offer());
  EXPECT_THAT(conversation_.Tell(2, Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_LATE)),
              EndsAborted(v1::REASON_LATE));
}

TEST_F(ParticipantProtocolTest, ARefusalToTryAgainLaterKeepsTheMessage) {
  const std::string sent = Find<Send>(TellFirst(HonestMessages()[0])).message.SerializeAsString();
  EXPECT_TRUE(TellFirst(Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_OVERLOADED, 250)).empty());
  EXPECT_EQ(Find<Send>(conversation_.Step(0, Reconnected{})).message.SerializeAsString(), sent);
}

// "3 answers of 4 suffice, the 4th is told success."
TEST_F(ParticipantProtocolTest, ALateUnmaskingStillGetsTheResult) {
  conversation_.DeliverShares(conversation_.Everybody());
  conversation_.AnswerSurvivors(conversation_.Everybody());
  EXPECT_TRUE(TellFirst(Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_LATE)).empty());
  EXPECT_TRUE(conversation_.Step(0, Reconnected{}).empty());
  const Effects effects = TellFirst(conversation_.Result(conversation_.Everybody(), Packed()));
  EXPECT_EQ(Find<DownloadResult>(effects).total_bytes, Packed().size());
}

// A resend can cross the close of its round: the refusal is of a message that no longer matters.
TEST_F(ParticipantProtocolTest, ALateResendOfAnEarlierRoundIsHarmless) {
  conversation_.ShareKeys();
  EXPECT_TRUE(
      TellFirst(Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_LATE, 0, v1::ROUND_ADVERTISE_KEYS))
          .empty());
  TellFirst(Acceptance(v1::ROUND_SHARE_KEYS));
  EXPECT_TRUE(TellFirst(Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_LATE)).empty());
  EXPECT_FALSE(conversation_.client(0).finished());
}

// Nor does it help to try again later: the other one would be displaced in turn.
TEST_F(ParticipantProtocolTest, ADisplacedClientEnds) {
  TellFirst(HonestMessages()[0]);
  EXPECT_THAT(TellFirst(Refusal(v1::Refused::SCOPE_MESSAGE, v1::REASON_DISPLACED, 1000)),
              EndsAborted(v1::REASON_DISPLACED));
}

// ---- Upload ----

// Encoding may be slower than the others' shares.
TEST_F(ParticipantProtocolTest, TheUploadWaitsForTheInput) {
  conversation_.ShareKeys();  // Every input is encoded at once; a slower client takes its place.
  ParticipantProtocol& client = conversation_.client(0);
  client = ParticipantProtocol::Create(conversation_.OptionsOf(0)).value();
  EXPECT_EQ(Find<EncodeInput>(client.TakeReplayed()).spec.dimension(), 21u);
  EXPECT_TRUE(TellFirst(conversation_.Shares(0, conversation_.Everybody())).empty());
  EXPECT_FALSE(client.CloseUpload(crypto::Sha256({})).ok());
  const InputEncoded encoded{Conversation::InputOf(0)};
  EXPECT_EQ(Find<StartUpload>(conversation_.Step(0, encoded)).plan->mask_count(), 5u);
  EXPECT_TRUE(conversation_.Step(0, encoded).empty());
  EXPECT_TRUE(client.CloseUpload(crypto::Sha256({})).ok());
}

TEST_F(ParticipantProtocolTest, ThereIsOneInputPerSession) {
  conversation_.ShareKeys();
  EXPECT_THAT(conversation_.Step(0, InputEncoded{Conversation::InputOf(1)}),
              Declines(v1::REASON_CONFLICT));
}

// An aggregator that counts a client whose input it cannot have.
TEST_F(ParticipantProtocolTest, SurvivorsBeforeTheInputIsMadeAreRefused) {
  const std::vector<v1::ServerMessage> messages = HonestMessages();
  for (size_t i = 0; i < 4; ++i) conversation_.Step(0, MessageReceived{messages[i]});
  EXPECT_THAT(TellFirst(messages[4]), Declines(v1::REASON_SURVIVORS_REFUSED));
}

TEST_F(ParticipantProtocolTest, OpensAndClosesOneSignedUpload) {
  EXPECT_FALSE(conversation_.client(0).CloseUpload(crypto::Sha256({})).ok());
  conversation_.DeliverShares(conversation_.Everybody());
  const v1::UploadOpen& open = conversation_.uploads[0].open;
  EXPECT_EQ(open.session_id(), conversation_.header().session_id());
  EXPECT_TRUE(crypto::Verify(
                  conversation_.identity(0).public_key(), crypto::kLabelUploadOpenSignature,
                  crypto::UploadOpenSignatureDigest(conversation_.transcript(), open.total_bytes()),
                  *crypto::Signature::Parse(crypto::AsBytes(open.signature())))
                  .ok());
  const crypto::Digest digest = crypto::Sha256(crypto::AsBytes("masked"));
  const auto close = conversation_.client(0).CloseUpload(digest);
  ASSERT_TRUE(close.ok()) << close.status();
  EXPECT_TRUE(crypto::Verify(conversation_.identity(0).public_key(), crypto::kLabelMessageSignature,
                             crypto::MessageSignatureDigest(
                                 conversation_.transcript(),
                                 crypto::ProtocolRound::kMaskedInputCollection, digest),
                             *crypto::Signature::Parse(crypto::AsBytes(close->signature())))
                  .ok());
  EXPECT_EQ(conversation_.client(0).CloseUpload(digest)->SerializeAsString(),
            close->SerializeAsString());
  // One masked input per session.
  EXPECT_FALSE(conversation_.client(0).CloseUpload(crypto::Sha256({})).ok());
}

TEST_F(ParticipantProtocolTest, TheMasksDieWithTheReceipt) {
  conversation_.DeliverShares(conversation_.Everybody());
  std::weak_ptr<const MaskingPlan> plan = conversation_.uploads[0].plan;
  conversation_.uploads[0].plan.reset();
  EXPECT_FALSE(plan.expired());
  const crypto::Digest digest = crypto::Sha256(crypto::AsBytes("masked"));
  ASSERT_TRUE(conversation_.client(0).CloseUpload(digest).ok());
  v1::UploadReceipt receipt;
  receipt.set_digest(crypto::ToString(digest));
  EXPECT_TRUE(conversation_.Step(0, UploadAcknowledged{receipt}).empty());
  EXPECT_TRUE(plan.expired());
}

TEST_F(ParticipantProtocolTest, AReceiptForOtherBytesIsRefused) {
  conversation_.DeliverShares(conversation_.Everybody());
  ASSERT_TRUE(conversation_.client(0).CloseUpload(crypto::Sha256({})).ok());
  v1::UploadReceipt receipt;
  receipt.set_digest(std::string(32, 'x'));
  EXPECT_THAT(conversation_.Step(0, UploadAcknowledged{receipt}), Declines(v1::REASON_CONFLICT));
}

TEST_F(ParticipantProtocolTest, ARefusedUploadEnds) {
  conversation_.DeliverShares(conversation_.Everybody());
  const Effects effects =
      conversation_.Step(0, UploadRefused{v1::REASON_BAD_UPLOAD, "another digest"});
  EXPECT_EQ(Find<Send>(effects).message.withdraw().reason(), v1::REASON_BAD_UPLOAD);
  EXPECT_EQ(Find<Finished>(effects).reason, v1::REASON_BAD_UPLOAD);
  EXPECT_EQ(Find<Finished>(effects).status.code(), absl::StatusCode::kAborted);
}

// The phase has closed with an earlier attempt, whose receipt was lost, or without this client.
TEST_F(ParticipantProtocolTest, AnUploadThatIsLateWaitsForTheStream) {
  conversation_.DeliverShares(conversation_.Everybody());
  EXPECT_TRUE(
      conversation_.Step(0, UploadRefused{v1::REASON_LATE, "the phase has closed"}).empty());
  EXPECT_FALSE(conversation_.client(0).finished());
  EXPECT_THAT(conversation_.Tell(0, Refusal(v1::Refused::SCOPE_CLIENT, v1::REASON_NO_ANSWER)),
              EndsAborted(v1::REASON_NO_ANSWER));
}

// The survivor set can overtake the receipt, which then says nothing new.
TEST_F(ParticipantProtocolTest, SurvivorsMayComeBeforeTheReceipt) {
  conversation_.DeliverShares(conversation_.Everybody());
  conversation_.AnswerSurvivors(conversation_.Everybody());
  EXPECT_TRUE(
      conversation_.Step(0, UploadRefused{v1::REASON_LATE, "the phase has closed"}).empty());
  EXPECT_TRUE(conversation_.Step(0, UploadAcknowledged{}).empty());
  EXPECT_FALSE(conversation_.client(0).finished());
}

// ---- Result ----

class ResultTest : public ParticipantProtocolTest {
 protected:
  void ReachResult(const v1::SessionHeader& header) {
    conversation_ = Conversation(header, 5);
    conversation_.DeliverShares(conversation_.Everybody());
    conversation_.AnswerSurvivors(conversation_.AllBut({4}));
  }
  v1::ServerMessage HonestResult() {
    return conversation_.Result(conversation_.AllBut({4}), Packed());
  }
};

TEST_F(ResultTest, IsDownloadedCheckedAndHandedOn) {
  ReachResult(TestHeader(5));
  const auto download = Find<DownloadResult>(TellFirst(HonestResult()));
  EXPECT_EQ(download.total_bytes, Packed().size());
  EXPECT_TRUE(
      crypto::Verify(conversation_.identity(0).public_key(), crypto::kLabelResultDownloadSignature,
                     crypto::ResultDownloadSignatureDigest(conversation_.transcript()),
                     *crypto::Signature::Parse(crypto::AsBytes(download.request.signature())))
          .ok());
  const auto finished = Find<Finished>(conversation_.Step(0, ResultDownloaded{Packed()}));
  EXPECT_TRUE(finished.status.ok());
  EXPECT_EQ(finished.reason, v1::REASON_UNSPECIFIED);
  EXPECT_EQ(finished.included, 4u);
  EXPECT_EQ(finished.packed_sum, Packed());
  EXPECT_TRUE(conversation_.client(0).finished());
}

TEST_F(ResultTest, IsNotDownloadedWhereItIsForTheOperator) {
  v1::SessionHeader header = TestHeader(5);
  header.set_audience(v1::AUDIENCE_OPERATOR);
  ReachResult(header);
  v1::ServerMessage result = HonestResult();
  result.mutable_result()->set_total_bytes(0);
  result.mutable_result()->clear_result_digest();
  const Effects effects = TellFirst(result);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_TRUE(Find<Finished>(effects).status.ok());
  EXPECT_EQ(Find<Finished>(effects).included, 4u);
  EXPECT_EQ(Find<Finished>(effects).packed_sum, "");
}

TEST_F(ResultTest, OtherBytesThanAnnouncedAreRefused) {
  for (const bool cut : {false, true}) {
    ReachResult(TestHeader(5));
    TellFirst(HonestResult());
    std::string packed = Packed();
    cut ? packed.pop_back() : void(packed[3] ^= 1);
    EXPECT_THAT(conversation_.Step(0, ResultDownloaded{packed}),
                Declines(v1::REASON_RESULT_REFUSED));
  }
}

TEST_F(ResultTest, ARefusedDownloadEnds) {
  ReachResult(TestHeader(5));
  TellFirst(HonestResult());
  EXPECT_THAT(conversation_.Step(0, DownloadRefused{v1::REASON_NOT_FOR_YOU, "no"}),
              EndsAborted(v1::REASON_NOT_FOR_YOU));
}

TEST_F(ResultTest, OfOtherSurvivorsOrAnotherSizeIsRefused) {
  const std::vector<std::function<void(v1::SessionResult&)>> bends = {
      [](auto& result) { result.set_included(5); },
      [](auto& result) { result.set_survivor_root(std::string(32, 'x')); },
      [](auto& result) { result.set_total_bytes(result.total_bytes() + 1); },
      [](auto& result) { result.set_total_bytes(0); },
      [](auto& result) { result.set_result_digest("short"); },
      [](auto& result) { result.clear_result_digest(); }};
  for (const auto& bend : bends) {
    ReachResult(TestHeader(5));
    v1::ServerMessage result = HonestResult();
    bend(*result.mutable_result());
    EXPECT_THAT(TellFirst(result), Declines(v1::REASON_RESULT_REFUSED));
  }
}

// ---- The caller ----

TEST_F(ParticipantProtocolTest, CancellingWithdrawsInEveryPhase) {
  const std::vector<v1::ServerMessage> messages = HonestMessages();
  for (size_t told = 0; told <= messages.size(); ++told) {
    Conversation fresh(TestHeader(5), 5);
    for (size_t i = 0; i < told; ++i) fresh.Tell(0, messages[i]);
    const Effects effects = fresh.Step(0, CancelRequested{});
    ASSERT_EQ(effects.size(), 2u);
    EXPECT_EQ(Find<Send>(effects).message.withdraw().reason(), v1::REASON_CANCELLED);
    EXPECT_EQ(Find<Finished>(effects).status.code(), absl::StatusCode::kCancelled);
    EXPECT_TRUE(fresh.Step(0, CancelRequested{}).empty());
  }
}

TEST_F(ParticipantProtocolTest, CancellingWithdrawsWhileItWaitsForSignatures) {
  Conversation malicious(MaliciousHeader(5), 5);
  malicious.DeliverShares(malicious.Everybody());
  malicious.SignSurvivors(malicious.Everybody());
  const Effects effects =
      malicious.Step(0, CancelRequested{v1::REASON_TOO_FEW_SIGNATURES, "none came in time"});
  EXPECT_EQ(Find<Send>(effects).message.withdraw().reason(), v1::REASON_TOO_FEW_SIGNATURES);
  EXPECT_EQ(Find<Send>(effects).message.withdraw().detail(), "none came in time");
  EXPECT_EQ(Find<Finished>(effects).reason, v1::REASON_TOO_FEW_SIGNATURES);
  EXPECT_EQ(Find<Finished>(effects).status.code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(malicious.Tell(0, malicious.Signatures(malicious.Everybody())).empty());
}

}  // namespace
}  // namespace veilsum::client
