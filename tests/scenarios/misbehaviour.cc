// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/misbehaviour.h"

namespace veilsum::scenarios {

v1::Round RoundOf(Misbehaviour misbehaviour) {
  if (misbehaviour <= Misbehaviour::kForgedEntrySignature) return v1::ROUND_ADVERTISE_KEYS;
  if (misbehaviour <= Misbehaviour::kInconsistentShares) return v1::ROUND_SHARE_KEYS;
  if (misbehaviour <= Misbehaviour::kForgedUploadClose) {
    return v1::ROUND_MASKED_INPUT_COLLECTION;
  }
  if (misbehaviour <= Misbehaviour::kSilentSigner) return v1::ROUND_CONSISTENCY_CHECK;
  if (misbehaviour <= Misbehaviour::kForgedUnmasking) return v1::ROUND_UNMASKING;
  return v1::ROUND_SHARE_KEYS;
}

std::string NameOf(Misbehaviour misbehaviour) {
  switch (misbehaviour) {
    case Misbehaviour::kNone:
      return "None";
    case Misbehaviour::kShortKey:
      return "ShortKey";
    case Misbehaviour::kLongEntry:
      return "LongEntry";
    case Misbehaviour::kGarbageEntry:
      return "GarbageEntry";
    case Misbehaviour::kZeroKey:
      return "ZeroKey";
    case Misbehaviour::kSmallOrderKey:
      return "SmallOrderKey";
    case Misbehaviour::kNonCanonicalKey:
      return "NonCanonicalKey";
    case Misbehaviour::kOneKeyForBoth:
      return "OneKeyForBoth";
    case Misbehaviour::kCopiedKey:
      return "CopiedKey";
    case Misbehaviour::kAnothersIdentity:
      return "AnothersIdentity";
    case Misbehaviour::kForgedEntrySignature:
      return "ForgedEntrySignature";
    case Misbehaviour::kOmittedShare:
      return "OmittedShare";
    case Misbehaviour::kSurplusShare:
      return "SurplusShare";
    case Misbehaviour::kRepeatedShare:
      return "RepeatedShare";
    case Misbehaviour::kUnorderedShares:
      return "UnorderedShares";
    case Misbehaviour::kNoShares:
      return "NoShares";
    case Misbehaviour::kSealedForItself:
      return "SealedForItself";
    case Misbehaviour::kShortCiphertext:
      return "ShortCiphertext";
    case Misbehaviour::kGarbageShareKeys:
      return "GarbageShareKeys";
    case Misbehaviour::kCorruptedCiphertext:
      return "CorruptedCiphertext";
    case Misbehaviour::kAllCorrupted:
      return "AllCorrupted";
    case Misbehaviour::kSwappedDigests:
      return "SwappedDigests";
    case Misbehaviour::kForgedShareSignature:
      return "ForgedShareSignature";
    case Misbehaviour::kInconsistentShares:
      return "InconsistentShares";
    case Misbehaviour::kUploadTooLong:
      return "UploadTooLong";
    case Misbehaviour::kUploadTooShort:
      return "UploadTooShort";
    case Misbehaviour::kUploadCutShort:
      return "UploadCutShort";
    case Misbehaviour::kUploadOverlong:
      return "UploadOverlong";
    case Misbehaviour::kUploadGap:
      return "UploadGap";
    case Misbehaviour::kUploadFlippedBit:
      return "UploadFlippedBit";
    case Misbehaviour::kUploadOtherDigest:
      return "UploadOtherDigest";
    case Misbehaviour::kUploadDirtyPadding:
      return "UploadDirtyPadding";
    case Misbehaviour::kForgedUploadOpen:
      return "ForgedUploadOpen";
    case Misbehaviour::kForgedUploadClose:
      return "ForgedUploadClose";
    case Misbehaviour::kWrongShareKind:
      return "WrongShareKind";
    case Misbehaviour::kSelfShareOfDropout:
      return "SelfShareOfDropout";
    case Misbehaviour::kShareForStranger:
      return "ShareForStranger";
    case Misbehaviour::kShareForSilentClient:
      return "ShareForSilentClient";
    case Misbehaviour::kShareTwice:
      return "ShareTwice";
    case Misbehaviour::kShortShare:
      return "ShortShare";
    case Misbehaviour::kFlippedShareBit:
      return "FlippedShareBit";
    case Misbehaviour::kTruncatedUnmasking:
      return "TruncatedUnmasking";
    case Misbehaviour::kNoShareAtAll:
      return "NoShareAtAll";
    case Misbehaviour::kForgedUnmasking:
      return "ForgedUnmasking";
    case Misbehaviour::kForgedSurvivorSignature:
      return "ForgedSurvivorSignature";
    case Misbehaviour::kSignsOtherSurvivors:
      return "SignsOtherSurvivors";
    case Misbehaviour::kShortSurvivorSignature:
      return "ShortSurvivorSignature";
    case Misbehaviour::kSilentSigner:
      return "SilentSigner";
    case Misbehaviour::kUnsetMessage:
      return "UnsetMessage";
    case Misbehaviour::kTooEarly:
      return "TooEarly";
    case Misbehaviour::kTooLate:
      return "TooLate";
    case Misbehaviour::kAgain:
      return "Again";
    case Misbehaviour::kConflicting:
      return "Conflicting";
    case Misbehaviour::kOtherEntry:
      return "OtherEntry";
    case Misbehaviour::kConsistencyCheck:
      return "ConsistencyCheck";
    case Misbehaviour::kAfterTheEnd:
      return "AfterTheEnd";
    case Misbehaviour::kStranger:
      return "Stranger";
  }
  return "Unknown";
}

}  // namespace veilsum::scenarios
