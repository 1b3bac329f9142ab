// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/aggregator_node.h"


#include "absl/strings/str_cat.h"
#include "aggregator/accumulate/unmask.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/reason_status.h"

namespace veilsum::scenarios {
namespace {

aggregator::SessionProtocol MakeProtocol(const Scenario& scenario, const Cast& cast,
                                         double target_fraction) {
  aggregator::SessionOptions options;
  options.header_bytes = HeaderOf(scenario).SerializeAsString();
  for (aggregator::ClosingRule& rule : options.closing) rule.target_fraction = target_fraction;
  options.admits = [&scenario, &cast](const crypto::IdentityPublicKey& identity) {
    const uint32_t client = cast.ClientOf(identity);
    return client < cast.clients() &&
           scenario.script(client).misbehaviour != Misbehaviour::kStranger;
  };
  return aggregator::SessionProtocol::Create(std::move(options)).value();
}

bool IsRefusal(const aggregator::Reply& reply) {
  return reply.result != aggregator::MessageResult::kAccepted &&
         reply.result != aggregator::MessageResult::kDuplicate;
}

}  // namespace

AggregatorNode::AggregatorNode(const Scenario& scenario, const Cast& cast, double target_fraction)
    : cast_(cast), protocol_(MakeProtocol(scenario, cast, target_fraction)) {
  const v1::VectorSpec& spec = protocol_.header().vector();
  accumulator_ = aggregator::Accumulator::Create(spec.dimension() + 1, spec.modulus_bits()).value();
  Carry(protocol_.Start());
}

const crypto::IdentityPublicKey& AggregatorNode::IdentityOf(uint32_t client) const {
  return cast_.identity(client).public_key();
}

// ---- What clients do ----

void AggregatorNode::Connect(uint32_t client) {
  const auto offer = protocol_.OfferFor(IdentityOf(client));
  if (offer.ok()) {
    mail.push_back({client, *offer});
    return;
  }
  // As the transport does with a Hello that cannot be served.
  v1::ServerMessage message;
  message.mutable_refused()->set_scope(v1::Refused::SCOPE_MESSAGE);
  message.mutable_refused()->set_reason(ReasonOf(offer.status()));
  message.mutable_refused()->set_detail(std::string(offer.status().message()));
  Tell(client, std::move(message));
}

void AggregatorNode::Resume(uint32_t client, v1::Outcome last_outcome) {
  Step(aggregator::ClientResumed{IdentityOf(client), last_outcome});
}

void AggregatorNode::Receive(uint32_t client, const v1::ClientMessage& message) {
  const crypto::IdentityPublicKey& from = IdentityOf(client);
  switch (message.message_case()) {
    case v1::ClientMessage::kAdvertiseKeys:
      return Step(aggregator::AdvertiseKeysReceived{from, message.advertise_keys()}, client);
    case v1::ClientMessage::kShareKeys:
      return Step(aggregator::ShareKeysReceived{from, message.share_keys()}, client);
    case v1::ClientMessage::kConsistencyCheck:
      return Step(aggregator::ConsistencyCheckReceived{from, message.consistency_check()}, client);
    case v1::ClientMessage::kUnmasking:
      return Step(aggregator::UnmaskingReceived{from, message.unmasking()}, client);
    case v1::ClientMessage::kWithdraw:
      return Step(aggregator::ClientWithdrew{from, message.withdraw()}, client);
    default:
      break;
  }
  // Nothing for the core: the transport's to refuse.
  v1::ServerMessage refusal;
  refusal.mutable_refused()->set_scope(v1::Refused::SCOPE_MESSAGE);
  refusal.mutable_refused()->set_reason(v1::REASON_MALFORMED);
  Tell(client, std::move(refusal));
}

void AggregatorNode::ReceiveUpload(uint32_t client, const v1::UploadRequest& request) {
  if (request.has_open()) {
    pending_[client].total_bytes = request.open().total_bytes();
    return Step(aggregator::UploadOpened{IdentityOf(client), request.open()}, client);
  }
  const auto found = pending_.find(client);
  if (found == pending_.end() || found->second.sealed) {
    return RefuseUpload(client, v1::REASON_OVERLOADED, "the room was needed");
  }
  Pending& pending = found->second;
  if (request.has_data()) {
    const v1::UploadData& data = request.data();
    if (data.offset() != pending.bytes.size() ||
        data.payload().size() > pending.total_bytes - pending.bytes.size()) {
      return RefuseUpload(client, v1::REASON_BAD_UPLOAD, "a chunk out of place, or too long");
    }
    pending.bytes += data.payload();
    return;
  }
  if (pending.bytes.size() != pending.total_bytes) {
    return RefuseUpload(client, v1::REASON_BAD_UPLOAD, "closed before the last byte");
  }
  pending.sealed = true;
  Step(aggregator::UploadCompleted{IdentityOf(client),
                                   crypto::Sha256(crypto::AsBytes(pending.bytes)), request.close()},
       client);
}

// ---- What takes time ----

void AggregatorNode::FinishFold() {
  auto [client, bytes] = std::move(folds_.front());
  folds_.pop_front();
  absl::Status status = accumulator_->CheckPacked(crypto::AsBytes(bytes));
  if (status.ok()) status = accumulator_->FoldPacked(crypto::AsBytes(bytes));
  Step(aggregator::FoldFinished{IdentityOf(client), status}, client);
}

void AggregatorNode::Unmask() {
  const auto plan = std::exchange(plan_, nullptr);
  absl::StatusOr<aggregator::Unmasked> unmasked =
      aggregator::RunUnmask(*plan, *accumulator_, aggregator::SerialFor);
  if (!unmasked.ok()) return Step(aggregator::UnmaskFinished{unmasked.status()});
  packed_sum_ = std::move(unmasked->packed_sum);
  Step(aggregator::UnmaskFinished{unmasked->outcome});
}

void AggregatorNode::Evict(uint32_t client) {
  const auto found = pending_.find(client);
  if (found != pending_.end() && !found->second.sealed) pending_.erase(found);
}

void AggregatorNode::PassLeastTime() { Step(aggregator::LeastTimePassed{*phase_}); }
void AggregatorNode::PassDeadline() { Step(aggregator::DeadlinePassed{*phase_}); }

// ---- Effects ----

void AggregatorNode::Step(aggregator::Event event, std::optional<uint32_t> from) {
  const bool ended = finished_;
  const bool folded = std::holds_alternative<aggregator::FoldFinished>(event);
  aggregator::Effects effects = protocol_.Step(std::move(event));
  if (from.has_value()) CheckAnswer(effects, *from, folded);
  for (const aggregator::Effect& effect : effects) {
    if (ended && !std::holds_alternative<aggregator::Reply>(effect) &&
        !std::holds_alternative<aggregator::Send>(effect) &&
        !std::holds_alternative<aggregator::DiscardUpload>(effect)) {
      Violate("an effect other than an answer after the session had ended");
    }
  }
  Carry(std::move(effects));
}

// "Every message event is answered by exactly one Reply", at once or, for an upload that is good,
// once it is folded; and I7: a refusal that does not cost the seat has no effect.
// The end of a fold that was in vain may move the session on, if its client has left meanwhile.
void AggregatorNode::CheckAnswer(const aggregator::Effects& effects, uint32_t from, bool folded) {
  int answers = 0;
  bool refused = false;
  for (const aggregator::Effect& effect : effects) {
    if (std::holds_alternative<aggregator::Fold>(effect)) ++answers;
    if (const auto* reply = std::get_if<aggregator::Reply>(&effect)) {
      if (reply->to != IdentityOf(from)) Violate("a reply to somebody who did not ask");
      ++answers;
      refused |= IsRefusal(*reply) && !reply->dropped;
    }
  }
  if (answers != 1) {
    Violate(absl::StrCat("a message of client ", from, " got ", answers, " answers"));
  }
  if (!refused || folded) return;
  for (const aggregator::Effect& effect : effects) {
    if (!std::holds_alternative<aggregator::Reply>(effect) &&
        !std::holds_alternative<aggregator::DiscardUpload>(effect)) {
      Violate(absl::StrCat("I7: a refused message of client ", from, " had an effect of kind ",
                           effect.index()));
    }
  }
}

void AggregatorNode::Carry(aggregator::Effects effects) {
  for (const aggregator::Effect& effect : effects) {
    std::visit([this](const auto& one) { CarryOne(one); }, effect);
  }
}

void AggregatorNode::CarryOne(const aggregator::Reply& reply) {
  const uint32_t client = cast_.ClientOf(reply.to);
  if (reply.answers != aggregator::Answers::kMessage) return CarryUploadReply(client, reply);
  if (reply.dropped) return;  // A Send says so.
  v1::ServerMessage message;
  if (IsRefusal(reply)) {
    v1::Refused& refused = *message.mutable_refused();
    refused.set_scope(v1::Refused::SCOPE_MESSAGE);
    refused.set_reason(reply.reason);
    refused.set_detail(reply.detail);
    refused.set_round(aggregator::RoundOf(reply.phase));
  } else {
    message.mutable_accepted()->set_round(aggregator::RoundOf(reply.phase));
  }
  Tell(client, std::move(message));
}

void AggregatorNode::CarryUploadReply(uint32_t client, const aggregator::Reply& reply) {
  if (IsRefusal(reply)) return RefuseUpload(client, reply.reason, reply.detail);
  v1::UploadReply answer;
  if (reply.upload_digest.has_value()) {
    answer.mutable_receipt()->set_digest(crypto::ToString(*reply.upload_digest));
    answer.mutable_receipt()->set_durability(v1::DURABILITY_IN_MEMORY);
  } else {
    answer.mutable_proceed()->set_offset(pending_[client].bytes.size());
  }
  AnswerUpload(client, answer);
}

void AggregatorNode::CarryOne(const aggregator::Send& send) {
  mail.push_back({cast_.ClientOf(send.to), send.Message()});
}

void AggregatorNode::CarryOne(const aggregator::PhaseStarted& started) { phase_ = started.phase; }

void AggregatorNode::CarryOne(const aggregator::PhaseClosed& closed) {
  if (phase_ != closed.phase) Violate("a phase was closed that is not the present one");
}

void AggregatorNode::CarryOne(const aggregator::ClientDropped& dropped) {
  const uint32_t client = cast_.ClientOf(dropped.who);
  const bool before = !dropped_.emplace(client, dropped.reason).second;
  if (before && (dropped.keeps_seat || silent_.erase(client) == 0)) {
    Violate(absl::StrCat("client ", client, " was dropped twice"));
  }
  dropped_[client] = dropped.reason;
  if (dropped.keeps_seat) silent_.insert(client);
}

void AggregatorNode::CarryOne(const aggregator::Fold& fold) {
  const uint32_t client = cast_.ClientOf(fold.from);
  folds_.emplace_back(client, std::move(pending_[client].bytes));
  pending_.erase(client);
}

void AggregatorNode::CarryOne(const aggregator::DiscardUpload& discard) {
  pending_.erase(cast_.ClientOf(discard.from));
}

void AggregatorNode::CarryOne(const aggregator::Unmask& unmask) {
  if (plan_ != nullptr) Violate("two unmask plans");
  plan_ = unmask.plan;
}

void AggregatorNode::CarryOne(const aggregator::Finished& finished) {
  if (finished_) Violate("the session finished twice");
  finished_ = true;
  phase_.reset();
  abort_reason_ = finished.reason;
  abort_detail_ = finished.detail;
  for (const crypto::IdentityPublicKey& identity : finished.included) {
    included_.push_back(cast_.ClientOf(identity));
  }
  pending_.clear();
}

// ---- Answers ----

void AggregatorNode::Tell(uint32_t client, v1::ServerMessage message) {
  mail.push_back({client, std::make_shared<const v1::ServerMessage>(std::move(message))});
}

void AggregatorNode::AnswerUpload(uint32_t client, UploadAnswer answer) {
  mail.push_back({client, std::move(answer)});
}

void AggregatorNode::RefuseUpload(uint32_t client, v1::Reason reason, std::string detail) {
  pending_.erase(client);
  AnswerUpload(client, UploadRefusal{reason, std::move(detail)});
}

void AggregatorNode::Report(Outcome& outcome) const {
  outcome.finished = finished_;
  outcome.abort_reason = abort_reason_;
  outcome.abort_detail = abort_detail_;
  outcome.included = included_;
  outcome.dropped = dropped_;
  const aggregator::SessionProtocol::Shape shape = protocol_.shape();
  outcome.roster_size = shape.clients;
  outcome.threshold = shape.threshold;
  outcome.degree = shape.degree;
  outcome.packed_sum = abort_reason_ == v1::REASON_UNSPECIFIED ? packed_sum_ : "";
  outcome.violations.insert(outcome.violations.end(), violations_.begin(), violations_.end());
}

}  // namespace veilsum::scenarios
