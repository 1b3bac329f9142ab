// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Named points at the durable steps, for tests that end the process there. Nothing in the product
// sets the hook: it costs one load.
#ifndef VEILSUM_AGGREGATOR_STORE_FAILPOINT_H_
#define VEILSUM_AGGREGATOR_STORE_FAILPOINT_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>

namespace veilsum::aggregator {

// Called with the name of every point that is passed, on whichever thread. Set once, before any
// other thread runs.
using FailpointHook = void (*)(const char* name);
inline std::atomic<FailpointHook> failpoint_hook{nullptr};

// The stores' own. Of the blobs' removal nothing is promised, so nothing is named.
inline constexpr const char* kStoreFailpoints[] = {
    "store.before_commit",       "store.after_commit", "store.before_truncate",
    "store.after_truncate",      "blob.before_write",  "blob.half_written",
    "blob.before_fsync",         "blob.before_rename", "blob.after_rename",
    "blob.after_directory_sync",
};
// All of them: and those of the sessions that use the stores.
inline constexpr auto kFailpoints = [] {
  std::array<const char*, std::size(kStoreFailpoints) + 1> all = {};
  *std::copy(std::begin(kStoreFailpoints), std::end(kStoreFailpoints), all.begin()) =
      "session.unmasked";
  return all;
}();

inline void Failpoint(const char* name) {
  if (const FailpointHook hook = failpoint_hook.load(std::memory_order_relaxed)) hook(name);
}

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_FAILPOINT_H_
