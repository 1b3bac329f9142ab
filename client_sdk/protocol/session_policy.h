// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a client insists on: a session that is weaker is refused, whatever the aggregator says.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_SESSION_POLICY_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_SESSION_POLICY_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "proto/session.pb.h"

namespace veilsum::client {

struct SessionPolicy {
  v1::Tier least_tier = v1::TIER_SEMI_HONEST;
  uint32_t least_min_survivors = 2;
  double least_corruption_rate = 0.0;
  uint32_t greatest_modulus_bits = 63;
  std::optional<uint64_t> dimension;  // Of the caller's vector, where it is known before.
};

// OK, or FAILED_PRECONDITION saying what the session offers and what this client insists on.
absl::Status CheckHeader(const SessionPolicy& policy, const v1::SessionHeader& header);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_SESSION_POLICY_H_
