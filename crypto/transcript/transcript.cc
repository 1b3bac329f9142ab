// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/transcript/transcript.h"

#include "crypto/primitives/labels.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::crypto {

Digest HeaderHash(ByteSpan header) { return TranscriptHash(kLabelHeaderHash).Add(header).Finish(); }

Digest EntryHash(ByteSpan entry) { return TranscriptHash(kLabelEntryHash).Add(entry).Finish(); }

Digest RosterRoot(absl::Span<const RosterSeat> seats) {
  TranscriptHash hash(kLabelRosterRoot);
  hash.AddU64(seats.size());
  for (const RosterSeat& seat : seats) hash.Add(seat.identity.bytes()).Add(seat.entry_hash);
  return hash.Finish();
}

Digest TranscriptDigest(const Digest& header_hash, const Digest& roster_root) {
  return TranscriptHash(kLabelTranscript).Add(header_hash).Add(roster_root).Finish();
}

Digest GraphSeed(const Digest& transcript) {
  return TranscriptHash(kLabelGraphSeed).Add(transcript).Finish();
}

Digest SurvivorRoot(const Digest& transcript, ByteSpan survivors) {
  return TranscriptHash(kLabelSurvivorRoot).Add(transcript).Add(survivors).Finish();
}

Digest SelfMaskCommitment(const Digest& header_hash, const IdentityPublicKey& owner,
                          const SelfMaskSeed& seed) {
  return TranscriptHash(kLabelSelfMaskCommitment)
      .Add(header_hash)
      .Add(owner.bytes())
      .Add(ExposeSecret(seed))
      .Finish();
}

Digest ShareDigest(const Digest& transcript, const Party& dealer, const Party& holder,
                   ShareKind kind, ByteSpan share) {
  return TranscriptHash(kLabelShareDigest)
      .Add(transcript)
      .AddU64(dealer.position)
      .Add(dealer.identity.bytes())
      .AddU64(holder.position)
      .Add(holder.identity.bytes())
      .AddU64(static_cast<uint64_t>(kind))
      .Add(share)
      .Finish();
}

Digest EnrolmentSignatureDigest(const IdentityPublicKey& identity, uint64_t roster_version) {
  return TranscriptHash(kLabelEnrolmentSignature)
      .Add(identity.bytes())
      .AddU64(roster_version)
      .Finish();
}

Digest EntrySignatureDigest(const Digest& header_hash, const Digest& entry_hash) {
  return TranscriptHash(kLabelEntrySignature).Add(header_hash).Add(entry_hash).Finish();
}

Digest MessageSignatureDigest(const Digest& transcript, ProtocolRound round,
                              const Digest& body_digest) {
  return TranscriptHash(kLabelMessageSignature)
      .Add(transcript)
      .AddU64(static_cast<uint64_t>(round))
      .Add(body_digest)
      .Finish();
}

Digest UploadOpenSignatureDigest(const Digest& transcript, uint64_t total_bytes) {
  return TranscriptHash(kLabelUploadOpenSignature).Add(transcript).AddU64(total_bytes).Finish();
}

Digest ResultDownloadSignatureDigest(const Digest& transcript) {
  return TranscriptHash(kLabelResultDownloadSignature).Add(transcript).Finish();
}

Digest HelloSignatureDigest(ByteSpan nonce, ByteSpan task_id, ByteSpan session_id,
                            const IdentityPublicKey& identity) {
  return TranscriptHash(kLabelHelloSignature)
      .Add(nonce)
      .Add(task_id)
      .Add(session_id)
      .Add(identity.bytes())
      .Finish();
}

}  // namespace veilsum::crypto
