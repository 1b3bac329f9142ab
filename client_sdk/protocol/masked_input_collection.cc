// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// docs/protocol.md: the end of "Round 1, ShareKeys" (the shares that came back) and "Round 2,
// MaskedInputCollection".

#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/rounds.h"
#include "crypto/primitives/aead.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/bitmap.h"
#include "crypto/transcript/key_schedule.h"
#include "proto/limits.h"
#include "proto/validate.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

// "A client checks that U2 names itself and at least t of its neighbours, …"
absl::StatusOr<std::vector<bool>> CheckSharers(const Cohort& cohort,
                                               const v1::DeliveredShares& delivered) {
  const absl::Status valid = v1::ValidateDeliveredShares(delivered, cohort.clients);
  if (!valid.ok()) return Declined(v1::REASON_MALFORMED, valid.message());
  auto sharers = crypto::DecodeBitmap(crypto::AsBytes(delivered.sharers()), cohort.clients);
  if (!sharers.ok()) return Declined(v1::REASON_MALFORMED, sharers.status().message());
  if (!(*sharers)[cohort.self.position]) {
    return Declined(v1::REASON_BAD_SHARE_LIST,
                    "the aggregator sent shares, but says that this client did not share its keys");
  }
  uint32_t count = 0;
  for (const crypto::Party& neighbour : cohort.neighbours) count += (*sharers)[neighbour.position];
  if (cohort.WithItself(count) < cohort.threshold) {
    return Declined(v1::REASON_TOO_FEW_NEIGHBOURS,
                    absl::StrCat("of the neighbours ", count, " shared their keys",
                                 cohort.counts_itself ? ", and this client itself" : "",
                                 "; the threshold is ", cohort.threshold));
  }
  return sharers;
}

// "… and that it got shares from exactly its neighbours in U2."
absl::Status CheckDealers(const Cohort& cohort, const std::vector<bool>& sharers,
                          const v1::DeliveredShares& delivered) {
  int next = 0;
  for (const crypto::Party& neighbour : cohort.neighbours) {
    if (!sharers[neighbour.position]) continue;
    if (next >= delivered.shares_size() || delivered.shares(next).peer() != neighbour.position) {
      return Declined(v1::REASON_BAD_SHARE_LIST,
                      absl::StrCat("the shares from position ", neighbour.position,
                                   ", which shared its keys, are missing or out of place"));
    }
    ++next;
  }
  if (next != delivered.shares_size()) {
    return Declined(v1::REASON_BAD_SHARE_LIST,
                    absl::StrCat("shares from position ", delivered.shares(next).peer(),
                                 ", which is no neighbour or did not share its keys"));
  }
  return absl::OkStatus();
}

// One of the two halves of an opened ciphertext, if it is what the digest says.
bool TakeShare(const Cohort& cohort, const crypto::Party& dealer, crypto::ShareKind kind,
               crypto::ByteSpan share, absl::string_view digest) {
  return crypto::AsStringView(
             crypto::ShareDigest(cohort.transcript, dealer, cohort.self, kind, share)) == digest;
}

// "A ciphertext that it cannot open, or whose shares miss their digests, costs only that share."
HeldShares OpenShares(const Cohort& cohort, const crypto::Party& dealer, const crypto::AeadKey& key,
                      const v1::SealedShares& sealed) {
  crypto::Digest m_digest, b_digest;  // Validated to be 32 bytes.
  std::copy_n(sealed.mask_key_share_digest().begin(), m_digest.size(), m_digest.begin());
  std::copy_n(sealed.self_mask_share_digest().begin(), b_digest.size(), b_digest.begin());
  const auto opened = crypto::AeadOpen(
      key, crypto::AsBytes(sealed.ciphertext()),
      crypto::ShareAssociatedData(cohort.transcript, dealer, cohort.self, m_digest, b_digest));
  if (!opened.ok() || opened->size() != 2 * limits::kShareBytes) return {};
  const crypto::ByteSpan of_m = ExposeSecret(*opened).subspan(0, limits::kShareBytes);
  const crypto::ByteSpan of_b = ExposeSecret(*opened).subspan(limits::kShareBytes);
  if (!TakeShare(cohort, dealer, crypto::ShareKind::kMaskKey, of_m,
                 sealed.mask_key_share_digest()) ||
      !TakeShare(cohort, dealer, crypto::ShareKind::kSelfMask, of_b,
                 sealed.self_mask_share_digest())) {
    return {};
  }
  return HeldShares{crypto::SecretBuffer::CopyOf(of_m), crypto::SecretBuffer::CopyOf(of_b)};
}

// y_u = x_u + PRG(β_u) + Σ_{v > u} PRG(s_uv) − Σ_{v < u} PRG(s_uv), v over the neighbours in U2.
absl::StatusOr<std::shared_ptr<const MaskingPlan>> PlanMasks(const AwaitingShares& phase,
                                                             const std::vector<bool>& sharers,
                                                             uint32_t modulus_bits) {
  const Cohort& cohort = phase.cohort;
  std::vector<MaskingPlan::Mask> masks;
  masks.push_back({crypto::MaskStream(
                       crypto::DeriveSelfMaskStreamSeed(phase.b, cohort.transcript, cohort.self)),
                   crypto::MaskSign::kAdd});
  for (size_t i = 0; i < cohort.neighbours.size(); ++i) {
    const crypto::Party& neighbour = cohort.neighbours[i];
    if (!sharers[neighbour.position]) continue;
    const auto agreed = crypto::AgreeMask(phase.mask, phase.neighbour_keys[i].mask_public_key);
    if (!agreed.ok()) return Declined(v1::REASON_ROSTER_REFUSED, agreed.status().message());
    masks.push_back({crypto::MaskStream(crypto::DerivePairwiseSeed(*agreed, cohort.transcript,
                                                                   cohort.self, neighbour)),
                     crypto::AddsPairwiseMask(cohort.self.position, neighbour.position)
                         ? crypto::MaskSign::kAdd
                         : crypto::MaskSign::kSubtract});
  }
  return std::make_shared<const MaskingPlan>(std::move(masks), modulus_bits);
}

v1::UploadOpen OpenUpload(const SessionContext& context, const crypto::Digest& transcript) {
  v1::UploadOpen open;
  open.set_session_id(context.header.session_id());
  open.set_identity(crypto::ToString(context.identity->public_key().bytes()));
  open.set_total_bytes(PackedBytes(context.header.vector()));
  open.set_signature(crypto::ToString(
      crypto::Sign(*context.identity, crypto::kLabelUploadOpenSignature,
                   crypto::UploadOpenSignatureDigest(transcript, open.total_bytes()))
          .bytes()));
  return open;
}

}  // namespace

absl::StatusOr<AwaitingSurvivors> MaskInput(AwaitingShares phase,
                                            const v1::DeliveredShares& delivered,
                                            SessionContext& context, Effects& effects) {
  absl::StatusOr<std::vector<bool>> sharers = CheckSharers(phase.cohort, delivered);
  if (!sharers.ok()) return sharers.status();
  const absl::Status dealers = CheckDealers(phase.cohort, *sharers, delivered);
  if (!dealers.ok()) return dealers;
  auto plan = PlanMasks(phase, *sharers, context.header.vector().modulus_bits());
  if (!plan.ok()) return plan.status();

  const std::vector<crypto::Party>& neighbours = phase.cohort.neighbours;
  std::vector<HeldShares> held(neighbours.size());
  int delivery = 0;
  for (size_t i = 0; i < neighbours.size(); ++i) {
    if (!(*sharers)[neighbours[i].position]) continue;
    held[i] = OpenShares(phase.cohort, neighbours[i], phase.neighbour_keys[i].opening_key,
                         delivered.shares(delivery++));
  }
  AwaitingSurvivors next{std::move(phase.cohort), *std::move(sharers), std::move(held),
                         std::move(phase.own_share_of_b), *std::move(plan)};
  if (context.input_ready) effects.push_back(BeginUpload(next, context));
  return next;
}

StartUpload BeginUpload(const AwaitingSurvivors& phase, const SessionContext& context) {
  return StartUpload{phase.plan, OpenUpload(context, phase.cohort.transcript)};
}

}  // namespace veilsum::client
