// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What an aggregator has in its hands when it unmasks, made up without a session: true shares of
// true keys, so that reconstruction and key agreement do all of their work.
#ifndef VEILSUM_TESTS_BENCH_SYNTHETIC_UNMASK_H_
#define VEILSUM_TESTS_BENCH_SYNTHETIC_UNMASK_H_

#include <cstdint>

#include "aggregator/protocol/unmask_plan.h"
#include "crypto/graph/parameters.h"

namespace veilsum::bench {

// Of the clients, `dropouts` have left after they shared their keys; they are spread over the
// roster. Everybody else has answered. Dies where no such graph can be planned.
aggregator::UnmaskPlan MakeUnmaskPlan(const crypto::GraphRequest& request, uint32_t dropouts);

}  // namespace veilsum::bench

#endif  // VEILSUM_TESTS_BENCH_SYNTHETIC_UNMASK_H_
