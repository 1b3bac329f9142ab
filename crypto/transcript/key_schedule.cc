// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/transcript/key_schedule.h"

#include "absl/strings/string_view.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/labels.h"

namespace veilsum::crypto {
namespace {

CanonicalEncoding PairEncoding(absl::string_view label, const Party& first, const Party& second) {
  CanonicalEncoding encoding(label);
  encoding.AddU64(first.position).Add(first.identity.bytes());
  encoding.AddU64(second.position).Add(second.identity.bytes());
  return encoding;
}

}  // namespace

ChannelKeyPair DeriveChannelKeyPair(const SessionSecret& secret, const Digest& header_hash) {
  return ChannelKeyPair::FromPrivate(DeriveSecret<ChannelPrivateKey>(
      ExposeSecret(secret), header_hash, KdfInfo(kLabelChannelKey)));
}

MaskPrivateSeed DeriveMaskPrivateSeed(const SessionSecret& secret, const Digest& header_hash) {
  return DeriveSecret<MaskPrivateSeed>(ExposeSecret(secret), header_hash,
                                       KdfInfo(kLabelMaskPrivateSeed));
}

SelfMaskSeed DeriveSelfMaskSeed(const SessionSecret& secret, const Digest& header_hash) {
  return DeriveSecret<SelfMaskSeed>(ExposeSecret(secret), header_hash, KdfInfo(kLabelSelfMaskSeed));
}

RandomSeed DerivePolynomialSeed(const SessionSecret& secret, const Digest& transcript,
                                ShareKind kind) {
  return DeriveSecret<RandomSeed>(ExposeSecret(secret), transcript,
                                  KdfInfo(kLabelPolynomials).AddU64(static_cast<uint64_t>(kind)));
}

RandomSeed DeriveRoundingSeed(const SessionSecret& secret, const Digest& transcript) {
  return DeriveSecret<RandomSeed>(ExposeSecret(secret), transcript, KdfInfo(kLabelRounding));
}

AeadKey DeriveShareKey(const ChannelSharedSecret& agreed, const Digest& transcript,
                       const Party& dealer, const Party& holder) {
  return DeriveSecret<AeadKey>(ExposeSecret(agreed), transcript,
                               PairEncoding(kLabelShareKey, dealer, holder));
}

Bytes ShareAssociatedData(const Digest& transcript, const Party& dealer, const Party& holder,
                          const Digest& mask_key_share_digest,
                          const Digest& self_mask_share_digest) {
  return PairEncoding(kLabelShareAssociatedData, dealer, holder)
      .Add(transcript)
      .Add(mask_key_share_digest)
      .Add(self_mask_share_digest)
      .bytes();
}

PairwiseSeed DerivePairwiseSeed(const MaskSharedSecret& agreed, const Digest& transcript,
                                const Party& one, const Party& other) {
  const bool in_order = one.position <= other.position;
  return DeriveSecret<PairwiseSeed>(
      ExposeSecret(agreed), transcript,
      PairEncoding(kLabelPairwiseMask, in_order ? one : other, in_order ? other : one));
}

MaskSeed DeriveSelfMaskStreamSeed(const SelfMaskSeed& self_mask_seed, const Digest& transcript,
                                  const Party& owner) {
  return DeriveSecret<MaskSeed>(
      ExposeSecret(self_mask_seed), transcript,
      KdfInfo(kLabelSelfMask).AddU64(owner.position).Add(owner.identity.bytes()));
}

}  // namespace veilsum::crypto
