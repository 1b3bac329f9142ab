// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// docs/protocol.md, "Round 0, AdvertiseKeys", up to the client's entry.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/rounds.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/key_schedule.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/validate.h"

namespace veilsum::client {
namespace {

// "A client checks the header (well-formed, supported, …": what does not depend on the caller.
absl::Status CheckWellFormed(const v1::SessionOffer& offer, v1::SessionHeader& header) {
  if (offer.header().size() > limits::kMaxHeaderBytes || !header.ParseFromString(offer.header())) {
    return Declined(v1::REASON_HEADER_REFUSED, "the session header does not parse");
  }
  if (header.protocol_version() != limits::kProtocolVersion) {
    return Declined(v1::REASON_UNSUPPORTED,
                    absl::StrCat("the session speaks protocol version ", header.protocol_version(),
                                 ", this client version ", limits::kProtocolVersion));
  }
  const absl::Status valid = v1::ValidateHeader(header);
  if (!valid.ok()) return Declined(v1::REASON_HEADER_REFUSED, valid.message());
  return absl::OkStatus();
}

// "… not weaker than its own policy, the model it trained)".
absl::Status CheckWanted(const SessionContext& context, const v1::SessionHeader& header) {
  if (header.task_id() != context.task_id) {
    return Declined(v1::REASON_HEADER_REFUSED,
                    absl::StrCat("the session is of task '", header.task_id(),
                                 "', this client joined task '", context.task_id, "'"));
  }
  absl::Status allowed = CheckHeader(context.policy, header, context.model_hash);
  if (!allowed.ok()) return allowed;
  return CheckNotAnswered(context, header);
}

OwnKeys MakeKeys(crypto::SessionSecret secret, const crypto::Digest& header_hash) {
  crypto::ChannelKeyPair channel = crypto::DeriveChannelKeyPair(secret, header_hash);
  crypto::MaskPrivateSeed m = crypto::DeriveMaskPrivateSeed(secret, header_hash);
  crypto::MaskKeyPair mask = crypto::DeriveMaskKeyPair(m);
  crypto::SelfMaskSeed b = crypto::DeriveSelfMaskSeed(secret, header_hash);
  return OwnKeys{std::move(secret), std::move(channel), std::move(m),
                 std::move(mask),   std::move(b),       crypto::Digest{}};
}

std::string EncodeEntry(const OwnKeys& keys, const SessionContext& context) {
  const crypto::IdentityPublicKey& identity = context.identity->public_key();
  v1::AdvertiseKeysEntry entry;
  entry.set_identity(crypto::ToString(identity.bytes()));
  entry.set_channel_public_key(crypto::ToString(keys.channel.public_key.bytes()));
  entry.set_mask_public_key(crypto::ToString(keys.mask.public_key.bytes()));
  entry.set_self_mask_commitment(
      crypto::ToString(crypto::SelfMaskCommitment(context.header_hash, identity, keys.b)));
  entry.set_enrolment_signature(context.enrolment_signature);
  return entry.SerializeAsString();
}

}  // namespace

absl::Status Declined(v1::Reason reason, absl::string_view text) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, text);
}

absl::Status CheckNotAnswered(const SessionContext& context, const v1::SessionHeader& header) {
  if (context.answered == nullptr || header.model_hash().empty()) return absl::OkStatus();
  crypto::Digest model_hash;  // Validated to be 32 bytes.
  std::copy_n(header.model_hash().begin(), model_hash.size(), model_hash.begin());
  if (!context.answered(model_hash)) return absl::OkStatus();
  return Declined(v1::REASON_ALREADY_ANSWERED,
                  absl::StrCat("the session is of task '", header.task_id(),
                               "' and of a model for which this client has helped unmask a sum; it "
                               "insists on doing so once for each model"));
}

absl::StatusOr<AwaitingRoster> AdvertiseKeys(AwaitingOffer phase, const v1::SessionOffer& offer,
                                             SessionContext& context, Effects& effects) {
  v1::SessionHeader header;
  absl::Status status = CheckWellFormed(offer, header);
  if (!status.ok()) return status;
  status = CheckWanted(context, header);
  if (!status.ok()) return status;
  context.header = std::move(header);
  // Of the bytes as they travelled.
  context.header_hash = crypto::HeaderHash(crypto::AsBytes(offer.header()));

  OwnKeys keys = MakeKeys(std::move(phase.session_secret), context.header_hash);
  Send send;
  v1::AdvertiseKeys& message = *send.message.mutable_advertise_keys();
  message.set_entry(EncodeEntry(keys, context));
  keys.entry_hash = crypto::EntryHash(crypto::AsBytes(message.entry()));
  message.set_signature(crypto::ToString(
      crypto::Sign(*context.identity, crypto::kLabelEntrySignature,
                   crypto::EntrySignatureDigest(context.header_hash, keys.entry_hash))
          .bytes()));
  effects.push_back(std::move(send));
  return AwaitingRoster{std::move(keys)};
}

}  // namespace veilsum::client
