// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/transcript/transcript.h"

#include <string>
#include <vector>

#include "crypto/primitives/identity.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/bitmap.h"
#include "crypto/transcript/key_schedule.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

IdentityPublicKey Identity(uint8_t fill) {
  return IdentityKeyPair::FromSeed(IdentityPrivateKey::FromBytes(Bytes(32, fill)).value())
      .public_key();
}

SessionSecret SecretOf(uint8_t fill) { return SessionSecret::FromBytes(Bytes(32, fill)).value(); }

Bytes BytesOf(ByteSpan bytes) { return Bytes(bytes.begin(), bytes.end()); }

const Digest kTranscript = Sha256(AsBytes("transcript"));
const Digest kOtherTranscript = Sha256(AsBytes("another"));

TEST(TranscriptTest, RosterRootDependsOnOrderAndEverySeat) {
  const std::vector<RosterSeat> roster = {{Identity(1), Sha256(AsBytes("one"))},
                                          {Identity(2), Sha256(AsBytes("two"))}};
  const std::vector<RosterSeat> swapped = {roster[1], roster[0]};
  EXPECT_NE(RosterRoot(roster), RosterRoot(swapped));
  EXPECT_NE(RosterRoot(roster), RosterRoot(absl::MakeSpan(roster).first(1)));
  EXPECT_EQ(RosterRoot(roster), RosterRoot(std::vector<RosterSeat>(roster)));
}

TEST(TranscriptTest, MessageDigestBindsTranscriptRoundAndBody) {
  const Digest body = Sha256(AsBytes("body"));
  const Digest digest = MessageSignatureDigest(kTranscript, ProtocolRound::kShareKeys, body);
  EXPECT_NE(digest, MessageSignatureDigest(kOtherTranscript, ProtocolRound::kShareKeys, body));
  EXPECT_NE(digest, MessageSignatureDigest(kTranscript, ProtocolRound::kUnmasking, body));
  EXPECT_NE(digest, MessageSignatureDigest(kTranscript, ProtocolRound::kShareKeys, kTranscript));
}

TEST(TranscriptTest, ShareDigestBindsBothEndsAndTheKind) {
  const Party one{0, Identity(1)}, other{1, Identity(2)};
  const ByteSpan share = AsBytes("share");
  const Digest digest = ShareDigest(kTranscript, one, other, ShareKind::kMaskKey, share);
  EXPECT_NE(digest, ShareDigest(kTranscript, other, one, ShareKind::kMaskKey, share));
  EXPECT_NE(digest, ShareDigest(kTranscript, one, other, ShareKind::kSelfMask, share));
  EXPECT_NE(digest, ShareDigest(kOtherTranscript, one, other, ShareKind::kMaskKey, share));
}

TEST(KeyScheduleTest, EverythingFromOneSecretDiffersAndRepeats) {
  const SessionSecret secret = SecretOf(7);
  const MaskPrivateSeed mask = DeriveMaskPrivateSeed(secret, kTranscript);
  const SelfMaskSeed self = DeriveSelfMaskSeed(secret, kTranscript);
  EXPECT_NE(BytesOf(ExposeSecret(mask)), BytesOf(ExposeSecret(self)));
  EXPECT_EQ(BytesOf(ExposeSecret(mask)),
            BytesOf(ExposeSecret(DeriveMaskPrivateSeed(SecretOf(7), kTranscript))));
  EXPECT_NE(BytesOf(ExposeSecret(mask)),
            BytesOf(ExposeSecret(DeriveMaskPrivateSeed(secret, kOtherTranscript))));
  EXPECT_NE(DeriveChannelKeyPair(secret, kTranscript).public_key.bytes(),
            DeriveMaskKeyPair(mask).public_key.bytes());
}

TEST(KeyScheduleTest, PairwiseSeedIsTheSameForBothEndsAndShareKeysAreNot) {
  const Party one{0, Identity(1)}, other{1, Identity(2)};
  const MaskKeyPair a = DeriveMaskKeyPair(DeriveMaskPrivateSeed(SecretOf(1), kTranscript));
  const MaskKeyPair b = DeriveMaskKeyPair(DeriveMaskPrivateSeed(SecretOf(2), kTranscript));
  const auto from_a = AgreeMask(a, b.public_key);
  const auto from_b = AgreeMask(b, a.public_key);
  ASSERT_TRUE(from_a.ok() && from_b.ok());
  EXPECT_EQ(BytesOf(ExposeSecret(DerivePairwiseSeed(*from_a, kTranscript, one, other))),
            BytesOf(ExposeSecret(DerivePairwiseSeed(*from_b, kTranscript, other, one))));

  const ChannelKeyPair c = DeriveChannelKeyPair(SecretOf(1), kTranscript);
  const ChannelKeyPair d = DeriveChannelKeyPair(SecretOf(2), kTranscript);
  const auto agreed = AgreeChannel(c, d.public_key);
  ASSERT_TRUE(agreed.ok());
  EXPECT_NE(BytesOf(ExposeSecret(DeriveShareKey(*agreed, kTranscript, one, other))),
            BytesOf(ExposeSecret(DeriveShareKey(*agreed, kTranscript, other, one))));
}

TEST(KeyScheduleTest, ExactlyOneEndOfAPairAddsItsMask) {
  EXPECT_TRUE(AddsPairwiseMask(3, 4));
  EXPECT_FALSE(AddsPairwiseMask(4, 3));
}

TEST(BitmapTest, RoundTripsEveryLength) {
  for (size_t size = 0; size < 40; ++size) {
    std::vector<bool> members(size);
    for (size_t i = 0; i < size; ++i) members[i] = (i * 7 + size) % 3 == 0;
    const std::string bitmap = EncodeBitmap(members);
    const auto decoded = DecodeBitmap(AsBytes(bitmap), size);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, members);
  }
}

TEST(BitmapTest, RefusesWrongLengthAndStrayBits) {
  EXPECT_FALSE(DecodeBitmap(AsBytes("ab"), 8).ok());
  EXPECT_FALSE(DecodeBitmap(AsBytes(""), 1).ok());
  EXPECT_FALSE(DecodeBitmap(AsBytes("\x10"), 4).ok());
  EXPECT_TRUE(DecodeBitmap(AsBytes("\x0f"), 4).ok());
}

}  // namespace
}  // namespace veilsum::crypto
