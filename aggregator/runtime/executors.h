// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Where the aggregator's code runs. Two pools, so that the sums of one session do not hold up the
// messages of another: control runs strands (one per session) and what they tell streams, compute
// folds and unmasks.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_EXECUTORS_H_
#define VEILSUM_AGGREGATOR_RUNTIME_EXECUTORS_H_

#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <cstddef>

#include "aggregator/accumulate/parallel_for.h"

namespace veilsum::aggregator {

using Executor = asio::thread_pool::executor_type;
// Runs what is posted to it one after another, in order.
using Strand = asio::strand<Executor>;

class Executors {
 public:
  // `threads` for each pool, at least 1.
  explicit Executors(size_t threads)
      : control_(threads), compute_(threads), compute_threads_(threads) {}

  Executor control() { return control_.get_executor(); }
  Executor compute() { return compute_.get_executor(); }
  Strand NewControlStrand() { return asio::make_strand(control()); }
  Strand NewComputeStrand() { return asio::make_strand(compute()); }
  // On the compute pool. The caller takes part, so it may be on that pool itself.
  ParallelFor parallel_for();

  // Waits for everything that was posted, and what that posts, and for timers. Call it before this
  // is destroyed: a handler of one pool that never ran may hold what belongs to the other.
  void Join() {
    control_.join();
    compute_.join();
    // What the compute pool posted last.
    control_.join();
  }

 private:
  asio::thread_pool control_;
  asio::thread_pool compute_;
  size_t compute_threads_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_EXECUTORS_H_
