// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a client insists on: a session that is weaker is refused, whatever the aggregator says.
// docs/protocol.md, "Identities" and "The session header". Pure; thread-safe.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_SESSION_POLICY_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_SESSION_POLICY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "proto/rounds.pb.h"
#include "proto/session.pb.h"

namespace veilsum::client {

// Whose identities this client believes in, from elsewhere than the aggregator. Both carry a
// version, which the session's header must name.

// A roster file: everybody who may take part.
struct IdentityRoster {
  uint64_t version = 0;  // 1 at least.
  absl::flat_hash_set<crypto::IdentityPublicKey> identities;
};
// Enrolment authorities: an entry must carry a signature of one of them over (identity, version).
struct EnrolmentAuthority {
  uint64_t version = 0;  // 1 at least.
  std::vector<crypto::IdentityPublicKey> keys;
};
using IdentityRoot = std::variant<IdentityRoster, EnrolmentAuthority>;

// What the caller knows of its vector; a session of another one is refused. Absent: any will do.
struct ExpectedVector {
  std::optional<uint64_t> dimension;
  std::optional<float> clip;
  std::optional<float> norm_clip;  // 0: the norm is not clipped.
  std::optional<uint32_t> quantisation_bits;
  std::optional<uint64_t> max_weight;
};

struct SessionPolicy {
  v1::Tier least_tier = v1::TIER_MALICIOUS;
  uint32_t least_min_survivors = 3;
  double least_corruption_rate = 0.0;
  // Of all identities that the root vouches for, those that may be in league with the aggregator,
  // which chooses who of them takes part. Every session that the header allows must withstand so
  // many: max(1, floor(corruption_rate · min_survivors)) at least.
  uint32_t most_corrupted = 1;
  uint32_t greatest_modulus_bits = 63;
  ExpectedVector expected;

  // Checked in every tier where there is one. Null: none.
  std::shared_ptr<const IdentityRoot> identity_root;
  // Without a root a session of the malicious tier is refused, unless this says that the
  // aggregator's word is enough. It then can surround this client with clients of its own.
  bool trust_aggregator_identities = false;

  // A session of the malicious tier that is bound to no model is refused, unless this is set: the
  // aggregator could give each client another model, and have the same sum unmasked twice.
  bool accept_unbound_model = false;
};

// INVALID_ARGUMENT naming the field of a policy that no session could meet.
absl::Status CheckPolicy(const SessionPolicy& policy);

// OK, or FAILED_PRECONDITION saying what the session offers and what this client insists on, with
// REASON_HEADER_REFUSED, REASON_NOT_ENROLLED (a malicious tier without a root) or
// REASON_MODEL_MISMATCH. `model_hash`: of what the caller really trained. The header is valid.
absl::Status CheckHeader(const SessionPolicy& policy, const v1::SessionHeader& header,
                         const std::optional<crypto::Digest>& model_hash);

// Does the client's root vouch for an identity? FAILED_PRECONDITION with REASON_NOT_ENROLLED if
// not. Each says nothing (OK) where the root is of the other kind, or absent.
//
// By the roster file: for every seat.
absl::Status CheckInRosterFile(const SessionPolicy& policy,
                               const crypto::IdentityPublicKey& identity);
// By an authority's signature: for every entry that the client sees.
absl::Status CheckEnrolment(const SessionPolicy& policy, const crypto::IdentityPublicKey& identity,
                            absl::string_view enrolment_signature);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_SESSION_POLICY_H_
