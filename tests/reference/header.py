# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""What a client looks at before it takes part: docs/protocol.md, "The session header" and
"Identities"."""

from dataclasses import dataclass
from math import floor, isfinite

import cohort
import encoding
import graph
import hashes
import keys
import parameters
from reasons import Reason, require

PROTOCOL_VERSION = 1
MOST_DEADLINE_MS = 7 * 24 * 3600 * 1000
MOST_CLIENTS = {graph.COMPLETE: 1000, graph.HARARY: 10000}


@dataclass(frozen=True)
class Policy:
    """What one client insists on, and whose identities it believes in."""

    least_tier: int = cohort.MALICIOUS
    least_min_survivors: int = 3
    model_hash: bytes = b""  # Of what the caller really trained.
    roster: frozenset = None  # A roster file's identities, or
    authorities: tuple = ()  # public keys of enrolment authorities;
    roster_version: int = 0  # which issue of either.
    trust_aggregator_identities: bool = False


def check_form(header):
    """Raises Refusal for a header that no session can have."""
    spec, rates = header.vector, (header.corruption_rate, header.dropout_rate)
    bad = Reason.HEADER_REFUSED
    require(header.protocol_version == PROTOCOL_VERSION, Reason.UNSUPPORTED, "protocol version")
    require(len(header.session_id) == 16 and header.task_id, bad, "session and task id")
    require(header.tier in (cohort.SEMI_HONEST, cohort.MALICIOUS), bad, "tier")
    require(header.graph in MOST_CLIENTS, bad, "graph rule")
    require(header.audience in (1, 2, 3), bad, "audience")
    require(len(header.model_hash) in (0, 32), bad, "model hash")
    require(all(0 <= rate < 1 for rate in rates), bad, "rates")
    require(2 <= header.min_survivors <= header.max_clients, bad, "n_min and n_max")
    require(header.max_clients <= MOST_CLIENTS[header.graph], bad, "n_max")
    require(spec and spec.dimension > 0 and 1 <= spec.quantisation_bits <= 24, bad, "vector")
    require(isfinite(spec.clip) and spec.clip > 0 and spec.max_weight >= 1, bad, "vector")
    bits = encoding.modulus_bits(header.max_clients, spec.max_weight, spec.quantisation_bits)
    require(spec.modulus_bits == bits <= 63, bad, f"the modulus must have {bits} bits")
    require(header.deadlines, bad, "deadlines")
    check_deadlines(header.deadlines, header.tier)
    if header.tier == cohort.MALICIOUS:
        gamma = parameters.rounded(header.corruption_rate)
        corrupted = max(1, floor(gamma * header.max_clients))
        require(header.graph == graph.COMPLETE, bad, "the malicious tier is for complete graphs")
        require(gamma > 0, bad, "no corrupted clients in the malicious tier")
        require(header.min_survivors >= corrupted + 2, bad, f"n_min is below {corrupted} + 2")


def check_deadlines(deadlines, tier):
    for name, milliseconds in vars(deadlines).items():
        least = 0 if name == "consistency_check_ms" and tier == cohort.SEMI_HONEST else 1
        require(least <= milliseconds <= MOST_DEADLINE_MS, Reason.HEADER_REFUSED, name)


def check_policy(header, policy):
    """Raises Refusal for a header that is good, but not for this client."""
    bad = Reason.HEADER_REFUSED
    require(header.tier >= policy.least_tier, bad, "a weaker tier than this client's")
    require(header.min_survivors >= policy.least_min_survivors, bad, "n_min is too low")
    require(header.model_hash == policy.model_hash, Reason.MODEL_MISMATCH, "another model")
    has_root = policy.roster is not None or policy.authorities
    if has_root:
        require(header.roster_version == policy.roster_version, bad, "another roster version")
    elif header.tier == cohort.MALICIOUS:
        require(policy.trust_aggregator_identities, Reason.NOT_ENROLLED, "no identity root")


def check_vouched(policy, identity, enrolment_signature):
    """Raises Refusal for an identity that the client's root knows nothing of."""
    if policy.roster is not None:
        require(identity in policy.roster, Reason.NOT_ENROLLED, "not in the roster file")
    if policy.authorities:
        digest = hashes.enrolment_digest(identity, policy.roster_version)
        vouched = any(
            keys.verify(authority, "enrolment signature", digest, enrolment_signature)
            for authority in policy.authorities
        )
        require(vouched, Reason.NOT_ENROLLED, "no authority vouches for it")
