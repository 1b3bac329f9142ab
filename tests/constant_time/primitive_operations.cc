// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/status/statusor.h"
#include "crypto/primitives/aead.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/key_schedule.h"
#include "crypto/transcript/transcript.h"
#include "tests/constant_time/inputs.h"
#include "tests/constant_time/operations.h"

namespace veilsum::constant_time {
namespace {

void Comparison() {
  const auto one = Marked<crypto::SelfMaskSeed>(1);
  const auto other = Marked<crypto::SelfMaskSeed>(2);
  const auto again = one.Clone();
  if (crypto::ConstantTimeEqual(ExposeSecret(one), ExposeSecret(other))) std::abort();
  if (!crypto::ConstantTimeEqual(ExposeSecret(one), ExposeSecret(again))) std::abort();
}

void Erasure() {
  auto buffer = crypto::SecretBuffer::CopyOf(ExposeSecret(Marked<crypto::SelfMaskSeed>(1)));
  crypto::SecretBuffer moved = std::move(buffer);
  moved = moved.Clone();
}

// Everything of key_schedule.h.
void KeySchedule() {
  const auto secret = Marked<crypto::SessionSecret>(1);
  const crypto::Digest header = PublicDigest(2);
  const crypto::Digest transcript = PublicDigest(3);
  const crypto::Party one = PublicParty(0);
  const crypto::Party other = PublicParty(1);
  const crypto::ChannelKeyPair channel = DeriveChannelKeyPair(secret, header);
  const crypto::MaskPrivateSeed m = DeriveMaskPrivateSeed(secret, header);
  const crypto::SelfMaskSeed b = DeriveSelfMaskSeed(secret, header);
  (void)DerivePolynomialSeed(secret, transcript, crypto::ShareKind::kSelfMask);
  (void)DeriveRoundingSeed(secret, transcript);
  (void)DeriveSelfMaskStreamSeed(b, transcript, one);
  (void)DeriveMaskKeyPair(m);
  (void)DeriveShareKey(Marked<crypto::ChannelSharedSecret>(4), transcript, one, other);
  (void)DerivePairwiseSeed(Marked<crypto::MaskSharedSecret>(5), transcript, one, other);
  (void)crypto::SelfMaskCommitment(header, one.identity, b);
  (void)crypto::ShareDigest(transcript, one, other, crypto::ShareKind::kMaskKey, ExposeSecret(m));
}

void RandomStream() {
  crypto::DeterministicRandom random(ExposeSecret(Marked<crypto::RandomSeed>(1)),
                                     crypto::kLabelPolynomials);
  uint64_t sum = 0;
  for (int i = 0; i < 200; ++i) sum += random.NextU64();
  std::array<uint8_t, 3000> block;
  random.Fill(absl::MakeSpan(block));
}

template <class Pair>
Pair MarkedPair(uint8_t number) {
  const auto key = Marked<crypto::ChannelPrivateKey>(number);
  Pair pair = Pair::FromPrivate(decltype(Pair::private_key)::FromBytes(ExposeSecret(key)).value());
  MarkBytesPublic(pair.public_key.bytes(), "a public key goes to everybody");
  return pair;
}

void Agreement() {
  const auto channel = MarkedPair<crypto::ChannelKeyPair>(1);
  const auto peer = MarkedPair<crypto::ChannelKeyPair>(2);
  if (!AgreeChannel(channel, peer.public_key).ok()) std::abort();
  const auto mask = MarkedPair<crypto::MaskKeyPair>(3);
  const auto mask_peer = MarkedPair<crypto::MaskKeyPair>(4);
  if (!AgreeMask(mask, mask_peer.public_key).ok()) std::abort();
  if (AgreeMask(mask, mask.public_key).ok()) std::abort();
}

void Signing() {
  const auto pair = crypto::IdentityKeyPair::FromSeed(Marked<crypto::IdentityPrivateKey>(1));
  MarkPublic(pair.public_key(), "a public key goes to everybody");
  const crypto::Digest digest = PublicDigest(2);
  const crypto::Signature signature = Sign(pair, crypto::kLabelMessageSignature, digest);
  MarkPublic(signature, "a signature goes to the aggregator");
  if (!Verify(pair.public_key(), crypto::kLabelMessageSignature, digest, signature).ok()) {
    std::abort();
  }
}

void Sealing() {
  const auto key = Marked<crypto::AeadKey>(1);
  std::array<uint8_t, 80> shares;
  FillWith(3, absl::MakeSpan(shares));
  MarkSecret(absl::MakeSpan(shares));
  const absl::StatusOr<crypto::Bytes> sealed =
      AeadSeal(key, shares, crypto::AsBytes("associated data"));
  if (!sealed.ok()) std::abort();
  MarkBytesPublic(*sealed, "a ciphertext goes to the aggregator");
}

// The ciphertext comes from the network: it is public, and so is whether it opens.
void Opening() {
  const auto key = Marked<crypto::AeadKey>(1);
  std::array<uint8_t, 80> shares;
  FillWith(3, absl::MakeSpan(shares));
  crypto::Bytes sealed = AeadSeal(key, shares, crypto::AsBytes("data")).value();
  MarkBytesPublic(sealed, "a ciphertext goes to the aggregator");
  if (!AeadOpen(key, sealed, crypto::AsBytes("data")).ok()) std::abort();
  sealed[5] ^= 1;
  if (AeadOpen(key, sealed, crypto::AsBytes("data")).ok()) std::abort();
}

}  // namespace

std::vector<Operation> PrimitiveOperations() {
  return {{"compare secrets", Comparison},
          {"copy and erase secrets", Erasure},
          {"derive every key and seed", KeySchedule},
          {"deterministic random stream", RandomStream},
          {"agree (X25519)", Agreement},
          {"sign (Ed25519)", Signing},
          {"seal (AES-256-GCM)", Sealing},
          {"open (AES-256-GCM)", Opening}};
}

}  // namespace veilsum::constant_time
