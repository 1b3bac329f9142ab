// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Which clients of a swarm leave for good, and in which round: they have answered the rounds before
// it, and say nothing from it on, as a process that was killed.
#ifndef VEILSUM_TESTS_LOAD_DROPOUTS_H_
#define VEILSUM_TESTS_LOAD_DROPOUTS_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/participant.pb.h"

namespace veilsum::load {

class Dropouts {
 public:
  // ROUND:FRACTION,… of all clients; empty: nobody leaves. INVALID_ARGUMENT saying what is wrong,
  // also where nobody would be left.
  static absl::StatusOr<Dropouts> Parse(absl::string_view text);

  // For each client the round in which it leaves; ROUND_UNSPECIFIED: it stays.
  std::vector<v1::Round> Of(uint32_t clients) const;

 private:
  std::map<v1::Round, double> fractions_;
};

// Whether the input of a client that leaves then is in the sum all the same.
inline bool IsIncluded(v1::Round leaves) {
  return leaves == v1::ROUND_UNSPECIFIED || leaves == v1::ROUND_CONSISTENCY_CHECK ||
         leaves == v1::ROUND_UNMASKING;
}

}  // namespace veilsum::load

#endif  // VEILSUM_TESTS_LOAD_DROPOUTS_H_
