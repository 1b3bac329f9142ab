// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How pure code asks for cores without knowing threads.
#ifndef VEILSUM_AGGREGATOR_ACCUMULATE_PARALLEL_FOR_H_
#define VEILSUM_AGGREGATOR_ACCUMULATE_PARALLEL_FOR_H_

#include <cstddef>
#include <functional>

namespace veilsum::aggregator {

// Calls body(0) … body(count - 1), each exactly once, in any order, from any threads, and returns
// when all have returned. What the bodies wrote is visible to the caller then.
using ParallelFor =
    std::function<void(size_t count, const std::function<void(size_t index)>& body)>;

// On the caller's own thread.
inline void SerialFor(size_t count, const std::function<void(size_t index)>& body) {
  for (size_t index = 0; index < count; ++index) body(index);
}

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_ACCUMULATE_PARALLEL_FOR_H_
