// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// docs/protocol.md, "Round 1, ShareKeys": sharing m and b among the neighbours.

#include <algorithm>
#include <utility>

#include "client_sdk/protocol/neighbour_entries.h"
#include "client_sdk/protocol/rounds.h"
#include "crypto/primitives/aead.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/key_schedule.h"

namespace veilsum::client {
namespace {

// Shares of m and b, both in the order of the holders.
struct Shares {
  std::vector<crypto::Party> holders;  // Ascending: the neighbours and, where it counts, itself.
  std::vector<crypto::Share> of_m;
  std::vector<crypto::Share> of_b;
};

absl::StatusOr<std::vector<crypto::Share>> SplitSecret(const OwnKeys& keys, crypto::ByteSpan secret,
                                                       crypto::ShareKind kind, const Cohort& cohort,
                                                       absl::Span<const uint32_t> indices) {
  const crypto::RandomSeed seed =
      crypto::DerivePolynomialSeed(keys.session_secret, cohort.transcript, kind);
  crypto::DeterministicRandom random(ExposeSecret(seed), crypto::kLabelPolynomials);
  return crypto::Split(secret, cohort.threshold, indices, random);
}

// "Every client shares m and b with threshold t."
absl::StatusOr<Shares> SplitSecrets(const OwnKeys& keys, const Cohort& cohort) {
  Shares shares;
  shares.holders = cohort.neighbours;
  if (cohort.counts_itself) {
    const auto after = std::find_if(
        shares.holders.begin(), shares.holders.end(),
        [&](const crypto::Party& party) { return party.position > cohort.self.position; });
    shares.holders.insert(after, cohort.self);
  }
  std::vector<uint32_t> indices;
  for (const crypto::Party& holder : shares.holders) indices.push_back(holder.position + 1);
  auto of_m = SplitSecret(keys, ExposeSecret(keys.m), crypto::ShareKind::kMaskKey, cohort, indices);
  if (!of_m.ok()) return of_m.status();
  auto of_b =
      SplitSecret(keys, ExposeSecret(keys.b), crypto::ShareKind::kSelfMask, cohort, indices);
  if (!of_b.ok()) return of_b.status();
  shares.of_m = *std::move(of_m);
  shares.of_b = *std::move(of_b);
  return shares;
}

crypto::Digest DigestOf(const Cohort& cohort, const crypto::Party& holder, crypto::ShareKind kind,
                        const crypto::SecretBuffer& share) {
  return crypto::ShareDigest(cohort.transcript, cohort.self, holder, kind, ExposeSecret(share));
}

// c = AEAD(K_uv, share of m ‖ share of b).
absl::Status Seal(const Cohort& cohort, const crypto::Party& holder, const crypto::AeadKey& key,
                  const crypto::SecretBuffer& of_m, const crypto::SecretBuffer& of_b,
                  v1::SealedShares& sealed) {
  const crypto::Digest m_digest = DigestOf(cohort, holder, crypto::ShareKind::kMaskKey, of_m);
  const crypto::Digest b_digest = DigestOf(cohort, holder, crypto::ShareKind::kSelfMask, of_b);
  crypto::SecretBuffer plaintext(of_m.size() + of_b.size());
  const absl::Span<uint8_t> out = ExposeSecretMutable(plaintext);
  std::copy(ExposeSecret(of_m).begin(), ExposeSecret(of_m).end(), out.begin());
  std::copy(ExposeSecret(of_b).begin(), ExposeSecret(of_b).end(), out.begin() + of_m.size());
  const auto ciphertext = crypto::AeadSeal(
      key, ExposeSecret(plaintext),
      crypto::ShareAssociatedData(cohort.transcript, cohort.self, holder, m_digest, b_digest));
  if (!ciphertext.ok()) return ciphertext.status();
  sealed.set_ciphertext(crypto::ToString(*ciphertext));
  sealed.set_mask_key_share_digest(crypto::ToString(m_digest));
  sealed.set_self_mask_share_digest(crypto::ToString(b_digest));
  return absl::OkStatus();
}

// The serialised ShareKeys, and what the client keeps of the work.
struct SharedKeys {
  std::string body;
  std::vector<NeighbourKeys> neighbour_keys;
  crypto::SecretBuffer own_share_of_b;
};

// "The body lists, ascending by holder, …"
absl::StatusOr<SharedKeys> ShareWithHolders(const OwnKeys& keys, const Cohort& cohort,
                                            const std::vector<NeighbourPublicKeys>& public_keys) {
  const absl::StatusOr<Shares> shares = SplitSecrets(keys, cohort);
  if (!shares.ok()) return shares.status();
  SharedKeys shared;
  v1::ShareKeys body;
  for (size_t i = 0; i < shares->holders.size(); ++i) {
    const crypto::Party& holder = shares->holders[i];
    v1::SealedShares& sealed = *body.add_shares();
    sealed.set_peer(holder.position);
    crypto::SecretBuffer of_b = shares->of_b[i].Serialize();
    if (holder.position == cohort.self.position) {
      // The dealer's own place; its share of m is of no use to anybody.
      sealed.set_self_mask_share_digest(
          crypto::ToString(DigestOf(cohort, holder, crypto::ShareKind::kSelfMask, of_b)));
      shared.own_share_of_b = std::move(of_b);
      continue;
    }
    const NeighbourPublicKeys& peer = public_keys[shared.neighbour_keys.size()];
    const auto agreed = crypto::AgreeChannel(keys.channel, peer.channel);
    if (!agreed.ok()) return agreed.status();
    const absl::Status status = Seal(
        cohort, holder, crypto::DeriveShareKey(*agreed, cohort.transcript, cohort.self, holder),
        shares->of_m[i].Serialize(), of_b, sealed);
    if (!status.ok()) return status;
    shared.neighbour_keys.push_back(NeighbourKeys{
        crypto::DeriveShareKey(*agreed, cohort.transcript, holder, cohort.self), peer.mask});
  }
  shared.body = body.SerializeAsString();
  return shared;
}

}  // namespace

crypto::Signature SignDigest(const SessionContext& context, const crypto::Digest& transcript,
                             crypto::ProtocolRound round, const crypto::Digest& digest) {
  return crypto::Sign(*context.identity, crypto::kLabelMessageSignature,
                      crypto::MessageSignatureDigest(transcript, round, digest));
}

v1::SignedMessage SignBody(const SessionContext& context, const crypto::Digest& transcript,
                           crypto::ProtocolRound round, std::string body) {
  v1::SignedMessage message;
  message.set_signature(crypto::ToString(
      SignDigest(context, transcript, round, crypto::Sha256(crypto::AsBytes(body))).bytes()));
  message.set_body(std::move(body));
  return message;
}

absl::StatusOr<AwaitingShares> ShareKeys(AwaitingNeighbours phase,
                                         const v1::NeighbourEntries& entries,
                                         SessionContext& context, Effects& effects) {
  const auto public_keys = CheckNeighbourEntries(phase, context, entries);
  if (!public_keys.ok()) return public_keys.status();

  absl::StatusOr<SharedKeys> shared = ShareWithHolders(phase.keys, phase.cohort, *public_keys);
  if (!shared.ok()) return Declined(v1::REASON_ROSTER_REFUSED, shared.status().message());

  Send send;
  *send.message.mutable_share_keys() = SignBody(
      context, phase.cohort.transcript, crypto::ProtocolRound::kShareKeys, std::move(shared->body));
  effects.push_back(std::move(send));
  // The neighbours are known and good: from here on the session is worth the work of encoding.
  context.rounding_seed.emplace(
      crypto::DeriveRoundingSeed(phase.keys.session_secret, phase.cohort.transcript));
  effects.push_back(EncodeInput{context.header.vector()});
  return AwaitingShares{std::move(phase.cohort), std::move(phase.keys.mask),
                        std::move(phase.keys.b), std::move(shared->neighbour_keys),
                        std::move(shared->own_share_of_b)};
}

}  // namespace veilsum::client
