# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md, "Vectors": float32 vectors to levels and back."""

import math
import struct

import hashes


def modulus_bits(max_clients, max_weight, quantisation_bits):
    """B: the least number of bits with n_max · W · (2^b − 1) < 2^B."""
    return (max_clients * max_weight * (2**quantisation_bits - 1)).bit_length()


def quantise(spec, update, weight, rounding_seed):
    """The levels, each times the weight, and the weight: d + 1 integers."""
    norm = math.sqrt(sum(value * value for value in update))
    scale = spec.norm_clip / norm if spec.norm_clip and norm > spec.norm_clip else 1.0
    read = hashes.deterministic_stream(rounding_seed, "rounding")
    levels, highest = [], 2**spec.quantisation_bits - 1
    for value in update:
        clipped = min(max(value * scale, -spec.clip), spec.clip)
        exact = min((clipped + spec.clip) * (highest / (2 * spec.clip)), highest)
        level = math.floor(exact)
        level += int.from_bytes(read(4), "little") < (exact - level) * 2**32
        levels.append(level * weight)
    return levels + [weight]


def to_float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def mean(spec, sums):
    """The weighted mean that d + 1 sums stand for, in float32."""
    scale = sums[-1] * (2**spec.quantisation_bits - 1)
    return [to_float32(spec.clip * (2 * one / scale - 1)) for one in sums[:-1]]
