# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md, "Parameters": k and t, with integers and fractions, so without rounding."""

from fractions import Fraction
from math import comb, floor

import graph

SIGMA, ETA = 40, 20


class Infeasible(ValueError):
    """There are no k and t."""


def rounded(rate):
    """The nearest multiple of 10^-9; of a positive rate at least one."""
    billionths = floor(Fraction(rate) * 10**9 + Fraction(1, 2))
    return Fraction(max(billionths, 1) if rate > 0 else billionths, 10**9)


def terms(population, marked, draws):
    """C(population, draws) · Pr[X = hits], hits = 0 … draws, X ~ Hyp(population, marked, draws).

    Term by term, each from the one before it: C(m, h) · C(p - m, d - h).
    """
    least, most = max(0, draws - (population - marked)), min(marked, draws)
    found = [0] * (draws + 1)
    found[least] = comb(marked, least) * comb(population - marked, draws - least)
    for hits in range(least, most):
        step = found[hits] * (marked - hits) * (draws - hits)
        found[hits + 1] = step // ((hits + 1) * (population - marked - draws + hits + 1))
    return found


def complete(n, corruption_rate, dropout_rate):
    gamma, delta = rounded(corruption_rate), rounded(dropout_rate)
    corrupted = max(1, floor(gamma * n)) if gamma > 0 else 0
    threshold = max(2, (n + corrupted) // 2 + 1)
    if n - floor(delta * n) < threshold:
        raise Infeasible(f"fewer than {threshold} of {n} clients are left after the dropouts")
    return n - 1, threshold


def harary_threshold(n, corrupted, dropouts, degree):
    """The threshold for this degree, or None."""
    everything = comb(n, degree)
    unconnected = n * (n - degree - 1) * comb(corrupted + dropouts, degree)
    if unconnected * 2**SIGMA > everything:  # The halves of both sides cancel out.
        return None
    most_corrupted, more = degree, 0  # more: the weight of X_A > most_corrupted - 1
    for hits, term in reversed(list(enumerate(terms(n, corrupted, degree)))):
        more += term
        if n * more * 2 ** (SIGMA + 1) > everything:
            break
        most_corrupted = hits - 1
    threshold = max(2, most_corrupted + 1)
    too_few = sum(terms(n, n - dropouts, degree)[:threshold])
    return threshold if n * too_few * 2**ETA <= everything else None


def harary(n, corruption_rate, dropout_rate):
    gamma, delta = rounded(corruption_rate), rounded(dropout_rate)
    if gamma + delta >= 1:
        raise Infeasible("corruption and dropouts leave nobody")
    corrupted, dropouts = floor(gamma * n), floor(delta * n)
    for degree in range(2, n - 1, 2):
        threshold = harary_threshold(n, corrupted, dropouts, degree)
        if threshold:
            return degree, threshold
    raise Infeasible(f"no graph of {n} clients is sparse and safe")


def plan(rule, n, corruption_rate, dropout_rate):
    """(k, t)."""
    planner = complete if rule == graph.COMPLETE else harary
    return planner(n, corruption_rate, dropout_rate)
