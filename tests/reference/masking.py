# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md, "Masks": PRG, lanes, packing."""

import hashes


def lane_bits(modulus_bits):
    """The narrowest of 16, 32 and 64 bits that holds B."""
    return next(width for width in (16, 32, 64) if width >= modulus_bits)


def mask(seed, width, count, first=0):
    """Elements first, first + 1, … of PRG(seed), in lanes of so many bits."""
    lane_bytes = width // 8
    read = hashes.key_stream(hashes.kdf(seed, b"", "mask stream"), first * lane_bytes)
    stream = read(count * lane_bytes)
    return [
        int.from_bytes(stream[i : i + lane_bytes], "little")
        for i in range(0, len(stream), lane_bytes)
    ]


def add(vector, other, sign, width):
    """vector ± other, modulo the lane."""
    return [(a + sign * b) % 2**width for a, b in zip(vector, other, strict=True)]


def packed_bytes(count, bits):
    return (count * bits + 7) // 8


def pack(elements, bits):
    number = sum((element % 2**bits) << (i * bits) for i, element in enumerate(elements))
    return number.to_bytes(packed_bytes(len(elements), bits), "little")


def unpack(packed, bits, count):
    """The elements; ValueError where the length or the filling is wrong."""
    number = int.from_bytes(packed, "little")
    if not 0 < bits <= 64 or len(packed) != packed_bytes(count, bits):
        raise ValueError("another length than the elements take")
    if number >> (count * bits):
        raise ValueError("the last byte is not filled up with zeros")
    return [(number >> (i * bits)) % 2**bits for i in range(count)]
