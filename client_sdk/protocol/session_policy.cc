// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/protocol/session_policy.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
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

}  // namespace

absl::Status CheckHeader(const SessionPolicy& policy, const v1::SessionHeader& header) {
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
  if (header.vector().modulus_bits() > policy.greatest_modulus_bits) {
    return Weaker("modulus_bits", header.vector().modulus_bits(), "at most",
                  policy.greatest_modulus_bits);
  }
  if (policy.dimension.has_value() && header.vector().dimension() != *policy.dimension) {
    return Weaker("dimension", header.vector().dimension(), "exactly", *policy.dimension);
  }
  return absl::OkStatus();
}

}  // namespace veilsum::client
