# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Holds wire.py's tables and reasons.py to proto/*.proto, and the codec to known bytes."""

import pathlib
import re
import unittest

import wire
from reasons import Reason

PROTO = pathlib.Path("proto")
FIELD = re.compile(r"^(repeated )?([\w.]+) (\w+) = (\d+);")


def statements(path):
    """Lines without comments."""
    return (re.sub(r"//.*", "", line).strip() for line in path.read_text().splitlines())


def declared_messages():
    """Type -> {number: (name, type, how)}, as wire.MESSAGES has it."""
    found, enums, blocks = {}, set(), []
    for path in sorted(PROTO.glob("*.proto")):
        for line in statements(path):
            opened = re.match(r"(message|enum|oneof|service) (\w+) \{", line)
            if opened:
                blocks.append(opened.groups())
                name = ".".join(n for kind, n in blocks if kind in ("message", "enum"))
                if opened[1] == "message":
                    found[name] = {}
                elif opened[1] == "enum":
                    enums.add(opened[2])
            field = FIELD.match(line)
            if field and blocks[-1][0] in ("message", "oneof"):
                owner = ".".join(n for kind, n in blocks if kind == "message")
                how = "*" if field[1] else "?" if blocks[-1][0] == "oneof" else ""
                found[owner][int(field[4])] = (field[3], field[2], how)
            if line.endswith("}") and blocks:
                blocks.pop()
    return found, enums


class Tables(unittest.TestCase):
    def test_messages_are_those_of_the_proto_files(self):
        declared, enums = declared_messages()
        for name, fields in wire.MESSAGES.items():
            expected = {}
            for number, (field, kind, how) in declared[name].items():
                nested = f"{name}.{kind}"
                kind = "enum" if kind in enums else nested if nested in declared else kind
                expected[number] = (field, kind, how)
            self.assertEqual(fields, expected, name)

    def test_reasons_are_those_of_the_proto_file(self):
        text = (PROTO / "reason.proto").read_text()
        declared = {n: int(v) for n, v in re.findall(r"REASON_(\w+) = (\d+);", text)}
        for reason in Reason:
            self.assertEqual(declared[reason.name], reason.value)


class Codec(unittest.TestCase):
    def test_known_bytes(self):
        spec = wire.message("VectorSpec", dimension=300, clip=2.0, modulus_bits=21)
        self.assertEqual(wire.encode("VectorSpec", spec).hex(), "08ac0215000000403015")

    def test_an_empty_member_of_a_oneof_is_written(self):
        share = wire.message("RevealedShare", owner=1, mask_key_share=b"")
        self.assertEqual(wire.encode("RevealedShare", share).hex(), "08011a00")
        self.assertEqual(wire.decode("RevealedShare", b"\x08\x01\x1a\x00"), share)

    def test_unknown_fields_are_skipped(self):
        data = bytes.fromhex("0a010f1205abcdef0102")
        self.assertEqual(wire.decode("SurvivorSet", data).survivors, b"\x0f")

    def test_broken_bytes(self):
        for broken in ("0a", "0a02ff", "0b", "ffffffffffffffffffffff01"):
            with self.assertRaises(wire.Malformed):
                wire.decode("SurvivorSet", bytes.fromhex(broken))


if __name__ == "__main__":
    unittest.main()
