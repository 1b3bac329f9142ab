// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A session played again from what was stored of it, through the functions that it was played with
// at first. Every operation must ask to be stored again as it is; so whatever is damaged, missing
// or in another place is noticed, as far as anything hangs on it: signatures, T1 and the survivor
// root bind the messages, and each closing counts them.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/protocol/answers.h"
#include "aggregator/protocol/rounds.h"
#include "aggregator/protocol/session_protocol.h"
#include "crypto/transcript/bitmap.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

absl::Status Damaged(absl::string_view text) {
  return MakeError(absl::StatusCode::kDataLoss, v1::REASON_STORAGE_FAILED,
                   absl::StrCat("what is stored of the session does not fit together: ", text));
}

std::string NameOf(const Operation& operation) {
  struct Visitor {
    std::string operator()(const PutMessage& put) const {
      return absl::StrCat("a message of ", RoundName(put.phase));
    }
    std::string operator()(const DropClient& drop) const {
      return absl::StrCat("a dropped client in ", RoundName(drop.phase));
    }
    std::string operator()(const ClosePhase& close) const {
      return absl::StrCat("the closing of ", RoundName(close.phase));
    }
    std::string operator()(const KeepCheckpoint&) const { return "a checkpoint"; }
    std::string operator()(const FreezeSurvivors&) const { return "the survivors"; }
    std::string operator()(const FinishSession&) const { return "the end"; }
  };
  return std::visit(Visitor(), operation);
}

// Numbers that were read may be any.
bool IsPhase(const Operation& operation) {
  const auto is_one = [](Phase phase) {
    return static_cast<int>(phase) >= 0 && static_cast<size_t>(phase) < kPhases;
  };
  if (const auto* put = std::get_if<PutMessage>(&operation)) return is_one(put->phase);
  if (const auto* drop = std::get_if<DropClient>(&operation)) return is_one(drop->phase);
  const auto* close = std::get_if<ClosePhase>(&operation);
  return close == nullptr || is_one(close->phase);
}

// Is `stored` what playing it asks to store again? The bytes of messages are held by their digests,
// and the number of the checkpoint is not the protocol's.
bool IsSame(const Operation& played, Operation stored) {
  if (auto* put = std::get_if<PutMessage>(&stored)) put->bytes.clear();
  if (auto* freeze = std::get_if<FreezeSurvivors>(&stored)) freeze->checkpoint = 0;
  return played == stored;
}

bool IsHistory(const Effect& effect) {
  return !std::holds_alternative<Reply>(effect) && !std::holds_alternative<Send>(effect) &&
         !std::holds_alternative<Fold>(effect) && !std::holds_alternative<DiscardUpload>(effect) &&
         !std::holds_alternative<Persist>(effect) && !std::holds_alternative<Unmask>(effect);
}

class Replay {
 public:
  Replay(SessionState& state, absl::Span<const Operation> operations,
         absl::Span<const CountedUpload> counted)
      : state_(state),
        operations_(operations),
        counted_(counted),
        ended_(!operations.empty() && std::holds_alternative<FinishSession>(operations.back())) {}

  absl::Status Run() {
    StartPhase(state_, Phase::kAdvertiseKeys, state_.header.max_clients());
    Collect().IgnoreError();
    while (next_ < operations_.size()) {
      const absl::Status status = PlayNext();
      if (!status.ok()) return status;
    }
    if (ended_ != (state_.In<EndedPhase>() != nullptr)) return Damaged("its end is missing");
    const bool applied = state_.cohort.has_value() && counted_applied_;
    if (!counted_.empty() && !applied && !ended_) {
      return Damaged("there are inputs in the sum before anybody could upload");
    }
    return absl::OkStatus();
  }

  // What goes on where the session stopped.
  Effects Pending() {
    if (ended_) return {};
    Effects pending;
    pending.emplace_back(*started_);
    const Tally tally = TallyOf(state_);
    if (tally.answered != 0 || tally.expected != started_->expected) {
      pending.emplace_back(Progress{started_->phase, tally.answered, tally.expected});
    }
    if (unmask_.has_value()) pending.emplace_back(*std::move(unmask_));
    // The inputs that a checkpoint made durable may be the last ones.
    while (CloseIfDone(state_)) {
    }
    for (Effect& effect : std::exchange(state_.effects, {})) pending.push_back(std::move(effect));
    return pending;
  }

  Effects history;

 private:
  absl::Status PlayNext() {
    const size_t index = next_;
    const Operation& operation = operations_[index];
    const auto misfit = [&](absl::string_view why) {
      return Damaged(absl::StrCat("operation ", index, ", ", NameOf(operation), ": ", why));
    };
    if (!IsPhase(operation)) return Damaged(absl::StrCat("operation ", index, ": no such phase"));
    const Tally before = TallyOf(state_);
    if (!before.phase.has_value()) return misfit("the session has ended before");
    absl::Status status =
        std::visit([this](const auto& played) { return Play(played); }, operation);
    if (!status.ok()) return misfit(status.message());
    const Tally after = TallyOf(state_);
    if (after != before && after.phase == before.phase) {
      state_.effects.emplace_back(Progress{*after.phase, after.answered, after.expected});
    }
    status = Collect();
    if (!status.ok()) return misfit(status.message());
    if (next_ == index) return misfit(refusal_.empty() ? "has no effect" : refusal_);
    return absl::OkStatus();
  }

  // Takes the effects of what was played: what it asks to store must come next.
  absl::Status Collect() {
    refusal_.clear();
    for (Effect& effect : std::exchange(state_.effects, {})) {
      if (const Persist* persist = std::get_if<Persist>(&effect)) {
        for (const Operation& played : persist->operations) {
          if (next_ == operations_.size() || !IsSame(played, operations_[next_])) {
            return absl::DataLossError(
                absl::StrCat("gives ", NameOf(played), ", and stored is ", NameOfNext()));
          }
          ++next_;
        }
      } else if (const Reply* reply = std::get_if<Reply>(&effect)) {
        refusal_ = reply->detail;
      } else if (Unmask* unmask = std::get_if<Unmask>(&effect)) {
        unmask_ = std::move(*unmask);
      }
      if (const PhaseStarted* started = std::get_if<PhaseStarted>(&effect)) started_ = *started;
      if (IsHistory(effect)) history.push_back(std::move(effect));
    }
    return absl::OkStatus();
  }

  std::string NameOfNext() const {
    if (next_ == operations_.size()) return "nothing more";
    return IsPhase(operations_[next_]) ? NameOf(operations_[next_]) : "something of no phase";
  }

  // ---- One operation each ----

  absl::Status Play(const PutMessage& put) {
    switch (put.phase) {
      case Phase::kAdvertiseKeys:
        return PlayMessage<AdvertiseKeysReceived, v1::AdvertiseKeys>(put);
      case Phase::kConsistencyCheck:
        return PlayMessage<ConsistencyCheckReceived, v1::ConsistencyCheck>(put);
      case Phase::kShareKeys:
        return ended_ ? PlayErased(put) : PlayMessage<ShareKeysReceived, v1::SignedMessage>(put);
      case Phase::kUnmasking:
        return ended_ ? PlayErased(put) : PlayMessage<UnmaskingReceived, v1::SignedMessage>(put);
      case Phase::kMaskedInputCollection:
        break;
    }
    return absl::DataLossError("uploads are no messages");
  }

  template <class E, class Message>
  absl::Status PlayMessage(const PutMessage& put) {
    E event{put.from, Message()};
    if (!event.message.ParseFromString(put.bytes)) return absl::DataLossError("does not parse");
    Receive(state_, std::move(event));
    return absl::OkStatus();
  }

  // Shares are erased when a session ends; who sent some, and that they were good, is known.
  absl::Status PlayErased(const PutMessage& put) {
    const std::optional<uint32_t> position = PositionOf(put.from);
    if (!position.has_value() || PresentPhase(state_) != put.phase ||
        state_.MemberAt(*position).dropped.has_value() ||
        state_.MemberAt(*position).AcceptedIn(put.phase).has_value()) {
      return absl::DataLossError("nobody could send it then");
    }
    if (put.phase == Phase::kShareKeys) {
      ReplayErasedShares(state_, *position, put.digest);
      return absl::OkStatus();
    }
    if (!state_.In<UnmaskingPhase>()->sets->survivors[*position]) {
      return absl::DataLossError("its sender did not survive");
    }
    ReplayErasedAnswer(state_, *position, put.digest);
    return absl::OkStatus();
  }

  absl::Status Play(const DropClient& drop) {
    if (PresentPhase(state_) != drop.phase) return absl::DataLossError("is not of this phase");
    if (AdvertiseKeysPhase* phase = state_.In<AdvertiseKeysPhase>()) {
      if (phase->out.count(drop.who) != 0) return absl::DataLossError("is out already");
      Remember(state_, drop);
      WithdrawFrom(state_, *phase, drop.who, {drop.reason, drop.detail});
    } else {
      const std::optional<uint32_t> position = PositionOf(drop.who);
      if (!position.has_value() || state_.MemberAt(*position).dropped.has_value()) {
        return absl::DataLossError("has no seat");
      }
      const MaskedInputPhase* uploads = state_.In<MaskedInputPhase>();
      if (uploads != nullptr && uploads->uploads[*position] == UploadState::kCounted &&
          drop.reason != v1::REASON_WITHDREW) {
        return absl::DataLossError("its input is in the sum");
      }
      Remember(state_, drop);
      TakeSeatFrom(state_, *position, drop.phase, {drop.reason, drop.detail});
    }
    if (drop.reason == v1::REASON_WITHDREW) {
      state_.effects.emplace_back(
          ClientRefused{drop.who, drop.phase, drop.refusal_reason, drop.refusal_detail});
    }
    return absl::OkStatus();
  }

  absl::Status Play(const ClosePhase& close) {
    if (PresentPhase(state_) != close.phase) return absl::DataLossError("is not the present phase");
    if (auto* advertise_keys = state_.In<AdvertiseKeysPhase>()) {
      Close(state_, std::move(*advertise_keys));
    } else if (auto* share_keys = state_.In<ShareKeysPhase>()) {
      Close(state_, std::move(*share_keys));
      return ApplyCounted();
    } else if (auto* consistency_check = state_.In<ConsistencyCheckPhase>()) {
      Close(state_, std::move(*consistency_check));
    } else if (auto* unmasking = state_.In<UnmaskingPhase>();
               unmasking != nullptr && !unmasking->unmasking) {
      ended_ ? CloseErased(state_, *unmasking) : Close(state_, *unmasking);
    } else {
      return absl::DataLossError("it does not close so, or not twice");
    }
    return absl::OkStatus();
  }

  absl::Status Play(const KeepCheckpoint&) {
    return absl::DataLossError("it is none of the protocol's");
  }

  absl::Status Play(const FreezeSurvivors&) {
    MaskedInputPhase* phase = state_.In<MaskedInputPhase>();
    if (phase == nullptr) return absl::DataLossError("no inputs are collected then");
    Close(state_, std::move(*phase));
    return absl::OkStatus();
  }

  absl::Status Play(const FinishSession& finish) {
    if (finish.reason != v1::REASON_UNSPECIFIED) {
      Abort(state_, finish.reason, finish.detail, finish.blamed);
      return absl::OkStatus();
    }
    const UnmaskingPhase* phase = state_.In<UnmaskingPhase>();
    if (phase == nullptr || !phase->unmasking) return absl::DataLossError("it was not unmasked");
    Receive(state_, UnmaskFinished{UnmaskOutcome{finish.result_digest, finish.result_bytes}});
    return absl::OkStatus();
  }

  // ---- What is in the sum ----

  absl::Status ApplyCounted() {
    MaskedInputPhase* phase = state_.In<MaskedInputPhase>();
    if (phase == nullptr) return absl::OkStatus();  // Too few shared their keys.
    counted_applied_ = true;
    for (const CountedUpload& upload : counted_) {
      const absl::Status status = CountOne(*phase, PositionOf(upload.from), upload.digest);
      if (!status.ok()) return status;
    }
    if (!ended_ || !counted_.empty()) return absl::OkStatus();
    // The checkpoint goes with the session's end; who was in it stays.
    const auto freeze = std::find_if(operations_.begin(), operations_.end(), [](const auto& one) {
      return std::holds_alternative<FreezeSurvivors>(one);
    });
    if (freeze == operations_.end()) return absl::OkStatus();
    const auto survivors = crypto::DecodeBitmap(
        crypto::AsBytes(std::get<FreezeSurvivors>(*freeze).survivors), state_.cohort->clients());
    if (!survivors.ok()) return survivors.status();
    for (uint32_t position = 0; position < survivors->size(); ++position) {
      if (!(*survivors)[position]) continue;
      const absl::Status status = CountOne(*phase, position, kUnknownDigest);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status CountOne(MaskedInputPhase& phase, std::optional<uint32_t> position,
                        const Digest& digest) {
    if (!position.has_value() || !phase.delivery->sharers[*position] ||
        phase.uploads[*position] != UploadState::kNone) {
      return absl::DataLossError("an input is in the sum that cannot be");
    }
    state_.MemberAt(*position).AcceptedIn(Phase::kMaskedInputCollection) = digest;
    Count(state_, phase, *position);
    return absl::OkStatus();
  }

  std::optional<uint32_t> PositionOf(const IdentityPublicKey& identity) const {
    return state_.cohort.has_value() ? state_.cohort->PositionOf(identity) : std::nullopt;
  }

  SessionState& state_;
  const absl::Span<const Operation> operations_;
  const absl::Span<const CountedUpload> counted_;
  const bool ended_;
  bool counted_applied_ = false;
  size_t next_ = 0;
  std::string refusal_;  // Of what was played last.
  std::optional<PhaseStarted> started_;
  std::optional<Unmask> unmask_;
};

}  // namespace

absl::StatusOr<SessionProtocol::Restored> SessionProtocol::Restore(
    SessionOptions options, absl::Span<const Operation> operations,
    absl::Span<const CountedUpload> counted) {
  absl::StatusOr<std::unique_ptr<SessionState>> state = NewState(std::move(options));
  if (!state.ok()) return state.status();
  const bool persists = std::exchange((*state)->options.persists, true);
  (*state)->replaying = true;
  Replay replay(**state, operations, counted);
  const absl::Status status = replay.Run();
  if (!status.ok()) return status;
  (*state)->replaying = false;
  (*state)->options.persists = persists;
  Effects pending = replay.Pending();
  return Restored{SessionProtocol(*std::move(state)), std::move(replay.history),
                  std::move(pending)};
}

}  // namespace veilsum::aggregator
