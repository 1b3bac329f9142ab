// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/witness.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/transcript_hash.h"
#include "tests/simulation/cast.h"

namespace veilsum::simulation {
namespace {

using aggregator::Phase;

bool IsRefusal(const aggregator::Reply& reply) {
  return reply.result != aggregator::MessageResult::kAccepted &&
         reply.result != aggregator::MessageResult::kDuplicate;
}

Phase PhaseOf(v1::Round round) {
  return static_cast<Phase>(static_cast<int>(round) - static_cast<int>(v1::ROUND_ADVERTISE_KEYS));
}

}  // namespace

Witness::Witness(const Clock& clock, Store& store, bool trace)
    : clock_(clock), store_(store), trace_(trace) {
  store.on_durable = [this](const aggregator::Operation& operation) { Durable(operation); };
}

void Witness::Violate(std::string text) {
  if (trace_) Trace(absl::StrCat("VIOLATION: ", text));
  violations_.push_back(std::move(text));
}

void Witness::Trace(const std::string& text) const {
  if (!trace_) return;
  std::fprintf(stderr, "%6llu %10.3f ms  %s\n", static_cast<unsigned long long>(clock_.steps()),
               static_cast<double>(clock_.now()) / 1000, text.c_str());
}

void Witness::Require(bool holds, absl::string_view what, uint32_t client) {
  if (!holds) Violate(absl::StrCat("left before it was durable: ", what, ", client ", client));
}

// ---- What is durable ----

void Witness::Durable(const aggregator::Operation& operation) {
  if (const auto* put = std::get_if<aggregator::PutMessage>(&operation)) {
    put_.insert({put->phase, ClientOf(put->from)});
  } else if (const auto* drop = std::get_if<aggregator::DropClient>(&operation)) {
    dropped_.insert(ClientOf(drop->who));
  } else if (const auto* close = std::get_if<aggregator::ClosePhase>(&operation)) {
    closed_.insert(close->phase);
  } else if (const auto* keep = std::get_if<aggregator::KeepCheckpoint>(&operation)) {
    Kept(*keep);
  } else if (const auto* freeze = std::get_if<aggregator::FreezeSurvivors>(&operation)) {
    Frozen(*freeze);
  } else if (const auto* finish = std::get_if<aggregator::FinishSession>(&operation)) {
    Finish(*finish);
  }
  if (trace_) Trace(absl::StrCat("durable: operation of kind ", operation.index()));
}

void Witness::Kept(const aggregator::KeepCheckpoint& keep) {
  // A later one may have taken its place.
  const uint64_t newest = store_.newest_checkpoint();
  if (newest < keep.generation) return Violate("a checkpoint was kept before it was durable");
  RememberCounted(*store_.checkpoint(newest));
}

void Witness::Frozen(const aggregator::FreezeSurvivors& freeze) {
  frozen_ = freeze;
  closed_.insert(Phase::kMaskedInputCollection);
  survivors_.emplace();
  if (freeze.checkpoint == 0) return;
  const Store::Checkpoint* checkpoint = store_.checkpoint(freeze.checkpoint);
  if (checkpoint == nullptr) {
    return Violate("the survivors were frozen before their checkpoint was durable");
  }
  for (const aggregator::CountedUpload& one : checkpoint->included) {
    if (!survivors_->insert(ClientOf(one.from)).second) Violate("I2: a name twice in a checkpoint");
  }
  RememberCounted(*checkpoint);
}

// The checkpoints go with the session, while what was true of them may still be on its way.
void Witness::Finish(const aggregator::FinishSession& finish) {
  finish_ = finish;
  const Store::Checkpoint* checkpoint = store_.checkpoint(store_.newest_checkpoint());
  if (!frozen_.has_value() && checkpoint != nullptr) RememberCounted(*checkpoint);
}

void Witness::RememberCounted(const Store::Checkpoint& checkpoint) {
  for (const aggregator::CountedUpload& one : checkpoint.included) {
    counted_[ClientOf(one.from)] = one.digest;
  }
}

// `digest`: null for any.
bool Witness::CountedDurably(uint32_t client, const crypto::Digest* digest) const {
  const auto found = counted_.find(client);
  return found != counted_.end() && (digest == nullptr || found->second == *digest);
}

// ---- What leaves ----

void Witness::Effect(const aggregator::Effect& effect) {
  std::visit([this](const auto& one) { EffectOf(one); }, effect);
}

// An answer that came too late to matter is accepted and not kept.
void Witness::CheckAccepted(uint32_t client, Phase phase) {
  if (phase == Phase::kMaskedInputCollection) {
    Require(CountedDurably(client, nullptr), "that an input is in", client);
  } else {
    Require(put(phase, client) || closed(phase), "that a message is in", client);
  }
}

void Witness::EffectOf(const aggregator::Reply& reply) {
  const uint32_t client = ClientOf(reply.to);
  if (trace_) {
    Trace(absl::StrCat("reply to ", client, ": result ", static_cast<int>(reply.result), " phase ",
                       static_cast<int>(reply.phase), " ", v1::Reason_Name(reply.reason), " ",
                       reply.detail, reply.upload_digest.has_value() ? " receipt" : ""));
  }
  if (reply.answers != aggregator::Answers::kMessage) return;
  if (reply.dropped) {
    const bool farewell = reply.result == aggregator::MessageResult::kAccepted && !HadSeat(client);
    Require(dropped_.count(client) != 0 || finish_.has_value() || farewell, "that a client is out",
            client);
  } else if (reply.result == aggregator::MessageResult::kAccepted) {
    CheckAccepted(client, reply.phase);
  }
}

void Witness::Receipt(uint32_t client, const crypto::Digest& digest) {
  Require(CountedDurably(client, &digest) || aborted(), "I3: a receipt", client);
}

void Witness::EffectOf(const aggregator::Send& send) {
  const uint32_t client = ClientOf(send.to);
  const auto message = send.Message();
  if (trace_) Trace(absl::StrCat("send to ", client, ": ", message->ShortDebugString()));
  switch (message->message_case()) {
    case v1::ServerMessage::kAccepted:
      return CheckAccepted(client, PhaseOf(message->accepted().round()));
    case v1::ServerMessage::kRoster:
    case v1::ServerMessage::kNeighbours:
      return Require(closed(Phase::kAdvertiseKeys), "the roster", client);
    case v1::ServerMessage::kShares:
      return Require(closed(Phase::kShareKeys), "shares", client);
    case v1::ServerMessage::kSurvivors:
      survivor_bitmaps_.insert(message->survivors().survivors());
      if (survivor_bitmaps_.size() > 1) Violate("I4: two survivor sets were told");
      return Require(frozen_.has_value() && frozen_->survivors == message->survivors().survivors(),
                     "I4: survivors", client);
    case v1::ServerMessage::kConsistency:
      return Require(closed(Phase::kConsistencyCheck), "signatures", client);
    case v1::ServerMessage::kResult:
      return Require(finish_.has_value() && finish_->reason == v1::REASON_UNSPECIFIED, "the result",
                     client);
    case v1::ServerMessage::kRefused:
      return CheckRefused(client, message->refused());
    default:
      return;
  }
}

void Witness::CheckRefused(uint32_t client, const v1::Refused& refused) {
  if (refused.scope() == v1::Refused::SCOPE_SESSION) {
    return Require(finish_.has_value() && finish_->reason == refused.reason(), "the abort", client);
  }
  if (refused.scope() != v1::Refused::SCOPE_CLIENT || refused.reason() == v1::REASON_LATE ||
      refused.reason() == v1::REASON_NOT_A_MEMBER) {
    return;
  }
  // Those who were silent, and those who were left with too few others, are told by the closing.
  const bool by_closing =
      refused.reason() == v1::REASON_NO_ANSWER || refused.reason() == v1::REASON_TOO_FEW_NEIGHBOURS;
  const bool farewell = refused.reason() == v1::REASON_WITHDREW && !HadSeat(client);
  Require(dropped_.count(client) != 0 || (by_closing && !closed_.empty()) || farewell,
          absl::StrCat("that a client is out (", v1::Reason_Name(refused.reason()), ")"), client);
}

// A phase may start again after a restart, and never an earlier one.
void Witness::EffectOf(const aggregator::PhaseStarted& started) {
  if (trace_) Trace(absl::StrCat("phase ", static_cast<int>(started.phase), " starts"));
  if (phase_.has_value() && started.phase < *phase_) Violate("a phase came back");
  phase_ = started.phase;
}

void Witness::EffectOf(const aggregator::PhaseClosed& closed) {
  Require(this->closed(closed.phase) || finish_.has_value(), "that a phase is closed");
}

void Witness::EffectOf(const aggregator::ClientDropped& dropped) {
  Require(
      dropped_.count(ClientOf(dropped.who)) != 0 || closed(dropped.phase) || finish_.has_value(),
      "that a client was dropped", ClientOf(dropped.who));
}

void Witness::EffectOf(const aggregator::Unmask&) {
  Require(closed(Phase::kUnmasking) && frozen_.has_value(), "the unmasking");
}

void Witness::EffectOf(const aggregator::Finished& finished) {
  if (trace_) {
    Trace(absl::StrCat("finished: ", v1::Reason_Name(finished.reason), " ", finished.detail));
  }
  Require(finish_.has_value() && finish_->reason == finished.reason, "the end");
  End end{finished.reason, {}, clock_.now()};
  for (const crypto::IdentityPublicKey& identity : finished.included) {
    end.included.push_back(ClientOf(identity));
  }
  if (end_.has_value()) {
    if (end_->reason != end.reason || end_->included != end.included) {
      Violate("the session ended in another way before");
    }
    return;
  }
  end_ = std::move(end);
}

// I7: a message that is refused, and does not cost its sender the seat, changes nothing. What is
// answered in the same step had nothing to wait for.
void Witness::Answered(const aggregator::Actions& actions, uint32_t from) {
  const aggregator::Reply* refusal = nullptr;
  bool stores = false;
  for (const aggregator::Action& action : actions) {
    stores |= std::holds_alternative<aggregator::Commit>(action);
    const auto* effect = std::get_if<aggregator::Effect>(&action);
    const auto* reply = effect == nullptr ? nullptr : std::get_if<aggregator::Reply>(effect);
    if (reply != nullptr && ClientOf(reply->to) == from && IsRefusal(*reply) && !reply->dropped) {
      refusal = reply;
    }
  }
  if (refusal != nullptr && stores) {
    Violate(absl::StrCat("I7: a message of client ", from, " that was refused (",
                         v1::Reason_Name(refusal->reason), ") had an effect"));
  }
}

void Witness::History(const aggregator::Effects& history) {
  for (const aggregator::Effect& effect : history) {
    if (std::holds_alternative<aggregator::Reply>(effect) ||
        std::holds_alternative<aggregator::Send>(effect) ||
        std::holds_alternative<aggregator::Fold>(effect) ||
        std::holds_alternative<aggregator::DiscardUpload>(effect) ||
        std::holds_alternative<aggregator::Persist>(effect) ||
        std::holds_alternative<aggregator::Unmask>(effect)) {
      Violate("the history of a restored session has an effect that it may not have");
    }
    if (const auto* finished = std::get_if<aggregator::Finished>(&effect)) EffectOf(*finished);
  }
}

void Witness::Checkpoint(const aggregator::WriteCheckpoint& write,
                         const std::map<uint32_t, crypto::Digest>& folded) {
  if (trace_) {
    Trace(absl::StrCat("checkpoint ", write.generation, " of ", write.included.size()));
  }
  if (write.generation <= store_.newest_checkpoint()) Violate("a generation that is no later one");
  std::map<uint32_t, crypto::Digest> listed;
  for (const aggregator::CountedUpload& one : write.included) {
    if (!listed.emplace(ClientOf(one.from), one.digest).second) {
      Violate("I2: a name twice in a checkpoint");
    }
  }
  if (listed != folded) Violate("I1: a checkpoint's list is not what is in its accumulator");
}

void Witness::Result(const std::string& bytes) {
  if (!result_.has_value()) result_ = bytes;
  if (*result_ != bytes) Violate("I6: the result was another one before");
  if (finish_.has_value() && finish_->reason == v1::REASON_UNSPECIFIED &&
      (finish_->result_digest != crypto::Sha256(crypto::AsBytes(bytes)) ||
       finish_->result_bytes != bytes.size())) {
    Violate("I6: the stored digest is of another result");
  }
}

// ---- What clients hear ----

void Witness::HeardReceipt(uint32_t client, const v1::UploadReceipt& receipt) {
  receipts_.insert(client);
  if (receipt.durability() != v1::DURABILITY_CHECKPOINT) Violate("a receipt that promises less");
  if (!aborted() && !CountedDurably(client, nullptr))
    Violate("I3: a receipt for what is not in the store");
}

void Witness::HeardSurvivors(const v1::SurvivorSet& survivors) {
  survivor_bitmaps_.insert(survivors.survivors());
  if (survivor_bitmaps_.size() > 1) Violate("I4: clients heard of two survivor sets");
}

}  // namespace veilsum::simulation
