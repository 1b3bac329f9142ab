// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What unmasking needs, cut loose from the session so that a pool can work on it
// (aggregator/accumulate/unmask.h). Holds shares: move-only, erased when it dies.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_UNMASK_PLAN_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_UNMASK_PLAN_H_

#include <cstdint>
#include <vector>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/sharing/shamir.h"

namespace veilsum::aggregator {

// The self mask of a survivor: b from t shares, checked against its commitment.
struct SelfMaskTask {
  uint32_t position = 0;
  crypto::IdentityPublicKey identity;
  crypto::Digest commitment;
  // Exactly t, each checked against its digest: those with the smallest x, ascending, so that
  // many secrets share one index set and its Lagrange coefficients.
  std::vector<crypto::Share> shares;
};

// A surviving neighbour of a client that dropped out after sharing its keys: its masked input still
// holds the mask of the pair.
struct PairwiseMaskTask {
  uint32_t position = 0;
  crypto::IdentityPublicKey identity;
  crypto::MaskPublicKey mask_public_key;
};

// The pairwise masks of one such client: m from t shares, checked against its mask public key.
struct DropoutTask {
  uint32_t position = 0;
  crypto::IdentityPublicKey identity;
  crypto::MaskPublicKey mask_public_key;
  std::vector<crypto::Share> shares;  // As in SelfMaskTask.
  std::vector<PairwiseMaskTask> surviving_neighbours;
};

struct UnmaskPlan {
  crypto::Digest header_hash;
  crypto::Digest transcript;  // T1
  uint32_t threshold = 0;     // t
  uint32_t answers = 0;       // Clients that answered the round, for the margin metric.
  uint32_t clients = 0;       // n
  std::vector<SelfMaskTask> self_masks;
  std::vector<DropoutTask> dropouts;
};

struct UnmaskOutcome {
  crypto::Digest result_digest;  // SHA-256 of the packed sum.
  uint64_t total_bytes = 0;      // Of the packed sum.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_UNMASK_PLAN_H_
