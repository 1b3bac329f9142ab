# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md, "Neighbour graphs"."""

import hashes

COMPLETE, HARARY = 1, 2  # GraphRule of proto/session.proto.


def uniform(read, bound):
    """A number in 0 … bound - 1."""
    limit = 2**64 - 2**64 % bound
    while True:
        value = int.from_bytes(read(8), "little")
        if value < limit:
            return value % bound


def harary_ring(n, seed):
    read = hashes.deterministic_stream(seed, "graph permutation")
    ring = list(range(n))
    for i in range(n - 1, 0, -1):
        j = uniform(read, i + 1)
        ring[i], ring[j] = ring[j], ring[i]
    return ring


def neighbours(rule, n, degree, t1):
    """For each position the sorted positions of its neighbours."""
    if rule == COMPLETE:
        return [[other for other in range(n) if other != own] for own in range(n)]
    ring = harary_ring(n, hashes.graph_seed(t1))
    found = [None] * n
    for place, position in enumerate(ring):
        steps = range(1, degree // 2 + 1)
        found[position] = sorted(ring[(place + s) % n] for step in steps for s in (step, -step))
    return found
