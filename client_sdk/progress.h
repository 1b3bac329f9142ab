// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Part of veilsum.h, which callers include: how far an aggregation is.
// A value, not thread-safe.
#ifndef VEILSUM_CLIENT_SDK_PROGRESS_H_
#define VEILSUM_CLIENT_SDK_PROGRESS_H_

#include <cstdint>
#include <string>

namespace veilsum {

struct Progress {
  enum class Stage {
    kConnecting,  // Also again, after a break; `detail` says what went wrong.
    kWaiting,     // Connected; no session of the task is open yet.
    // Rounds of the protocol: `done` of `total` clients have answered, as the aggregator says now and
    // then; 0 of 0 when the client has just joined the session.
    kAdvertiseKeys,
    kShareKeys,
    kMaskedInputCollection,
    kConsistencyCheck,
    kUnmasking,
    // `done` of `total` bytes of this client's own.
    kUploading,
    kDownloading,
  };
  Stage stage = Stage::kConnecting;
  uint64_t done = 0;
  uint64_t total = 0;
  std::string detail;  // For people; may change between versions.
};

}  // namespace veilsum

#endif  // VEILSUM_CLIENT_SDK_PROGRESS_H_
