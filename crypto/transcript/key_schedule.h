// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Which secret comes from which: the table "Who holds what" of docs/protocol.md, one function per
// row, so that client and aggregator cannot disagree about one. Pure and thread-safe.
//
//   session secret ─┬─► channel key pair ──agree──► share key (one per ordered pair)
//                   ├─► m ──► mask key pair ──agree──► pairwise mask seed (one per pair)
//                   ├─► b ──► self mask
//                   └─► polynomials, rounding
//
// What is drawn before the roster exists is salted with the header hash, everything after it with
// T1. Pairs enter by position and identity.

#ifndef VEILSUM_CRYPTO_TRANSCRIPT_KEY_SCHEDULE_H_
#define VEILSUM_CRYPTO_TRANSCRIPT_KEY_SCHEDULE_H_

#include <cstdint>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/secret.h"
#include "crypto/transcript/transcript.h"

namespace veilsum::crypto {

// From the session secret, before the roster.
ChannelKeyPair DeriveChannelKeyPair(const SessionSecret& secret, const Digest& header_hash);
MaskPrivateSeed DeriveMaskPrivateSeed(const SessionSecret& secret, const Digest& header_hash);
SelfMaskSeed DeriveSelfMaskSeed(const SessionSecret& secret, const Digest& header_hash);

// From the session secret, after the roster. Each seeds a DeterministicRandom with the label
// kLabelPolynomials or kLabelRounding.
RandomSeed DerivePolynomialSeed(const SessionSecret& secret, const Digest& transcript,
                                ShareKind kind);
RandomSeed DeriveRoundingSeed(const SessionSecret& secret, const Digest& transcript);

// The key and associated data of the one ciphertext from dealer to holder. The associated data
// binds the digests that the aggregator was given to the shares inside.
AeadKey DeriveShareKey(const ChannelSharedSecret& agreed, const Digest& transcript,
                       const Party& dealer, const Party& holder);
Bytes ShareAssociatedData(const Digest& transcript, const Party& dealer, const Party& holder,
                          const Digest& mask_key_share_digest,
                          const Digest& self_mask_share_digest);

// Seeds of mask streams. The pairwise one does not depend on the order of its two ends.
PairwiseSeed DerivePairwiseSeed(const MaskSharedSecret& agreed, const Digest& transcript,
                                const Party& one, const Party& other);
MaskSeed DeriveSelfMaskStreamSeed(const SelfMaskSeed& self_mask_seed, const Digest& transcript,
                                  const Party& owner);

// Of a pair, the client at the lower position adds the pairwise mask and the other subtracts it.
inline bool AddsPairwiseMask(uint32_t own_position, uint32_t peer_position) {
  return own_position < peer_position;
}

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_TRANSCRIPT_KEY_SCHEDULE_H_
