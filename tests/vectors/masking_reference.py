#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Writes v1/masking.json: masks and packed vectors, computed without any code of Veilsum.

AES-128-CTR is the openssl command's, HKDF is written out over Python's HMAC, packing is arithmetic
on one big integer. Run it in this folder only to change the protocol on purpose:
    ./masking_reference.py > v1/masking.json
"""

import hashlib
import hmac
import json
import struct
import subprocess

LABEL = b"veilsum/1 mask stream"


def hkdf_sha256(secret, info, size):
    pseudorandom_key = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    out, block = b"", b""
    for counter in range(1, 256):
        if len(out) >= size:
            break
        block = hmac.new(pseudorandom_key, block + info + bytes([counter]), hashlib.sha256).digest()
        out += block
    return out[:size]


def aes_128_ctr(key, counter, size):
    command = ["openssl", "enc", "-aes-128-ctr", "-K", key.hex(), "-iv", counter.hex()]
    return subprocess.run(command, input=bytes(size), capture_output=True, check=True).stdout


def key_stream(seed, first_byte, size):
    expanded = hkdf_sha256(seed, struct.pack(">Q", len(LABEL)) + LABEL, 32)
    start = (int.from_bytes(expanded[16:], "big") + first_byte // 16) % 2**128
    skip = first_byte % 16
    return aes_128_ctr(expanded[:16], start.to_bytes(16, "big"), skip + size)[skip:]


def mask(seed, lane_bits, first, count):
    width = lane_bits // 8
    stream = key_stream(seed, first * width, count * width)
    return [int.from_bytes(stream[i * width : (i + 1) * width], "little") for i in range(count)]


def pack(elements, bits):
    number = sum((element % 2**bits) << (i * bits) for i, element in enumerate(elements))
    return number.to_bytes((len(elements) * bits + 7) // 8, "little")


def mask_cases():
    seeds = [bytes(32), bytes(range(32)), bytes([255] * 32), hashlib.sha256(b"mask").digest()]
    for seed in seeds:
        for lane_bits in (16, 32, 64):
            # At the start, inside a block, across the end of a tile, and far out.
            for first in (0, 3, 8191, 1_000_003, 2**33 + 5):
                values = mask(seed, lane_bits, first, 6)
                yield {
                    "seed": seed.hex(),
                    "lane_bits": lane_bits,
                    "first_element": str(first),
                    "values": [str(value) for value in values],
                }


def packing_cases():
    for bits in range(1, 65):
        for count in (1, 8, 11):
            # The low and high ends of the range, and bits from everywhere.
            elements = [0, 2**bits - 1, 1, 2 ** (bits - 1)] + [
                int.from_bytes(hashlib.sha256(bytes([bits, i])).digest()[:8], "big") % 2**bits
                for i in range(7)
            ]
            elements = (elements if count > 1 else elements[1:])[:count]
            yield {
                "bits": bits,
                "elements": [str(element) for element in elements],
                "packed": pack(elements, bits).hex(),
            }


BAD_PACKING = [
    {"why": "a byte too few", "bits": 20, "count": 8, "packed": "00" * 19},
    {"why": "a byte too many", "bits": 20, "count": 8, "packed": "00" * 21},
    {"why": "bytes without elements", "bits": 20, "count": 0, "packed": "00"},
    {"why": "the last padding bit is set", "bits": 20, "count": 1, "packed": "000080"},
    {"why": "the first padding bit is set", "bits": 20, "count": 1, "packed": "000010"},
    {"why": "padding of ones", "bits": 1, "count": 1, "packed": "fe"},
    {"why": "elements of no bits", "bits": 0, "count": 8, "packed": ""},
    {"why": "elements of more than 64 bits", "bits": 65, "count": 8, "packed": "00" * 65},
]


def main():
    # One case to a line, so that a change is one line of a diff.
    sections = {
        "masks": list(mask_cases()),
        "packing": list(packing_cases()),
        "bad_packing": BAD_PACKING,
    }
    body = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]"
        for name, cases in sections.items()
    )
    print('{\n"version": 1,\n' + body + "\n}")


if __name__ == "__main__":
    main()
