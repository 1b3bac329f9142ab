// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Who shares and masks with whom in a session: what each client and the aggregator work out for
// themselves from the header, n and T1. docs/protocol.md, "Neighbour graphs" and "Parameters".
// Pure and thread-safe.
#ifndef VEILSUM_PROTO_SESSION_GRAPH_H_
#define VEILSUM_PROTO_SESSION_GRAPH_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "crypto/graph/neighbour_graph.h"
#include "crypto/graph/parameters.h"
#include "crypto/primitives/bytes.h"
#include "proto/operator.pb.h"
#include "proto/session.pb.h"

namespace veilsum {

// What to ask crypto::PlanGraph for k and t of a session of `clients`. Header and task are valid.
crypto::GraphRequest GraphRequestOf(const v1::SessionHeader& header, uint32_t clients);
crypto::GraphRequest GraphRequestOf(const v1::Task& task, uint32_t clients);

// The graph of a session. `degree` is k, `transcript` T1. INVALID_ARGUMENT for what no plan gives.
absl::StatusOr<crypto::NeighbourGraph> DrawGraph(const v1::SessionHeader& header, uint32_t clients,
                                                 uint32_t degree, const crypto::Digest& transcript);

}  // namespace veilsum

#endif  // VEILSUM_PROTO_SESSION_GRAPH_H_
