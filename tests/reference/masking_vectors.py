# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""v1/masking.json: masks and packed vectors."""

import hashlib
import json

import masking


def mask_cases():
    seeds = [bytes(32), bytes(range(32)), bytes([255] * 32), hashlib.sha256(b"mask").digest()]
    for seed in seeds:
        for lane_bits in (16, 32, 64):
            # At the start, inside a block, across the end of a tile, and far out.
            for first in (0, 3, 8191, 1_000_003, 2**33 + 5):
                values = masking.mask(seed, lane_bits, 6, first)
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
                "packed": masking.pack(elements, bits).hex(),
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


def text():
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
    return '{\n"version": 1,\n' + body + "\n}\n"
