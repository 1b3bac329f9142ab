// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/field_check.h"
#include "proto/limits.h"
#include "proto/validate.h"

namespace veilsum::v1 {
namespace {

void CheckCount(FieldCheck& check, absl::string_view list, int count) {
  check.Range(list, static_cast<uint64_t>(count), 0, limits::kMaxClients);
}

// Ascending positions without repeats, below kMaxClients.
class AscendingPositions {
 public:
  void Check(FieldCheck& check, absl::string_view field, uint32_t position) {
    check.Range(field, position, 0, limits::kMaxClients - 1)
        .Require(first_ || position > last_, field, "must be greater than the one before it");
    first_ = false;
    last_ = position;
  }

 private:
  bool first_ = true;
  uint32_t last_ = 0;
};

void CheckBitmap(FieldCheck& check, absl::string_view field, const std::string& bitmap,
                 uint32_t clients) {
  check.Bytes(field, bitmap, (clients + 7) / 8);
  const uint32_t used = clients % 8;
  if (check.ok() && used != 0) {
    check.Require((static_cast<uint8_t>(bitmap.back()) >> used) == 0, field,
                  "has bits set for positions that do not exist");
  }
}

void CheckSealedShares(FieldCheck& check, const SealedShares& shares) {
  check.Bytes("ciphertext", shares.ciphertext(), limits::kSealedSharesBytes)
      .Bytes("mask_key_share_digest", shares.mask_key_share_digest(), limits::kDigestBytes)
      .Bytes("self_mask_share_digest", shares.self_mask_share_digest(), limits::kDigestBytes);
}

void CheckOwnShare(FieldCheck& check, const SealedShares& shares) {
  check
      .Require(shares.mask_key_share_digest().empty(), "mask_key_share_digest",
               "must be absent where there is no ciphertext")
      .Bytes("self_mask_share_digest", shares.self_mask_share_digest(), limits::kDigestBytes);
}

}  // namespace

absl::Status ValidateHello(const Hello& hello) {
  FieldCheck check("hello");
  if (hello.protocol_version() != limits::kProtocolVersion) {
    check.Fail("protocol_version", absl::StrCat("must be ", limits::kProtocolVersion, ", is ",
                                                hello.protocol_version()));
  }
  check.Bytes("identity", hello.identity(), limits::kIdentityBytes)
      .Part(ValidateTaskId(hello.task_id()))
      .BytesOrAbsent("session_id", hello.session_id(), limits::kSessionIdBytes)
      .Require(Outcome_IsValid(hello.last_outcome()), "last_outcome", "is no known outcome")
      .Bytes("signature", hello.signature(), limits::kSignatureBytes);
  return std::move(check).status();
}

absl::Status ValidateWithdraw(const Withdraw& withdraw) {
  FieldCheck check("withdraw");
  check.AtMostBytes("detail", withdraw.detail(), limits::kMaxDetailBytes);
  return std::move(check).status();
}

absl::Status ValidateAdvertiseKeys(const AdvertiseKeys& message) {
  FieldCheck check("advertise_keys");
  const bool enrolled = message.entry().size() > limits::kEntryBytes;
  check.Bytes("entry", message.entry(), enrolled ? limits::kMaxEntryBytes : limits::kEntryBytes)
      .Bytes("signature", message.signature(), limits::kSignatureBytes);
  return std::move(check).status();
}

absl::Status ValidateAdvertiseKeysEntry(const AdvertiseKeysEntry& entry) {
  FieldCheck check("entry");
  check.Bytes("identity", entry.identity(), limits::kIdentityBytes)
      .Bytes("channel_public_key", entry.channel_public_key(), limits::kPublicKeyBytes)
      .Bytes("mask_public_key", entry.mask_public_key(), limits::kPublicKeyBytes)
      .Bytes("self_mask_commitment", entry.self_mask_commitment(), limits::kDigestBytes)
      .BytesOrAbsent("enrolment_signature", entry.enrolment_signature(), limits::kSignatureBytes);
  return std::move(check).status();
}

absl::Status ValidateRoster(const Roster& roster) {
  FieldCheck check("roster");
  CheckCount(check, "seats", roster.seats_size());
  for (int i = 0; i < roster.seats_size() && check.ok(); ++i) {
    FieldCheck seat("seats", i);
    seat.Bytes("identity", roster.seats(i).identity(), limits::kIdentityBytes)
        .Bytes("entry_hash", roster.seats(i).entry_hash(), limits::kDigestBytes);
    check.Part(std::move(seat).status());
  }
  return std::move(check).status();
}

absl::Status ValidateNeighbourEntries(const NeighbourEntries& entries) {
  FieldCheck check("neighbours");
  CheckCount(check, "neighbours", entries.neighbours_size());
  AscendingPositions positions;
  for (int i = 0; i < entries.neighbours_size() && check.ok(); ++i) {
    FieldCheck neighbour("neighbours", i);
    positions.Check(neighbour, "position", entries.neighbours(i).position());
    if (neighbour.ok()) neighbour.Part(ValidateAdvertiseKeys(entries.neighbours(i).advertised()));
    check.Part(std::move(neighbour).status());
  }
  return std::move(check).status();
}

absl::Status ValidateSignedMessage(const SignedMessage& message) {
  FieldCheck check("message");
  check.AtMostBytes("body", message.body(), limits::kMaxMessageBytes)
      .Bytes("signature", message.signature(), limits::kSignatureBytes);
  return std::move(check).status();
}

absl::Status ValidateShareKeys(const ShareKeys& body) {
  FieldCheck check("share_keys");
  CheckCount(check, "shares", body.shares_size());
  AscendingPositions positions;
  bool own_seen = false;
  for (int i = 0; i < body.shares_size() && check.ok(); ++i) {
    const SealedShares& shares = body.shares(i);
    FieldCheck place("shares", i);
    positions.Check(place, "peer", shares.peer());
    if (shares.ciphertext().empty()) {
      place.Require(!own_seen, "ciphertext", "must be there but for the dealer's own place");
      own_seen = true;
      CheckOwnShare(place, shares);
    } else {
      CheckSealedShares(place, shares);
    }
    check.Part(std::move(place).status());
  }
  return std::move(check).status();
}

absl::Status ValidateDeliveredShares(const DeliveredShares& message, uint32_t clients) {
  FieldCheck check("shares");
  CheckBitmap(check, "sharers", message.sharers(), clients);
  check.Range("shares", static_cast<uint64_t>(message.shares_size()), 0, clients);
  AscendingPositions positions;
  for (int i = 0; i < message.shares_size() && check.ok(); ++i) {
    FieldCheck place("shares", i);
    positions.Check(place, "peer", message.shares(i).peer());
    CheckSealedShares(place, message.shares(i));
    check.Part(std::move(place).status());
  }
  return std::move(check).status();
}

absl::Status ValidateSurvivorSet(const SurvivorSet& message, uint32_t clients) {
  FieldCheck check("survivors");
  CheckBitmap(check, "survivors", message.survivors(), clients);
  return std::move(check).status();
}

absl::Status ValidateConsistencyCheck(const ConsistencyCheck& message) {
  FieldCheck check("consistency_check");
  check.Bytes("survivor_root_signature", message.survivor_root_signature(),
              limits::kSignatureBytes);
  return std::move(check).status();
}

absl::Status ValidateConsistencySignatures(const ConsistencySignatures& message, uint32_t clients) {
  FieldCheck check("consistency");
  check.Range("signatures", static_cast<uint64_t>(message.signatures_size()), 0, clients);
  AscendingPositions positions;
  for (int i = 0; i < message.signatures_size() && check.ok(); ++i) {
    FieldCheck place("signatures", i);
    positions.Check(place, "position", message.signatures(i).position());
    place.Bytes("survivor_root_signature", message.signatures(i).survivor_root_signature(),
                limits::kSignatureBytes);
    check.Part(std::move(place).status());
  }
  return std::move(check).status();
}

absl::Status ValidateUnmasking(const Unmasking& body) {
  FieldCheck check("unmasking");
  CheckCount(check, "shares", body.shares_size());
  AscendingPositions positions;
  for (int i = 0; i < body.shares_size() && check.ok(); ++i) {
    const RevealedShare& share = body.shares(i);
    FieldCheck place("shares", i);
    positions.Check(place, "owner", share.owner());
    switch (share.share_case()) {
      case RevealedShare::kSelfMaskShare:
        place.Bytes("self_mask_share", share.self_mask_share(), limits::kShareBytes);
        break;
      case RevealedShare::kMaskKeyShare:
        place.Bytes("mask_key_share", share.mask_key_share(), limits::kShareBytes);
        break;
      case RevealedShare::SHARE_NOT_SET:
        place.Require(false, "share", "must be there");
        break;
    }
    check.Part(std::move(place).status());
  }
  return std::move(check).status();
}

absl::Status ValidateSessionResult(const SessionResult& message) {
  FieldCheck check("result");
  check.Range("included", message.included(), limits::kMinSurvivors, limits::kMaxClients)
      .Bytes("survivor_root", message.survivor_root(), limits::kDigestBytes)
      .BytesOrAbsent("result_digest", message.result_digest(), limits::kDigestBytes);
  return std::move(check).status();
}

absl::Status ValidateUploadOpen(const UploadOpen& open) {
  FieldCheck check("open");
  check.Bytes("session_id", open.session_id(), limits::kSessionIdBytes)
      .Bytes("identity", open.identity(), limits::kIdentityBytes)
      .Bytes("signature", open.signature(), limits::kSignatureBytes);
  return std::move(check).status();
}

absl::Status ValidateUploadClose(const UploadClose& close) {
  FieldCheck check("close");
  check.Bytes("digest", close.digest(), limits::kDigestBytes)
      .Bytes("signature", close.signature(), limits::kSignatureBytes);
  return std::move(check).status();
}

absl::Status ValidateDownloadResultRequest(const DownloadResultRequest& request) {
  FieldCheck check("request");
  check.Bytes("session_id", request.session_id(), limits::kSessionIdBytes)
      .Bytes("identity", request.identity(), limits::kIdentityBytes)
      .Bytes("signature", request.signature(), limits::kSignatureBytes);
  return std::move(check).status();
}

}  // namespace veilsum::v1
