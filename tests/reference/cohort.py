# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""What client and aggregator both work out once the roster is closed: T1, k, t, the graph."""

import graph
import hashes
import parameters
import wire
from reasons import Reason, Refusal

SEMI_HONEST, MALICIOUS = 1, 2  # Tier of proto/session.proto.
OPERATOR, PARTICIPANTS, BOTH = 1, 2, 3  # Audience.


class Cohort:
    """A header and its roster, [(identity, entry hash)] by position."""

    def __init__(self, header_bytes, seats):
        self.header = wire.decode("SessionHeader", header_bytes)
        self.header_hash = hashes.header_hash(header_bytes)
        self.seats, self.n = seats, len(seats)
        self.t1 = hashes.transcript(self.header_hash, hashes.roster_root(seats))
        self.is_complete = self.header.graph == graph.COMPLETE
        rates = (self.header.corruption_rate, self.header.dropout_rate)
        try:
            self.degree, self.threshold = parameters.plan(self.header.graph, self.n, *rates)
        except parameters.Infeasible as error:
            raise Refusal(Reason.INFEASIBLE_PARAMETERS, str(error)) from error
        self.neighbours = graph.neighbours(self.header.graph, self.n, self.degree, self.t1)
        self.corrupted = int(parameters.rounded(rates[0]) * self.n)
        if self.is_complete and rates[0] > 0:
            self.corrupted = max(1, self.corrupted)

    def party(self, position):
        """As hashes name somebody."""
        return position, self.seats[position][0]

    def holders(self, dealer):
        """Who gets shares: the neighbours and, on the complete graph, the dealer itself."""
        return sorted(self.neighbours[dealer] + [dealer] * self.is_complete)

    def counted(self, position, group):
        """How many of the group count towards this client's t."""
        return len(group.intersection(self.holders(position)))

    def survivor_root(self, survivors):
        return hashes.survivor_root(self.t1, hashes.bitmap(survivors, self.n))
