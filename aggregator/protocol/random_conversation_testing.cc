// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/protocol/random_conversation_testing.h"

#include <utility>

#include "crypto/primitives/transcript_hash.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

constexpr Phase kPhases[] = {Phase::kAdvertiseKeys, Phase::kShareKeys,
                             Phase::kMaskedInputCollection, Phase::kConsistencyCheck,
                             Phase::kUnmasking};

}  // namespace

RandomConversation::RandomConversation(const v1::SessionHeader& header, uint32_t seed)
    : random_(seed), talk_(header, 0.1 * (5 + Below(6))) {
  Check(/*replies=*/0);
}

void RandomConversation::Run() {
  for (int i = 0; i < 120; ++i) Act();
  // Whatever was begun comes to its end.
  for (const Phase phase : kPhases) {
    FinishFolds();
    Step(DeadlinePassed{phase}, 0);
    FinishFolds();
  }
  FinishUnmasking();
  EXPECT_EQ(finished_, 1);
  EXPECT_TRUE(talk_.protocol().finished());
  for (int i = 0; i < 20; ++i) Act();
}

void RandomConversation::Act() {
  const uint32_t i = Below(kClients);
  const IdentityPublicKey from = talk_.client(i).id();
  const uint32_t action = Rarely() || phases_.empty() ? Below(100) : FittingAction();
  if (action < 20) {
    v1::AdvertiseKeys message = talk_.Advertisement(Rarely() ? Below(kClients) : i);
    if (Rarely()) Spoil(*message.mutable_entry());
    if (Rarely()) Spoil(*message.mutable_signature());
    Step(AdvertiseKeysReceived{from, message}, 1);
  } else if (action < 40) {
    Step(ShareKeysReceived{from, Signed(i, crypto::ProtocolRound::kShareKeys)}, 1);
  } else if (action < 50) {
    OpenUpload(i);
  } else if (action < 62) {
    CompleteUpload(i);
  } else if (action < 72) {
    FinishFolds();
  } else if (action < 82) {
    SignSurvivors(i);
  } else if (action < 92) {
    Step(UnmaskingReceived{from, Signed(i, crypto::ProtocolRound::kUnmasking)}, 1);
  } else if (action < 94) {
    Step(LeastTimePassed{kPhases[Below(5)]}, 0);
  } else if (action < 95) {
    Step(DeadlinePassed{kPhases[Below(5)]}, 0);
  } else if (action < 98) {
    Step(ClientResumed{from, static_cast<v1::Outcome>(Below(7))}, 0);
  } else if (action < 99) {
    Step(ClientWithdrew{from, v1::Withdraw()}, 1);
  } else {
    FinishUnmasking();
  }
}

uint32_t RandomConversation::FittingAction() {
  switch (*phases_.rbegin()) {
    case Phase::kAdvertiseKeys:
      return 0;
    case Phase::kShareKeys:
      return 20;
    case Phase::kMaskedInputCollection:
      return 40 + Below(32);
    case Phase::kConsistencyCheck:
      return 72;
    default:
      return unmasking_ ? 99 : 82;
  }
}

void RandomConversation::Spoil(std::string& bytes) {
  if (bytes.empty() || Rarely()) {
    bytes.push_back('x');
  } else {
    bytes[Below(static_cast<uint32_t>(bytes.size()))] ^= 1 << Below(8);
  }
}

v1::SignedMessage RandomConversation::Signed(uint32_t i, crypto::ProtocolRound round) {
  if (talk_.protocol().transcript() == nullptr || talk_.protocol().shape().clients < kClients) {
    v1::SignedMessage garbage;
    garbage.set_signature(std::string(64, 'x'));
    return garbage;
  }
  std::string body = round == crypto::ProtocolRound::kShareKeys
                         ? talk_.ShareKeysBody(i).SerializeAsString()
                         : talk_.UnmaskingBody(i, survivors_).SerializeAsString();
  if (Rarely()) Spoil(body);
  v1::SignedMessage message = talk_.SignBody(Rarely() ? Below(kClients) : i, round, body);
  if (Rarely()) Spoil(*message.mutable_signature());
  return message;
}

void RandomConversation::SignSurvivors(uint32_t i) {
  v1::ConsistencyCheck message;
  message.set_survivor_root_signature(std::string(64, 'x'));
  if (talk_.protocol().transcript() != nullptr) {
    std::vector<bool> survivors = survivors_;
    if (Rarely()) survivors[Below(kClients)].flip();
    message = talk_.ConsistencyCheck(Rarely() ? Below(kClients) : i, survivors);
  }
  if (Rarely()) Spoil(*message.mutable_survivor_root_signature());
  Step(ConsistencyCheckReceived{talk_.client(i).id(), message}, 1);
}

void RandomConversation::OpenUpload(uint32_t i) {
  if (talk_.protocol().transcript() == nullptr) return;
  const uint64_t length = talk_.UploadBytes() + (Below(30) == 0 ? 1 : 0);
  Step(UploadOpened{talk_.client(i).id(), talk_.OpenUpload(i, length)}, 1);
}

void RandomConversation::CompleteUpload(uint32_t i) {
  if (talk_.protocol().transcript() == nullptr) return;
  const Digest digest = talk_.UploadDigest(i);
  const Digest claimed = talk_.UploadDigest(Below(30) == 0 ? i + 1 : i);
  Step(UploadCompleted{talk_.client(i).id(), digest, talk_.CloseUpload(i, claimed)}, 1);
}

void RandomConversation::FinishFolds() {
  for (const IdentityPublicKey& from : std::exchange(folding_, {})) {
    const absl::Status status =
        Below(30) == 0 ? absl::InvalidArgumentError("padding") : absl::OkStatus();
    Step(FoldFinished{from, status}, 1);
  }
}

void RandomConversation::FinishUnmasking() {
  if (!std::exchange(unmasking_, false)) return;
  Step(UnmaskFinished{UnmaskOutcome{crypto::Sha256({}), 2}}, 0);
}

void RandomConversation::Step(Event event, int replies) {
  talk_.Step(event);
  Check(replies);
  if (on_step) on_step(event, talk_.effects);
}

void RandomConversation::Check(int replies) {
  const bool ended_before = finished_ != 0;
  for (const Effect& effect : talk_.effects) {
    if (std::holds_alternative<Reply>(effect)) {
      --replies;
      continue;
    }
    if (const Fold* fold = std::get_if<Fold>(&effect)) {
      --replies;  // It comes with FoldFinished.
      folding_.push_back(fold->from);
    } else if (const PhaseStarted* started = std::get_if<PhaseStarted>(&effect)) {
      EXPECT_TRUE(phases_.insert(started->phase).second);
      EXPECT_EQ(phases_.size(), closed_ + 1);
      EXPECT_EQ(*phases_.rbegin(), started->phase);
    } else if (std::holds_alternative<PhaseClosed>(effect)) {
      ++closed_;
      EXPECT_EQ(phases_.size(), closed_);
    } else if (const ClientDropped* dropped = std::get_if<ClientDropped>(&effect)) {
      const bool first = dropped_.insert(dropped->who).second;
      EXPECT_TRUE(first || (!dropped->keeps_seat && silent_.erase(dropped->who) == 1));
      if (dropped->keeps_seat) silent_.insert(dropped->who);
    } else if (std::holds_alternative<Unmask>(effect)) {
      unmasking_ = true;
    } else if (const Finished* finished = std::get_if<Finished>(&effect)) {
      ++finished_;
      completed_ = finished->reason == v1::REASON_UNSPECIFIED;
    } else if (const Send* send = std::get_if<Send>(&effect)) {
      NoteSurvivors(*send->Message());
      continue;
    } else if (std::holds_alternative<DiscardUpload>(effect)) {
      continue;
    }
    EXPECT_FALSE(ended_before) << "effect " << effect.index() << " after the end";
  }
  EXPECT_EQ(replies, 0);
}

void RandomConversation::NoteSurvivors(const v1::ServerMessage& message) {
  if (!message.has_survivors() || message.survivors().survivors().empty()) return;
  const uint8_t bitmap = static_cast<uint8_t>(message.survivors().survivors()[0]);
  for (uint32_t i = 0; i < kClients; ++i) survivors_[i] = (bitmap >> i) & 1;
}

}  // namespace veilsum::aggregator
