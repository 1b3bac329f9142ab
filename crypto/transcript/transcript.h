// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The hashes that bind a session together and what identities sign: what both sides compute from
// the same bytes, so that a difference shows. One function per row of the table in
// docs/protocol.md. Pure and thread-safe.

#ifndef VEILSUM_CRYPTO_TRANSCRIPT_TRANSCRIPT_H_
#define VEILSUM_CRYPTO_TRANSCRIPT_TRANSCRIPT_H_

#include <cstdint>

#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

// The numbers of docs/protocol.md.
enum class ProtocolRound : uint64_t {
  kAdvertiseKeys = 0,
  kShareKeys = 1,
  kMaskedInputCollection = 2,
  kConsistencyCheck = 3,
  kUnmasking = 4,
};

// Which of a dealer's two secrets a share belongs to.
enum class ShareKind : uint64_t {
  kMaskKey = 1,   // m
  kSelfMask = 2,  // b
};

// A client as it enters the hashes and keys of a pair: by roster position (from 0) and identity.
struct Party {
  uint32_t position = 0;
  IdentityPublicKey identity;
};

// One line of the roster.
struct RosterSeat {
  IdentityPublicKey identity;
  Digest entry_hash;
};

// ---- What a session is ----

// Of the serialised session header, as it travelled.
Digest HeaderHash(ByteSpan header);
// Of the serialised AdvertiseKeysEntry, as it travelled.
Digest EntryHash(ByteSpan entry);
// Over the whole roster in its order. That identities ascend strictly is the caller's to check.
Digest RosterRoot(absl::Span<const RosterSeat> seats);
// T1: salts every key derivation and enters every signature after round 0.
Digest TranscriptDigest(const Digest& header_hash, const Digest& roster_root);
// Nobody's choice: the neighbour graph is drawn from it.
Digest GraphSeed(const Digest& transcript);
// `survivors` is the bitmap of U3 (bitmap.h).
Digest SurvivorRoot(const Digest& transcript, ByteSpan survivors);

// ---- What clients are bound to ----

// Binds a client to its b before anybody's keys are known.
Digest SelfMaskCommitment(const Digest& header_hash, const IdentityPublicKey& owner,
                          const SelfMaskSeed& seed);
// Binds a dealer to one serialised share, and a holder to return that one.
Digest ShareDigest(const Digest& transcript, const Party& dealer, const Party& holder,
                   ShareKind kind, ByteSpan share);

// ---- What is signed, each under the label of the same name (labels.h) ----

// By an enrolment authority, whom the aggregator does not control: this identity takes part in
// sessions of that roster version.
Digest EnrolmentSignatureDigest(const IdentityPublicKey& identity, uint64_t roster_version);

Digest EntrySignatureDigest(const Digest& header_hash, const Digest& entry_hash);
// `body_digest` is SHA-256 of the body, or of all bytes of the upload.
Digest MessageSignatureDigest(const Digest& transcript, ProtocolRound round,
                              const Digest& body_digest);
Digest UploadOpenSignatureDigest(const Digest& transcript, uint64_t total_bytes);
Digest ResultDownloadSignatureDigest(const Digest& transcript);
// `session_id` is empty when the client asks for the next session.
Digest HelloSignatureDigest(ByteSpan nonce, ByteSpan task_id, ByteSpan session_id,
                            const IdentityPublicKey& identity);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_TRANSCRIPT_TRANSCRIPT_H_
