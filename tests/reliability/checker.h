// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Judges a history. What it finds is a failure of the aggregator, or of a client:
//
//   - a session that a client was offered and the operator does not know, where the aggregator
//     stores sessions, or whose end nobody knows;
//   - one that was aborted without a reason;
//   - one that completed with a sum that is not that of the inputs of those whom it names, or with
//     fewer of them than the task allows;
//   - a client with a durable receipt that is not among them;
//   - two survivor sets, two results, or a client whose aggregation was a success of another
//     result than the operator's.
//
// No failure: a session that was aborted, with a reason, at any time, whatever receipts were given;
// a client that is left out, without a durable receipt. Pure. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_CHECKER_H_
#define VEILSUM_TESTS_RELIABILITY_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "crypto/primitives/identity.h"
#include "tests/reliability/history.h"

namespace veilsum::reliability {

struct Expectations {
  std::vector<crypto::IdentityPublicKey> clients;  // By their number.
  uint32_t min_survivors = 0;
  // The aggregator stores its sessions: each of them is known for good.
  bool durable = true;
};

// Each a sentence; none: all is well.
std::vector<std::string> Check(const ClientViews& clients, const OperatorViews& sessions,
                               const Expectations& expected);

// The input of a client in every session: only the element of its own number is at the clip, all
// others are at its negative. So each element of the sum says how often, with which weight, its
// client was counted.
std::vector<float> InputOf(int client, uint64_t dimension);

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_CHECKER_H_
