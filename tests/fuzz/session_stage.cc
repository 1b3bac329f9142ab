// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/session_stage.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "aggregator/accumulate/unmask.h"
#include "crypto/primitives/transcript_hash.h"
#include "tests/fuzz/harness.h"

namespace veilsum::fuzz {
namespace {

using aggregator::Event;

aggregator::SessionProtocol MakeProtocol(
    const v1::SessionHeader& header,
    const std::vector<std::unique_ptr<adversary::HonestClient>>& clients) {
  aggregator::SessionOptions options;
  options.header_bytes = header.SerializeAsString();
  std::vector<crypto::IdentityPublicKey> members;
  for (const auto& client : clients) members.push_back(client->identity());
  options.admits = [members](const crypto::IdentityPublicKey& identity) {
    return std::find(members.begin(), members.end(), identity) != members.end();
  };
  return aggregator::SessionProtocol::Create(std::move(options)).value();
}

bool IsMessage(const Event& event) {
  return std::holds_alternative<aggregator::AdvertiseKeysReceived>(event) ||
         std::holds_alternative<aggregator::ShareKeysReceived>(event) ||
         std::holds_alternative<aggregator::UploadOpened>(event) ||
         std::holds_alternative<aggregator::ConsistencyCheckReceived>(event) ||
         std::holds_alternative<aggregator::UnmaskingReceived>(event) ||
         std::holds_alternative<aggregator::ClientWithdrew>(event);
}

}  // namespace

Event EventOf(const crypto::IdentityPublicKey& from, const v1::ClientMessage& message) {
  switch (message.message_case()) {
    case v1::ClientMessage::kAdvertiseKeys:
      return aggregator::AdvertiseKeysReceived{from, message.advertise_keys()};
    case v1::ClientMessage::kShareKeys:
      return aggregator::ShareKeysReceived{from, message.share_keys()};
    case v1::ClientMessage::kConsistencyCheck:
      return aggregator::ConsistencyCheckReceived{from, message.consistency_check()};
    case v1::ClientMessage::kUnmasking:
      return aggregator::UnmaskingReceived{from, message.unmasking()};
    default:
      return aggregator::ClientWithdrew{from, message.withdraw()};
  }
}

SessionStage::SessionStage(const v1::SessionHeader& header,
                           std::vector<std::unique_ptr<adversary::HonestClient>> clients)
    : clients_(std::move(clients)),
      protocol_(MakeProtocol(header, clients_)),
      accumulator_(aggregator::Accumulator::Create(header.vector().dimension() + 1,
                                                   header.vector().modulus_bits())
                       .value()) {}

void SessionStage::Start() {
  for (const aggregator::Effect& effect : protocol_.Start()) Carry(effect);
  for (const auto& client : clients_) {
    const auto offer = protocol_.OfferFor(client->identity());
    Require(offer.ok(), "a member is offered the session");
    client->Hear(**offer);
  }
}

std::optional<aggregator::Reply> SessionStage::Step(Event event) {
  const bool was_finished = protocol_.finished();
  const bool is_message = IsMessage(event);
  const aggregator::Effects effects = protocol_.Step(std::move(event));
  std::optional<aggregator::Reply> reply;
  for (const aggregator::Effect& effect : effects) {
    if (const auto* one = std::get_if<aggregator::Reply>(&effect)) {
      Require(!reply.has_value(), "one reply to each message");
      reply = *one;
    }
    Require(!was_finished || std::holds_alternative<aggregator::Reply>(effect) ||
                std::holds_alternative<aggregator::Send>(effect) ||
                std::holds_alternative<aggregator::DiscardUpload>(effect),
            "nothing happens after the end but answers");
    Carry(effect);
  }
  Require(!is_message || reply.has_value(), "a reply to each message");
  // Only now: the runtime does this after it carried the effects out.
  if (plan_ != nullptr) Unmask(*std::exchange(plan_, nullptr));
  return reply;
}

void SessionStage::FinishFolds() {
  while (!folds_.empty()) {
    auto [from, bytes] = std::move(folds_.front());
    folds_.erase(folds_.begin());
    const absl::Status status = accumulator_.FoldPacked(crypto::AsBytes(bytes));
    if (status.ok()) {
      Require(folded_.emplace(from, bytes).second, "a client is in the sum once");
    }
    Step(aggregator::FoldFinished{clients_[from]->identity(), status});
  }
}

void SessionStage::Upload(uint32_t from) {
  const adversary::HonestClient& client = *clients_[from];
  Step(aggregator::UploadOpened{client.identity(), client.upload_open()});
  HoldUpload(from, client.upload());
  Step(aggregator::UploadCompleted{
      client.identity(), crypto::Sha256(crypto::AsBytes(client.upload())), client.upload_close()});
  FinishFolds();
}

void SessionStage::Play(const std::set<uint32_t>& silent) {
  std::vector<size_t> heard(size());
  std::set<uint32_t> uploaded = silent;
  while (!finished_.has_value()) {
    bool said = false;
    for (uint32_t c = 0; c < size(); ++c) {
      while (heard[c] < clients_[c]->said().size()) {
        said = true;
        Step(EventOf(clients_[c]->identity(), clients_[c]->said()[heard[c]++]));
      }
      if (clients_[c]->upload().empty() || !uploaded.insert(c).second) continue;
      said = true;
      Upload(c);
    }
    if (!said) PassDeadline();
  }
}

void SessionStage::PassDeadline() {
  const std::optional<aggregator::Phase> before = phase_;
  Require(before.has_value(), "a session has begun");
  Step(aggregator::DeadlinePassed{*before});
  FinishFolds();
  Require(finished_.has_value() || phase_ != before, "a deadline ends its phase");
}

void SessionStage::Carry(const aggregator::Effect& effect) {
  if (const auto* send = std::get_if<aggregator::Send>(&effect)) {
    const uint32_t to = ClientOf(send->to);
    if (to < size()) clients_[to]->Hear(*send->Message());
  } else if (const auto* started = std::get_if<aggregator::PhaseStarted>(&effect)) {
    Require(!phase_.has_value() || started->phase > *phase_, "phases come in order");
    phase_ = started->phase;
  } else if (const auto* dropped = std::get_if<aggregator::ClientDropped>(&effect)) {
    dropped_.emplace(ClientOf(dropped->who), dropped->reason);
  } else if (const auto* fold = std::get_if<aggregator::Fold>(&effect)) {
    const uint32_t from = ClientOf(fold->from);
    Require(held_.count(from) > 0, "what is folded was uploaded");
    folds_.emplace_back(from, held_[from]);
    held_.erase(from);
  } else if (const auto* discard = std::get_if<aggregator::DiscardUpload>(&effect)) {
    held_.erase(ClientOf(discard->from));
  } else if (const auto* unmask = std::get_if<aggregator::Unmask>(&effect)) {
    Require(plan_ == nullptr && packed_sum_.empty(), "a session is unmasked once");
    plan_ = unmask->plan;
  } else if (const auto* finished = std::get_if<aggregator::Finished>(&effect)) {
    Require(!finished_.has_value(), "a session ends once");
    finished_ = *finished;
  }
}

void SessionStage::Unmask(const aggregator::UnmaskPlan& plan) {
  auto unmasked = aggregator::RunUnmask(plan, accumulator_, aggregator::SerialFor);
  if (unmasked.ok()) {
    packed_sum_ = unmasked->packed_sum;
    Step(aggregator::UnmaskFinished{unmasked->outcome});
  } else {
    Require(unmasked.status().code() != absl::StatusCode::kInternal,
            absl::StrCat("a plan is well-formed: ", unmasked.status().message()));
    Step(aggregator::UnmaskFinished{unmasked.status()});
  }
}

uint32_t SessionStage::ClientOf(const crypto::IdentityPublicKey& identity) const {
  const auto found = std::find_if(clients_.begin(), clients_.end(), [&](const auto& client) {
    return client->identity() == identity;
  });
  return static_cast<uint32_t>(found - clients_.begin());
}

}  // namespace veilsum::fuzz
