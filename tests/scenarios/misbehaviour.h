// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Every way in which a scenario's client can lie. tampering.h carries them out.
#ifndef VEILSUM_TESTS_SCENARIOS_MISBEHAVIOUR_H_
#define VEILSUM_TESTS_SCENARIOS_MISBEHAVIOUR_H_

#include <string>

#include "proto/participant.pb.h"

namespace veilsum::scenarios {

// Signed again with the client's own identity unless the name says otherwise, so that what is
// tested is the check behind the signature.
enum class Misbehaviour {
  kNone,

  // Round 0, AdvertiseKeys.
  kShortKey,              // A channel key of 31 bytes.
  kLongEntry,             // An entry that goes on and on.
  kGarbageEntry,          // Random bytes of the right length.
  kZeroKey,               // The point of order 1, encoded as zeros.
  kSmallOrderKey,         // A point of order 8.
  kNonCanonicalKey,       // 2^255 − 1: the same point as another string.
  kOneKeyForBoth,         // Channel key and mask key are the same.
  kCopiedKey,             // The mask key of another client.
  kAnothersIdentity,      // An entry that names another client.
  kForgedEntrySignature,  // Signed by somebody else.

  // Round 1, ShareKeys.
  kOmittedShare,          // All neighbours but one.
  kSurplusShare,          // One more, for a position that does not exist.
  kRepeatedShare,         // One place twice instead of the next one.
  kUnorderedShares,       // Descending.
  kNoShares,              // An empty list.
  kSealedForItself,       // A ciphertext in the dealer's own place.
  kShortCiphertext,       // One byte less.
  kGarbageShareKeys,      // A body of random bytes.
  kCorruptedCiphertext,   // One bit of one ciphertext: its holder cannot open it.
  kAllCorrupted,          // One bit of every ciphertext: nobody can.
  kSwappedDigests,        // The digests of m's and b's share of one place exchanged.
  kForgedShareSignature,  // Signed by somebody else.
  kInconsistentShares,    // Well sealed, matching their digests, but shares of m for those of b.

  // Round 2, MaskedInputCollection.
  kUploadTooLong,       // UploadOpen announces one byte more.
  kUploadTooShort,      // … and one byte less.
  kUploadCutShort,      // Closes before the last byte.
  kUploadOverlong,      // Sends more bytes than it announced.
  kUploadGap,           // Leaves bytes out in the middle.
  kUploadFlippedBit,    // One bit is not what was signed.
  kUploadOtherDigest,   // Signs another digest than that of its bytes.
  kUploadDirtyPadding,  // Signed well, but bits after the last element are set.
  kForgedUploadOpen,    // Signed by somebody else.
  kForgedUploadClose,   // Signed by somebody else.

  // Round 3, ConsistencyCheck.
  kForgedSurvivorSignature,  // Signed by somebody else.
  kSignsOtherSurvivors,      // A good signature of a set without somebody who survived.
  kShortSurvivorSignature,   // 63 bytes.
  kSilentSigner,             // Says nothing, and answers in Unmasking all the same.

  // Round 4, Unmasking.
  kWrongShareKind,        // The share of m of a survivor.
  kSelfShareOfDropout,    // The share of b of a client that never uploaded.
  kShareForStranger,      // A share of a position outside the roster.
  kShareForSilentClient,  // A share of a client that never shared its keys.
  kShareTwice,            // The same owner twice.
  kShortShare,            // A share of 39 bytes.
  kFlippedShareBit,       // One bit of one share.
  kTruncatedUnmasking,    // A body that ends in the middle.
  kNoShareAtAll,          // An empty list: allowed, but of no use.
  kForgedUnmasking,       // Signed by somebody else.

  // Beside what it ought to say, at a moment when that is out of place. The honest message follows.
  kUnsetMessage,      // With ShareKeys, a message without content.
  kTooEarly,          // Unmasking with ShareKeys.
  kTooLate,           // ShareKeys with Unmasking, where its own was accepted before: a conflict.
  kAgain,             // ShareKeys twice: no harm.
  kConflicting,       // A second ShareKeys with other bytes.
  kOtherEntry,        // A second AdvertiseKeys with other keys.
  kConsistencyCheck,  // One with ShareKeys; the semi-honest tier does not have that round at all.
  kAfterTheEnd,       // Another Unmasking once the result is there.

  // No seat at all.
  kStranger,  // Not on the list of those who may take part.
};

// The round whose message it bends; that of the honest message it comes with, if out of turn.
v1::Round RoundOf(Misbehaviour misbehaviour);

// "CopiedKey".
std::string NameOf(Misbehaviour misbehaviour);

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_MISBEHAVIOUR_H_
