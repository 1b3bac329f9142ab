# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md, "Shamir sharing"."""

import struct

PRIME = 2**61 - 1
LIMB_BYTES = (7, 7, 7, 7, 4)
SHARE_BYTES = 40


class BadShares(ValueError):
    """Shares that nothing can be made of."""


def limbs_of(secret):
    return [int.from_bytes(secret[7 * i :][:size], "little") for i, size in enumerate(LIMB_BYTES)]


def draw(read):
    while True:
        value = int.from_bytes(read(8), "little") % 2**61
        if value != PRIME:
            return value


def split(secret, threshold, xs, read):
    """A share for each x; read(size) gives the polynomials' random bytes."""
    powers = [limbs_of(secret)]
    for _ in range(1, threshold):
        powers.append([draw(read) for _ in LIMB_BYTES])
    shares = []
    for x in xs:
        values = [
            sum(limbs[limb] * pow(x, power, PRIME) for power, limbs in enumerate(powers)) % PRIME
            for limb in range(len(LIMB_BYTES))
        ]
        shares.append(struct.pack("<5Q", *values))
    return shares


def parse(share):
    """The five values of a share."""
    if len(share) != SHARE_BYTES:
        raise BadShares("a share of another length than 40 bytes")
    values = struct.unpack("<5Q", share)
    if max(values) >= PRIME:
        raise BadShares("a value outside the field")
    return values


def reconstruct(shares):
    """The secret that [(x, share)] hold: as many as the threshold, more do not matter."""
    parsed = {x: parse(share) for x, share in shares}
    if not shares or 0 in parsed or len(parsed) < len(shares):
        raise BadShares("no shares, or one at x = 0, or two at one place")
    secret = b""
    for limb, size in enumerate(LIMB_BYTES):
        total = 0
        for x, values in parsed.items():
            term = values[limb]
            for other in parsed:
                if other != x:
                    term = term * other * pow(other - x, PRIME - 2, PRIME) % PRIME
            total += term
        total %= PRIME
        if total >= 256**size:
            raise BadShares("a limb that does not fit its bytes")
        secret += total.to_bytes(size, "little")
    return secret
