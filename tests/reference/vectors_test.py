# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""The committed vectors are what the reference makes, and it refuses what must be refused."""

import csv
import json
import pathlib
import unittest

import keys
import masking
import parameters
import sharing
import transcript_replay
import write_vectors

FOLDER = pathlib.Path("tests/vectors/v1")
PREFIX = "veilsum/1 "


def load(name):
    return json.loads((FOLDER / name).read_text())


class Files(unittest.TestCase):
    def test_are_what_the_reference_makes(self):
        for name, text in write_vectors.FILES.items():
            with self.subTest(name):
                self.assertTrue(text() == (FOLDER / name).read_text(), f"{name} is another")

    def test_graph_parameters(self):
        checked = 0
        with open(FOLDER / "graph_parameters.csv", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["tier"] != "semi_honest":
                    continue
                rates = float(row["gamma"]), float(row["delta"])
                expected = int(row["k"]), int(row["t"])
                self.assertEqual(parameters.harary(int(row["n"]), *rates), expected, row)
                checked += 1
        self.assertGreater(checked, 60)


class BadPrimitives(unittest.TestCase):
    primitives = load("primitives.json")

    def test_keys(self):
        for case in self.primitives["bad_agreement_keys"]:
            self.assertFalse(keys.good_agreement_key(bytes.fromhex(case["key"])), case["why"])
        for case in self.primitives["bad_identities"]:
            self.assertFalse(keys.good_identity(bytes.fromhex(case["key"])), case["why"])

    def test_signatures_and_ciphertexts(self):
        for case in self.primitives["bad_signatures"]:
            names = ("identity", "digest", "signature")
            identity, digest, signature = (bytes.fromhex(case[name]) for name in names)
            label = case["label"].removeprefix(PREFIX)
            self.assertFalse(keys.verify(identity, label, digest, signature), case["why"])
        for case in self.primitives["bad_ciphertexts"]:
            names = ("key", "ciphertext", "associated_data")
            self.assertIsNone(keys.unseal(*(bytes.fromhex(case[n]) for n in names)), case["why"])

    def test_shares(self):
        for case in self.primitives["bad_shares"]:
            with self.assertRaises(sharing.BadShares, msg=case["why"]):
                sharing.reconstruct([(case["x"], bytes.fromhex(case["share"]))])
        for case in self.primitives["bad_reconstructions"]:
            shares = [(x, bytes.fromhex(s)) for x, s in zip(case["xs"], case["shares"])]
            with self.assertRaises(sharing.BadShares, msg=case["why"]):
                sharing.reconstruct(shares)

    def test_shares_give_back_their_secret(self):
        for case in self.primitives["sharings"]:
            shares = list(zip(case["xs"], map(bytes.fromhex, case["shares"])))
            secret = sharing.reconstruct(shares[-case["threshold"] :])
            self.assertEqual(secret.hex(), case["secret"])

    def test_packing(self):
        for case in load("masking.json")["bad_packing"]:
            with self.assertRaises(ValueError, msg=case["why"]):
                masking.unpack(bytes.fromhex(case["packed"]), case["bits"], case["count"])


class BadSteps(unittest.TestCase):
    def check(self, transcript, bad):
        for one in bad["bad_steps"]:
            answer = transcript_replay.answer_to_bad(transcript, one)
            self.assertEqual(answer, one["reason"], one["name"])

    def test_semi_honest(self):
        self.check(load("transcript_complete.json"), load("transcript_bad.json"))

    def test_malicious(self):
        self.check(load("transcript_malicious.json"), load("transcript_malicious_bad.json"))


if __name__ == "__main__":
    unittest.main()
