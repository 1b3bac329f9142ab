// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Where the transport's code runs: on a pool of threads that many clients share, the state of each
// client on a strand of its own. gRPC's threads only post to it.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_EXECUTION_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_EXECUTION_H_

#include <asio.hpp>
#include <utility>

namespace veilsum::client {

using PoolExecutor = asio::thread_pool::executor_type;
using Strand = asio::strand<PoolExecutor>;

// Posts from a thread that the pool does not own. The pool's join() waits until this has
// returned, so that nothing of the pool is touched after its end.
template <class Task>
void PostFromOutside(const Strand& strand, Task&& task) {
  const auto work = asio::make_work_guard(strand.get_inner_executor());
  const Strand local = strand;  // `strand` may die with `task`; destroyed before `work`.
  asio::post(local, std::forward<Task>(task));
}

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_EXECUTION_H_
