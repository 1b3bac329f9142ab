// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/protocol/session_policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "crypto/graph/parameters.h"
#include "crypto/identities/enrolment.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

template <typename Offered, typename Wanted>
absl::Status Weaker(absl::string_view field, Offered offered, absl::string_view relation,
                    Wanted wanted) {
  return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_HEADER_REFUSED,
                   absl::StrCat("the session's ", field, " is ", offered,
                                ", this client insists on ", relation, " ", wanted));
}

template <typename T>
absl::Status CheckExpected(absl::string_view field, T offered, const std::optional<T>& expected) {
  if (!expected.has_value() || offered == *expected) return absl::OkStatus();
  return Weaker(field, offered, "exactly", *expected);
}

// A of docs/protocol.md, "Parameters", for the fewest clients that the header allows. With it the
// threshold is planned for a roster of any length, and at least two inputs of others are left.
uint32_t Withstands(const v1::SessionHeader& header) {
  return std::max(1u, crypto::FloorOfRate(header.corruption_rate(), header.min_survivors()));
}

absl::Status CheckStrength(const SessionPolicy& policy, const v1::SessionHeader& header) {
  if (header.tier() < policy.least_tier) {
    return Weaker("tier", v1::Tier_Name(header.tier()), "at least",
                  v1::Tier_Name(policy.least_tier));
  }
  if (header.min_survivors() < policy.least_min_survivors) {
    return Weaker("min_survivors", header.min_survivors(), "at least", policy.least_min_survivors);
  }
  // Written so that NaN is refused.
  if (!(header.corruption_rate() >= policy.least_corruption_rate)) {
    return Weaker("corruption_rate", header.corruption_rate(), "at least",
                  policy.least_corruption_rate);
  }
  if (header.tier() == v1::TIER_MALICIOUS && Withstands(header) < policy.most_corrupted) {
    return Weaker("number of corrupted clients that its smallest cohort withstands",
                  absl::StrCat(Withstands(header), " (corruption_rate ", header.corruption_rate(),
                               " of min_survivors ", header.min_survivors(), ")"),
                  "at least", policy.most_corrupted);
  }
  if (header.vector().modulus_bits() > policy.greatest_modulus_bits) {
    return Weaker("modulus_bits", header.vector().modulus_bits(), "at most",
                  policy.greatest_modulus_bits);
  }
  return absl::OkStatus();
}

absl::Status CheckVector(const ExpectedVector& expected, const v1::VectorSpec& offered) {
  absl::Status status = CheckExpected("dimension", offered.dimension(), expected.dimension);
  if (status.ok()) status = CheckExpected("clip", offered.clip(), expected.clip);
  if (status.ok()) status = CheckExpected("norm_clip", offered.norm_clip(), expected.norm_clip);
  if (status.ok()) {
    status =
        CheckExpected("quantisation_bits", offered.quantisation_bits(), expected.quantisation_bits);
  }
  if (status.ok()) status = CheckExpected("max_weight", offered.max_weight(), expected.max_weight);
  return status;
}

uint64_t VersionOf(const IdentityRoot& root) {
  return std::visit([](const auto& one) { return one.version; }, root);
}

absl::Status CheckRoot(const SessionPolicy& policy, const v1::SessionHeader& header) {
  if (policy.identity_root == nullptr) {
    if (header.tier() != v1::TIER_MALICIOUS || policy.trust_aggregator_identities) {
      return absl::OkStatus();
    }
    return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_NOT_ENROLLED,
                     "the session is of the malicious tier, and this client insists on a roster "
                     "file or an enrolment authority for its identities, but was given neither");
  }
  const uint64_t version = VersionOf(*policy.identity_root);
  if (header.roster_version() == version) return absl::OkStatus();
  return Weaker("roster_version", header.roster_version(), "exactly", version);
}

absl::Status CheckModel(const SessionPolicy& policy, const v1::SessionHeader& header,
                        const std::optional<crypto::Digest>& model_hash) {
  const auto mismatch = [](absl::string_view text) {
    return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_MODEL_MISMATCH, text);
  };
  const bool bound = !header.model_hash().empty();
  if (bound && !model_hash.has_value()) {
    return mismatch(
        "the session is bound to a model, and the caller gave no hash of what it trained");
  }
  if (bound && header.model_hash() != crypto::AsStringView(*model_hash)) {
    return mismatch(
        "the session is bound to another model than the one that this client trained and insists "
        "on");
  }
  if (!bound && model_hash.has_value()) {
    return mismatch("the session is bound to no model, this client insists on the one it trained");
  }
  if (!bound && header.tier() == v1::TIER_MALICIOUS && !policy.accept_unbound_model) {
    return mismatch(
        "the session is bound to no model; in the malicious tier this client insists on one");
  }
  return absl::OkStatus();
}

absl::Status NotEnrolled(const crypto::IdentityPublicKey& identity, absl::string_view text) {
  return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_NOT_ENROLLED,
                   absl::StrCat("the identity ", identity.ToHex(), " ", text));
}

}  // namespace

absl::Status CheckPolicy(const SessionPolicy& policy) {
  if (policy.identity_root == nullptr) {
    if (policy.least_tier != v1::TIER_MALICIOUS || policy.trust_aggregator_identities) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "policy.identity_root: the malicious tier needs a roster file or an enrolment authority "
        "from elsewhere than the aggregator, unless trust_aggregator_identities is set");
  }
  if (VersionOf(*policy.identity_root) == 0) {
    return absl::InvalidArgumentError("policy.identity_root: its version must be at least 1");
  }
  const bool empty = std::visit(
      [](const auto& one) {
        if constexpr (requires { one.keys; }) {
          return one.keys.empty();
        } else {
          return one.identities.empty();
        }
      },
      *policy.identity_root);
  if (empty) return absl::InvalidArgumentError("policy.identity_root: vouches for nobody");
  return absl::OkStatus();
}

absl::Status CheckHeader(const SessionPolicy& policy, const v1::SessionHeader& header,
                         const std::optional<crypto::Digest>& model_hash) {
  absl::Status status = CheckStrength(policy, header);
  if (status.ok()) status = CheckVector(policy.expected, header.vector());
  if (status.ok()) status = CheckRoot(policy, header);
  if (status.ok()) status = CheckModel(policy, header, model_hash);
  return status;
}

absl::Status CheckInRosterFile(const SessionPolicy& policy,
                               const crypto::IdentityPublicKey& identity) {
  if (policy.identity_root == nullptr) return absl::OkStatus();
  const auto* roster = std::get_if<IdentityRoster>(policy.identity_root.get());
  if (roster == nullptr || roster->identities.contains(identity)) return absl::OkStatus();
  return NotEnrolled(identity, absl::StrCat("takes part, but is not in version ", roster->version,
                                            " of the roster file that this client insists on"));
}

absl::Status CheckEnrolment(const SessionPolicy& policy, const crypto::IdentityPublicKey& identity,
                            absl::string_view enrolment_signature) {
  if (policy.identity_root == nullptr) return absl::OkStatus();
  const auto* authority = std::get_if<EnrolmentAuthority>(policy.identity_root.get());
  if (authority == nullptr) return absl::OkStatus();
  if (enrolment_signature.empty()) {
    return NotEnrolled(identity,
                       "takes part without the enrolment signature that this client insists on");
  }
  if (crypto::CheckEnrolment(authority->keys, identity, authority->version,
                             crypto::AsBytes(enrolment_signature))
          .ok()) {
    return absl::OkStatus();
  }
  return NotEnrolled(identity, absl::StrCat("takes part with an enrolment signature that is not of "
                                            "an authority this client insists on, for version ",
                                            authority->version));
}

}  // namespace veilsum::client
