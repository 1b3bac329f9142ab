// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/adversary/real_session.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "aggregator/accumulate/unmask.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::adversary {
namespace {

aggregator::SessionProtocol MakeProtocol(const v1::SessionHeader& header) {
  aggregator::SessionOptions options;
  options.header_bytes = header.SerializeAsString();
  options.admits = [](const crypto::IdentityPublicKey&) { return true; };
  return aggregator::SessionProtocol::Create(std::move(options)).value();
}

aggregator::Event EventOf(const crypto::IdentityPublicKey& from, const v1::ClientMessage& message) {
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

}  // namespace

RealSession::RealSession(const v1::SessionHeader& header,
                         std::vector<std::unique_ptr<HonestClient>> clients)
    : clients_(std::move(clients)),
      protocol_(MakeProtocol(header)),
      accumulator_(aggregator::Accumulator::Create(header.vector().dimension() + 1,
                                                   header.vector().modulus_bits())
                       .value()),
      heard_(clients_.size()) {}

void RealSession::Start() {
  for (const aggregator::Effect& effect : protocol_.Start()) Carry(effect);
  for (const auto& client : clients_) client->Hear(**protocol_.OfferFor(client->identity()));
  Pump();
}

void RealSession::Pump() {
  for (bool more = true; more;) {
    more = false;
    for (uint32_t position = 0; position < size(); ++position) {
      const size_t before = heard_[position] + uploaded_.size() + to_fold_.size();
      PumpClient(position);
      more |= before != heard_[position] + uploaded_.size() + to_fold_.size();
    }
  }
}

void RealSession::PumpClient(uint32_t position) {
  HonestClient& client = *clients_[position];
  while (heard_[position] < client.said().size()) {
    v1::ClientMessage message = client.said()[heard_[position]++];
    if (on_the_way && !on_the_way(position, message)) continue;
    Step(EventOf(client.identity(), message));
  }
  if (!client.upload().empty() && silent.count(position) == 0 &&
      uploaded_.insert(position).second) {
    Step(OpenOf(position));
    Step(CloseOf(position));
  }
  if (folding_slowly.count(position) == 0 && to_fold_.erase(position) > 0) {
    const absl::Status folded = accumulator_.FoldPacked(crypto::AsBytes(client.upload()));
    Step(aggregator::FoldFinished{client.identity(), folded});
  }
}

aggregator::UploadOpened RealSession::OpenOf(uint32_t from) const {
  return {clients_[from]->identity(), clients_[from]->upload_open()};
}

aggregator::UploadCompleted RealSession::CloseOf(uint32_t from) const {
  const HonestClient& client = *clients_[from];
  return {client.identity(), crypto::Sha256(crypto::AsBytes(client.upload())),
          client.upload_close()};
}

aggregator::Reply RealSession::Say(aggregator::Event event) {
  reply_.reset();
  Step(std::move(event));
  return reply_.value();
}

void RealSession::Step(aggregator::Event event) {
  for (const aggregator::Effect& effect : protocol_.Step(std::move(event))) Carry(effect);
}

void RealSession::Carry(const aggregator::Effect& effect) {
  if (const auto* reply = std::get_if<aggregator::Reply>(&effect)) reply_ = *reply;
  if (const auto* send = std::get_if<aggregator::Send>(&effect)) {
    clients_[PositionOf(send->to)]->Hear(*send->Message());
  }
  if (const auto* started = std::get_if<aggregator::PhaseStarted>(&effect)) phase_ = started->phase;
  if (const auto* dropped = std::get_if<aggregator::ClientDropped>(&effect)) {
    dropped_.emplace(PositionOf(dropped->who), dropped->reason);
  }
  if (const auto* fold = std::get_if<aggregator::Fold>(&effect)) {
    to_fold_.insert(PositionOf(fold->from));
  }
  if (const auto* unmask = std::get_if<aggregator::Unmask>(&effect)) Unmask(*unmask->plan);
  if (const auto* finished = std::get_if<aggregator::Finished>(&effect)) finished_ = *finished;
}

void RealSession::Unmask(const aggregator::UnmaskPlan& plan) {
  auto unmasked = aggregator::RunUnmask(plan, accumulator_, aggregator::SerialFor);
  if (unmasked.ok()) {
    packed_sum_ = unmasked->packed_sum;
    Step(aggregator::UnmaskFinished{unmasked->outcome});
  } else {
    Step(aggregator::UnmaskFinished{unmasked.status()});
  }
}

uint32_t RealSession::PositionOf(const crypto::IdentityPublicKey& identity) const {
  const auto found = std::find_if(clients_.begin(), clients_.end(), [&](const auto& client) {
    return client->identity() == identity;
  });
  return static_cast<uint32_t>(found - clients_.begin());
}

bool RealSession::included(uint32_t position) const {
  return finished_.has_value() && std::count(finished_->included.begin(), finished_->included.end(),
                                             clients_[position]->identity()) == 1;
}

}  // namespace veilsum::adversary
