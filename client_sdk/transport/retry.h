// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// When and whether to try again. Pure: the randomness is injected, the caller does the waiting.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_RETRY_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_RETRY_H_

#include <cstdint>
#include <random>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace veilsum::client {

inline constexpr absl::Duration kLeastBackoff = absl::Milliseconds(200);
inline constexpr absl::Duration kGreatestBackoff = absl::Seconds(10);
// Within a session: an aggregator that starts again gives its clients 10 s to come back before a
// phase goes on without them.
inline constexpr absl::Duration kGreatestBackoffInSession = absl::Seconds(3);

// May the same call succeed later? With a reason of ours the reason decides (overload, a draining
// or restarting aggregator), and a retry delay always means yes. Without one the code does: broken
// connections (also a stream that simply ended, OK) are worth another try; bad arguments, missing
// rights and missing things are not.
bool IsTransient(const absl::Status& status);

// Exponential backoff: the n-th delay in a row is drawn evenly from the upper half of
// kLeastBackoff · 2^n, up to the greatest, so that clients cut off together do not come back
// together. Never gives up: how long to go on is the caller's to know. Not thread-safe.
class Backoff {
 public:
  explicit Backoff(uint64_t seed) : random_(static_cast<std::minstd_rand::result_type>(seed)) {}

  // Not less than the delay that `status` asks for, and up to a quarter more: the same delay was
  // asked of all others.
  absl::Duration Next(const absl::Status& status, absl::Duration greatest = kGreatestBackoff);
  // After a success.
  void Reset() { failures_ = 0; }

 private:
  std::minstd_rand random_;
  int failures_ = 0;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_RETRY_H_
