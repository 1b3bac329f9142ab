// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/accumulate/unmask.h"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "aggregator/protocol/dealer_blame.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/secret.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/key_schedule.h"
#include "crypto/transcript/transcript.h"

namespace veilsum::aggregator {
namespace {

using crypto::LagrangeCoefficients;
using crypto::MaskStream;
using crypto::Party;
using crypto::Share;

// The Lagrange coefficients of every index set in a plan, each computed once. On the complete
// graph nearly all secrets are reconstructed from the same holders.
class CoefficientCache {
 public:
  // Before Compute.
  void Note(absl::Span<const Share> shares) { sets_.try_emplace(IndicesOf(shares)); }

  void Compute(const ParallelFor& parallel_for) {
    std::vector<std::pair<const Indices, Entry>*> entries;
    entries.reserve(sets_.size());
    for (auto& entry : sets_) entries.push_back(&entry);
    parallel_for(entries.size(), [&](size_t i) {
      entries[i]->second = LagrangeCoefficients::ForIndices(entries[i]->first);
    });
  }

  // After Compute; thread-safe.
  const absl::StatusOr<LagrangeCoefficients>& Of(absl::Span<const Share> shares) const {
    return sets_.find(IndicesOf(shares))->second;
  }

 private:
  using Indices = std::vector<uint32_t>;
  using Entry = absl::StatusOr<LagrangeCoefficients>;

  static Indices IndicesOf(absl::Span<const Share> shares) {
    Indices indices;
    indices.reserve(shares.size());
    for (const Share& share : shares) indices.push_back(share.x());
    return indices;
  }

  std::map<Indices, Entry> sets_;
};

// Shares that match their digests but no secret: the dealer's doing. A bad index set: ours.
template <class Secret>
absl::StatusOr<Secret> ReconstructSecret(const UnmaskPlan& plan, const CoefficientCache& cache,
                                         absl::Span<const Share> shares, const Party& dealer,
                                         absl::string_view what) {
  const absl::StatusOr<LagrangeCoefficients>& coefficients = cache.Of(shares);
  if (shares.size() != plan.threshold || !coefficients.ok()) {
    return absl::InternalError(absl::StrCat("the plan has no ", plan.threshold,
                                            " distinct shares of the client at ", "position ",
                                            dealer.position));
  }
  absl::StatusOr<Secret> secret = crypto::Reconstruct<Secret>(*coefficients, shares);
  if (!secret.ok()) return BlameDealer(dealer.position, what);
  return secret;
}

// PRG(β_u), to be subtracted.
absl::StatusOr<MaskStream> RecoverSelfMask(const UnmaskPlan& plan, const CoefficientCache& cache,
                                           const SelfMaskTask& task) {
  constexpr absl::string_view kWhat = "the self mask seed that it committed to";
  const Party owner{task.position, task.identity};
  const auto seed = ReconstructSecret<crypto::SelfMaskSeed>(plan, cache, task.shares, owner, kWhat);
  if (!seed.ok()) return seed.status();
  if (!crypto::ConstantTimeEqual(crypto::SelfMaskCommitment(plan.header_hash, task.identity, *seed),
                                 task.commitment)) {
    return BlameDealer(owner.position, kWhat);
  }
  return MaskStream(crypto::DeriveSelfMaskStreamSeed(*seed, plan.transcript, owner));
}

absl::StatusOr<crypto::MaskPrivateKey> RecoverMaskKey(const UnmaskPlan& plan,
                                                      const CoefficientCache& cache,
                                                      const DropoutTask& task) {
  constexpr absl::string_view kWhat = "the mask public key that it advertised";
  const Party owner{task.position, task.identity};
  const auto m = ReconstructSecret<crypto::MaskPrivateSeed>(plan, cache, task.shares, owner, kWhat);
  if (!m.ok()) return m.status();
  crypto::MaskKeyPair pair = crypto::DeriveMaskKeyPair(*m);
  if (pair.public_key != task.mask_public_key) return BlameDealer(owner.position, kWhat);
  return std::move(pair.private_key);
}

// PRG(s_uv) of a dropout u and a survivor v.
absl::StatusOr<MaskStream> RecoverPairwiseMask(const UnmaskPlan& plan,
                                               const crypto::MaskPrivateKey& dropout_key,
                                               const DropoutTask& dropout,
                                               const PairwiseMaskTask& survivor) {
  const auto agreed = crypto::AgreeMask(dropout_key, survivor.mask_public_key);
  // Keys of small order were refused when they were advertised.
  if (!agreed.ok()) return absl::InternalError(agreed.status().message());
  return MaskStream(crypto::DerivePairwiseSeed(*agreed, plan.transcript,
                                               Party{dropout.position, dropout.identity},
                                               Party{survivor.position, survivor.identity}));
}

// The opposite of what the survivor did.
crypto::MaskSign RemovalSign(uint32_t survivor, uint32_t dropout) {
  return crypto::AddsPairwiseMask(survivor, dropout) ? crypto::MaskSign::kSubtract
                                                     : crypto::MaskSign::kAdd;
}

// body(i) -> StatusOr<T> for all i; the values, or the error of the smallest i.
template <class T, class Body>
absl::StatusOr<std::vector<T>> CollectAll(size_t count, const ParallelFor& parallel_for,
                                          const Body& body) {
  std::vector<std::optional<absl::StatusOr<T>>> results(count);
  parallel_for(count, [&](size_t i) { results[i].emplace(body(i)); });
  std::vector<T> values;
  values.reserve(count);
  for (auto& result : results) {
    if (!result->ok()) return result->status();
    values.push_back(std::move(**result));
  }
  return values;
}

}  // namespace

std::vector<crypto::SignedMask> LeftoverMasks::Signed() const {
  std::vector<crypto::SignedMask> masks;
  masks.reserve(streams_.size());
  for (size_t i = 0; i < streams_.size(); ++i) masks.push_back({&streams_[i], signs_[i]});
  return masks;
}

void LeftoverMasks::Add(MaskStream stream, crypto::MaskSign sign) {
  streams_.push_back(std::move(stream));
  signs_.push_back(sign);
}

absl::StatusOr<LeftoverMasks> RecoverMasks(const UnmaskPlan& plan,
                                           const ParallelFor& parallel_for) {
  CoefficientCache cache;
  for (const SelfMaskTask& task : plan.self_masks) cache.Note(task.shares);
  for (const DropoutTask& task : plan.dropouts) cache.Note(task.shares);
  cache.Compute(parallel_for);

  auto self_masks = CollectAll<MaskStream>(plan.self_masks.size(), parallel_for, [&](size_t i) {
    return RecoverSelfMask(plan, cache, plan.self_masks[i]);
  });
  if (!self_masks.ok()) return self_masks.status();

  const auto mask_keys = CollectAll<crypto::MaskPrivateKey>(
      plan.dropouts.size(), parallel_for,
      [&](size_t i) { return RecoverMaskKey(plan, cache, plan.dropouts[i]); });
  if (!mask_keys.ok()) return mask_keys.status();

  // Flat, because one dropout alone may have a thousand neighbours.
  std::vector<std::pair<size_t, size_t>> pairs;
  for (size_t dropout = 0; dropout < plan.dropouts.size(); ++dropout) {
    const size_t neighbours = plan.dropouts[dropout].surviving_neighbours.size();
    for (size_t i = 0; i < neighbours; ++i) pairs.emplace_back(dropout, i);
  }
  auto pairwise_masks = CollectAll<MaskStream>(pairs.size(), parallel_for, [&](size_t i) {
    const DropoutTask& dropout = plan.dropouts[pairs[i].first];
    return RecoverPairwiseMask(plan, (*mask_keys)[pairs[i].first], dropout,
                               dropout.surviving_neighbours[pairs[i].second]);
  });
  if (!pairwise_masks.ok()) return pairwise_masks.status();

  LeftoverMasks masks;
  for (MaskStream& stream : *self_masks) masks.Add(std::move(stream), crypto::MaskSign::kSubtract);
  for (size_t i = 0; i < pairs.size(); ++i) {
    const DropoutTask& dropout = plan.dropouts[pairs[i].first];
    masks.Add(
        std::move((*pairwise_masks)[i]),
        RemovalSign(dropout.surviving_neighbours[pairs[i].second].position, dropout.position));
  }
  return masks;
}

Unmasked RemoveMasks(const LeftoverMasks& masks, Accumulator& accumulator,
                     const ParallelFor& parallel_for) {
  accumulator.ApplyMasks(masks.Signed(), parallel_for);
  Unmasked unmasked;
  unmasked.packed_sum = accumulator.Pack(parallel_for);
  unmasked.outcome.result_digest = crypto::Sha256(crypto::AsBytes(unmasked.packed_sum));
  unmasked.outcome.total_bytes = unmasked.packed_sum.size();
  return unmasked;
}

absl::StatusOr<Unmasked> RunUnmask(const UnmaskPlan& plan, Accumulator& accumulator,
                                   const ParallelFor& parallel_for) {
  const absl::StatusOr<LeftoverMasks> masks = RecoverMasks(plan, parallel_for);
  if (!masks.ok()) return masks.status();
  return RemoveMasks(*masks, accumulator, parallel_for);
}

}  // namespace veilsum::aggregator
