// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The end of the Unmasking round: from shares to seeds, from seeds straight into the accumulator.
// docs/protocol.md, "Round 4". Pure; the caller lends the cores.
#ifndef VEILSUM_AGGREGATOR_ACCUMULATE_UNMASK_H_
#define VEILSUM_AGGREGATOR_ACCUMULATE_UNMASK_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/accumulate/accumulator.h"
#include "aggregator/accumulate/parallel_for.h"
#include "aggregator/protocol/unmask_plan.h"
#include "crypto/masking/mask_stream.h"

namespace veilsum::aggregator {

// The masks that are left in the sum, with the sign that takes each away. Secret until they are
// applied; move-only.
class LeftoverMasks {
 public:
  std::vector<crypto::SignedMask> Signed() const;
  size_t size() const { return streams_.size(); }
  void Add(crypto::MaskStream stream, crypto::MaskSign sign);

 private:
  std::vector<crypto::MaskStream> streams_;
  std::vector<crypto::MaskSign> signs_;
};

// Reconstructs every b and m of the plan, checks b against its commitment and m against the mask
// public key, and agrees the pairwise seeds again.
//
// Error of BlameDealer (dealer_blame.h) naming the first dealer whose shares, though each matches
// its digest, do not give what it advertised; INTERNAL for a plan that is not well-formed.
absl::StatusOr<LeftoverMasks> RecoverMasks(const UnmaskPlan& plan, const ParallelFor& parallel_for);

struct Unmasked {
  UnmaskOutcome outcome;
  std::string packed_sum;  // Σ x_u mod 2^B over U3.
};

// Takes the masks out of the sum and packs it.
Unmasked RemoveMasks(const LeftoverMasks& masks, Accumulator& accumulator,
                     const ParallelFor& parallel_for);

// Both. After an error the accumulator is as it was.
absl::StatusOr<Unmasked> RunUnmask(const UnmaskPlan& plan, Accumulator& accumulator,
                                   const ParallelFor& parallel_for);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_ACCUMULATE_UNMASK_H_
