// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/operation_record.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "aggregator/store/operation_record.pb.h"
#include "aggregator/store/store_error.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::aggregator {
namespace {

using crypto::IdentityPublicKey;

// The first byte of a slot. On disk: never change one.
enum Kind : uint8_t { kMessage = 1, kDrop = 2, kClose = 3, kFreeze = 4, kFinish = 5, kKeep = 6 };
constexpr uint8_t kNoPhase = 0xff;
constexpr size_t kWhose = 2;  // Where a slot goes on after kind and phase.

std::string Slot(Kind kind, uint8_t phase, crypto::ByteSpan whose = {}) {
  std::string slot = {static_cast<char>(kind), static_cast<char>(phase)};
  absl::StrAppend(&slot, crypto::AsStringView(whose));
  return slot;
}
std::string Slot(Kind kind, Phase phase, crypto::ByteSpan whose = {}) {
  return Slot(kind, static_cast<uint8_t>(phase), whose);
}

OperationRecord WithDigest(std::string slot, std::string bytes) {
  const crypto::Digest digest = crypto::Sha256(crypto::AsBytes(bytes));
  return {std::move(slot), digest, std::move(bytes)};
}

// Of operations of which there may be several.
OperationRecord WithDigestInSlot(std::string slot, std::string bytes) {
  OperationRecord record = WithDigest(std::move(slot), std::move(bytes));
  absl::StrAppend(&record.slot, crypto::AsStringView(record.digest));
  return record;
}

OperationRecord Encode(const PutMessage& message) {
  return {Slot(kMessage, message.phase, message.from.bytes()), message.digest, message.bytes};
}

OperationRecord Encode(const DropClient& drop) {
  store::DropClientRecord record;
  record.set_reason(drop.reason);
  record.set_detail(drop.detail);
  record.set_refusal_reason(drop.refusal_reason);
  record.set_refusal_detail(drop.refusal_detail);
  return WithDigestInSlot(Slot(kDrop, drop.phase, drop.who.bytes()), record.SerializeAsString());
}

OperationRecord Encode(const ClosePhase& close) {
  store::ClosePhaseRecord record;
  record.set_answered(close.answered);
  return WithDigest(Slot(kClose, close.phase), record.SerializeAsString());
}

OperationRecord Encode(const KeepCheckpoint& keep) {
  store::KeepCheckpointRecord record;
  record.set_generation(keep.generation);
  return WithDigestInSlot(Slot(kKeep, kNoPhase), record.SerializeAsString());
}

OperationRecord Encode(const FreezeSurvivors& freeze) {
  store::FreezeSurvivorsRecord record;
  record.set_survivors(freeze.survivors);
  if (freeze.survivor_root) record.set_survivor_root(crypto::ToString(*freeze.survivor_root));
  record.set_checkpoint(freeze.checkpoint);
  return WithDigest(Slot(kFreeze, kNoPhase), record.SerializeAsString());
}

OperationRecord Encode(const FinishSession& finish) {
  store::FinishSessionRecord record;
  record.set_reason(finish.reason);
  record.set_detail(finish.detail);
  if (finish.blamed) record.set_blamed(crypto::ToString(finish.blamed->bytes()));
  record.set_result_digest(crypto::ToString(finish.result_digest));
  record.set_result_bytes(finish.result_bytes);
  return WithDigest(Slot(kFinish, kNoPhase), record.SerializeAsString());
}

absl::Status Damaged(absl::string_view what) {
  return StoreError(absl::StatusCode::kDataLoss,
                    absl::StrCat("a stored operation is damaged: ", what));
}

bool CopyDigest(const std::string& bytes, crypto::Digest& digest) {
  if (bytes.size() != digest.size()) return false;
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return true;
}

absl::StatusOr<Operation> DecodeDrop(const OperationRecord& record, Phase phase) {
  constexpr size_t kSlotBytes = kWhose + IdentityPublicKey::kSize + sizeof(crypto::Digest);
  store::DropClientRecord drop;
  if (record.slot.size() != kSlotBytes || !drop.ParseFromString(record.bytes)) {
    return Damaged("the loss of a seat");
  }
  const auto who = IdentityPublicKey::Parse(
      crypto::AsBytes(record.slot).subspan(kWhose, IdentityPublicKey::kSize));
  if (!who.ok()) return Damaged("who lost a seat");
  return DropClient{*who,
                    phase,
                    static_cast<v1::Reason>(drop.reason()),
                    drop.detail(),
                    static_cast<v1::Reason>(drop.refusal_reason()),
                    drop.refusal_detail()};
}

absl::StatusOr<Operation> DecodeClose(const OperationRecord& record, Phase phase) {
  store::ClosePhaseRecord close;
  if (!close.ParseFromString(record.bytes)) return Damaged("the closing of a phase");
  return ClosePhase{phase, close.answered()};
}

absl::StatusOr<Operation> DecodeKeep(const OperationRecord& record) {
  store::KeepCheckpointRecord keep;
  if (!keep.ParseFromString(record.bytes)) return Damaged("a checkpoint's generation");
  return KeepCheckpoint{keep.generation()};
}

absl::StatusOr<Operation> DecodeFreeze(const OperationRecord& record) {
  store::FreezeSurvivorsRecord freeze;
  if (!freeze.ParseFromString(record.bytes)) return Damaged("the survivors");
  FreezeSurvivors operation{freeze.survivors(), std::nullopt, freeze.checkpoint()};
  if (!freeze.survivor_root().empty() &&
      !CopyDigest(freeze.survivor_root(), operation.survivor_root.emplace())) {
    return Damaged("the root of the survivors");
  }
  return operation;
}

absl::StatusOr<Operation> DecodeFinish(const OperationRecord& record) {
  store::FinishSessionRecord finish;
  FinishSession operation;
  if (!finish.ParseFromString(record.bytes) ||
      !CopyDigest(finish.result_digest(), operation.result_digest)) {
    return Damaged("the session's end");
  }
  operation.reason = static_cast<v1::Reason>(finish.reason());
  operation.detail = finish.detail();
  operation.result_bytes = finish.result_bytes();
  if (!finish.blamed().empty()) {
    const auto blamed = IdentityPublicKey::Parse(crypto::AsBytes(finish.blamed()));
    if (!blamed.ok()) return Damaged("who is to blame");
    operation.blamed = *blamed;
  }
  return operation;
}

}  // namespace

OperationRecord ToRecord(const Operation& operation) {
  return std::visit([](const auto& one) { return Encode(one); }, operation);
}

absl::StatusOr<Operation> FromRecord(const OperationRecord& record) {
  if (record.slot.size() < kWhose) return Damaged("its place");
  const auto kind = static_cast<uint8_t>(record.slot[0]);
  const auto number = static_cast<uint8_t>(record.slot[1]);
  const bool phased = kind == kMessage || kind == kDrop || kind == kClose;
  if (phased ? number > static_cast<uint8_t>(Phase::kUnmasking) : number != kNoPhase) {
    return Damaged("its phase");
  }
  const auto phase = static_cast<Phase>(number);
  switch (kind) {
    case kMessage: {
      const auto from = IdentityPublicKey::Parse(crypto::AsBytes(record.slot).subspan(kWhose));
      if (!from.ok()) return Damaged("a message's sender");
      return PutMessage{phase, *from, record.digest, record.bytes};
    }
    case kDrop:
      return DecodeDrop(record, phase);
    case kClose:
      return DecodeClose(record, phase);
    case kKeep:
      return DecodeKeep(record);
    case kFreeze:
      return DecodeFreeze(record);
    case kFinish:
      return DecodeFinish(record);
    default:
      return Damaged("its kind");
  }
}

std::string MessageSlots(Phase phase) { return Slot(kMessage, phase); }

bool IsErasedAtTheEnd(absl::string_view slot) {
  return std::any_of(std::begin(kErasedPhases), std::end(kErasedPhases), [&](Phase phase) {
    return slot.substr(0, kWhose) == absl::string_view(MessageSlots(phase));
  });
}

}  // namespace veilsum::aggregator
