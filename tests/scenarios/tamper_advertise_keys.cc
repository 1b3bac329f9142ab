// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Lies of round 0.

#include "absl/strings/escaping.h"
#include "crypto/primitives/labels.h"
#include "tests/scenarios/tampering.h"

namespace veilsum::scenarios {
namespace {

// A point of order 8 (Bernstein, "Curve25519: points of small order").
constexpr char kOrderEightHex[] =
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";

// True: the entry is to be signed as it is now.
bool TamperEntry(Misbehaviour how, const Knowledge& knowledge,
                 const std::optional<v1::AdvertiseKeysEntry>& others,
                 v1::AdvertiseKeysEntry& entry) {
  switch (how) {
    case Misbehaviour::kShortKey:
      entry.mutable_channel_public_key()->pop_back();
      return true;
    case Misbehaviour::kZeroKey:
      entry.set_mask_public_key(std::string(32, '\0'));
      return true;
    case Misbehaviour::kSmallOrderKey:
      entry.set_channel_public_key(absl::HexStringToBytes(kOrderEightHex));
      return true;
    case Misbehaviour::kNonCanonicalKey:
      entry.set_mask_public_key(std::string(31, '\xFF') + '\x7F');
      return true;
    case Misbehaviour::kOneKeyForBoth:
      entry.set_mask_public_key(entry.channel_public_key());
      return true;
    case Misbehaviour::kCopiedKey:
      if (!others.has_value()) return false;
      entry.set_mask_public_key(others->mask_public_key());
      return true;
    case Misbehaviour::kAnothersIdentity:
      entry.set_identity(crypto::ToString(knowledge.somebody_else->public_key().bytes()));
      return true;
    default:
      return how == Misbehaviour::kForgedEntrySignature;
  }
}

}  // namespace

void TamperAdvertiseKeys(Misbehaviour how, const Knowledge& knowledge,
                         const std::optional<v1::AdvertiseKeysEntry>& others,
                         v1::AdvertiseKeys& message) {
  v1::AdvertiseKeysEntry entry;
  entry.ParseFromString(message.entry());
  if (how == Misbehaviour::kGarbageEntry) {
    message.set_entry(std::string(message.entry().size(), '\xA5'));
  } else if (how == Misbehaviour::kLongEntry) {
    message.mutable_entry()->resize(100'000, 'x');
  } else if (TamperEntry(how, knowledge, others, entry)) {
    message.set_entry(entry.SerializeAsString());
  } else {
    return;
  }
  const bool forged = how == Misbehaviour::kForgedEntrySignature;
  message.set_signature(crypto::ToString(
      crypto::Sign(forged ? *knowledge.somebody_else : *knowledge.identity,
                   crypto::kLabelEntrySignature,
                   crypto::EntrySignatureDigest(
                       knowledge.header_hash, crypto::EntryHash(crypto::AsBytes(message.entry()))))
          .bytes()));
}

}  // namespace veilsum::scenarios
