# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Whole sessions of the reference by itself: the exact sum, whoever falls silent in any round."""

import unittest

import cohort
import graph
import header as headers
import keys
import masking
import session
import transcript_replay
import transcripts
import wire
from reasons import Reason

SPARSE_CLIENTS = 60


def malicious(silent=None):
    """n = 7, t = 5."""
    header = transcripts.malicious_header(corruption_rate=0.1, dropout_rate=0.3, max_clients=7)
    return session.Session(header, malicious_cast(silent))


def malicious_cast(silent=None):
    policy = transcripts.malicious_policy()
    return session.cast_of(7, policy, transcripts.vector_of, silent, transcripts.enrol)


def semi_honest(count, silent=None, **fields):
    policy = headers.Policy(least_tier=cohort.SEMI_HONEST)
    cast = session.cast_of(count, policy, transcripts.vector_of, silent)
    for actor in cast:
        actor.weight = actor.weight % 100 + 1
    header = transcripts.header_of(
        tier=cohort.SEMI_HONEST, min_survivors=3, max_clients=count, **fields
    )
    return session.Session(header, cast)


class Sessions(unittest.TestCase):
    def check_sum(self, played, included):
        """The sum is that of the clients named, and everybody who is still there has it."""
        core = played.aggregator
        self.assertEqual(core.phase, None)
        named = {played.clients[i].identity for i in included}
        self.assertEqual({core.cohort.seats[p][0] for p in core.survivors}, named)
        bits = core.header.vector.modulus_bits
        inputs = [played.clients[i].quantised() for i in included]
        expected = [sum(column) % 2**bits for column in zip(*inputs)]
        self.assertEqual(core.sum, expected)
        for actor, party in zip(played.cast, played.clients):
            if actor.silent_from == 9:
                self.assertEqual(party.finished, Reason.UNSPECIFIED)
                self.assertEqual(party.result.included, len(included))

    def test_malicious_with_a_dropout_in_each_round(self):
        for silent in range(5):
            with self.subTest(silent_from_round=silent):
                played = malicious({2: silent}).run()
                included = [i for i in range(7) if i != 2 or silent > 2]
                self.check_sum(played, included)

    def test_malicious_with_two_dropouts_in_different_rounds(self):
        for first, second in ((0, 2), (1, 4), (2, 3), (2, 4), (3, 4), (4, 4)):
            with self.subTest(first=first, second=second):
                played = malicious({1: first, 5: second}).run()
                lost = {i for i, r in ((1, first), (5, second)) if r <= 2}
                self.check_sum(played, [i for i in range(7) if i not in lost])

    def test_semi_honest_complete_with_a_dropout_in_each_round(self):
        rates = {"corruption_rate": 0.0, "dropout_rate": 0.2}
        for silent in (0, 1, 2, 4):
            with self.subTest(silent_from_round=silent):
                played = semi_honest(6, {3: silent}, **rates).run()
                self.check_sum(played, [i for i in range(6) if i != 3 or silent > 2])

    def test_semi_honest_sparse_with_dropouts_in_each_round(self):
        rates = {"corruption_rate": 0.05, "dropout_rate": 0.1, "graph": graph.HARARY}
        silent = {4: 0, 11: 1, 20: 2, 33: 4}
        played = semi_honest(SPARSE_CLIENTS, silent, **rates).run()
        self.assertLess(played.aggregator.cohort.degree, SPARSE_CLIENTS - 2)
        self.check_sum(played, [i for i in range(SPARSE_CLIENTS) if i not in (4, 11, 20)])

    def test_one_dropout_too_many_reveals_nothing(self):
        played = malicious({1: 4, 2: 4, 3: 4}).run()
        self.assertIsNone(played.aggregator.sum)
        self.assertEqual(played.clients[0].finished, Reason.BELOW_THRESHOLD)

    def test_too_few_signatures_open_nothing(self):
        played = malicious({1: 3, 2: 3, 3: 3}).run()
        self.assertEqual(played.clients[0].finished, Reason.BELOW_THRESHOLD)
        self.assertFalse(played.aggregator.answers["unmasking"])

    def test_the_same_secrets_make_the_same_bytes(self):
        self.assertEqual(malicious({2: 2}).run().steps, malicious({2: 2}).run().steps)


class Refusals(unittest.TestCase):
    """What one party does to a message that another one has altered."""

    def after(self, name):
        """A session played until client 0 has been given its outcome of this name."""
        played = malicious().run()
        fresh = played.cast[0].client()
        for step in played.steps:
            if step["party"] != "client 0" or step["event"] != "message":
                continue
            data = bytes.fromhex(step["bytes"])
            message = wire.decode("ServerMessage", data)
            if wire.which(message) == name:
                return fresh, message, played
            fresh.receive(data)
        raise AssertionError(name)

    def refuses(self, party, message, reason):
        effects = party.receive(wire.encode("ServerMessage", message))
        self.assertEqual(party.finished, reason)
        sent = [wire.decode("ClientMessage", e[1]) for e in effects if e[0] == "send"]
        self.assertEqual([wire.which(one) for one in sent], ["withdraw"])

    def test_enough_signatures_and_no_more(self):
        for kept, reason in ((4, None), (3, Reason.TOO_FEW_SIGNATURES)):
            party, message, _ = self.after("consistency")
            message.consistency.signatures = message.consistency.signatures[1 : kept + 1]
            if reason is None:
                (effect,) = party.receive(wire.encode("ServerMessage", message))
                self.assertEqual(effect[0], "send")
            else:
                self.refuses(party, message, reason)

    def test_signatures_over_another_survivor_set_do_not_count(self):
        party, message, played = self.after("consistency")
        other = played.aggregator.cohort.survivor_root({0, 1, 2, 3, 4})
        for one, actor in list(zip(message.consistency.signatures, played.cast))[1:4]:
            signature = keys.sign(actor.identity_seed, "survivor signature", other)
            one.survivor_root_signature = signature
        self.refuses(party, message, Reason.TOO_FEW_SIGNATURES)

    def test_an_identity_that_nobody_enrolled(self):
        played = malicious()
        played.clients[3].enrolment = bytes(64)
        played.run()
        self.assertEqual(played.clients[0].finished, Reason.NOT_ENROLLED)
        self.assertIsNone(played.aggregator.sum)

    def test_the_aggregator_keeps_strangers_out(self):
        played = malicious()
        played.clients[3].enrolment = bytes(64)
        played.aggregator.enrolled = transcript_replay.enrolled_by(transcripts.malicious_policy())
        core = played.run().aggregator
        self.assertEqual((core.cohort.n, len(core.survivors)), (6, 6))

    def test_weaker_headers(self):
        cases = {
            "another roster version": {"roster_version": 4},
            "n_min leaves one honest input": {"min_survivors": 2},
            "sparse": {"graph": graph.HARARY},
            "nobody corrupted": {"corruption_rate": 0.0},
        }
        for name, fields in cases.items():
            with self.subTest(name):
                header = transcripts.malicious_header(**fields)
                party = malicious_cast()[0].client()
                offer = wire.message("SessionOffer", header=header)
                party.receive(wire.encode("ServerMessage", {"offer": offer}))
                self.assertEqual(party.finished, Reason.HEADER_REFUSED)

    def test_a_dealer_whose_secret_is_not_the_one_it_stands_for(self):
        played = malicious({6: 2})
        dealer = played.clients[6]
        offered = dealer.offer

        def lie(offer):
            effects = offered(offer)
            dealer.keys.m = bytes(32)  # Its mask key was made of another.
            return effects

        dealer.STEPS = {**dealer.STEPS, "offer": lambda self, offer: lie(offer)}
        core = played.run().aggregator
        self.assertIsNone(core.sum)
        self.assertEqual(played.clients[0].finished, Reason.DEALER_CHEATED)


class Masks(unittest.TestCase):
    def test_packing_is_undone(self):
        for bits in (1, 7, 21, 63):
            elements = [0, 2**bits - 1, 1, 2 ** (bits - 1)]
            self.assertEqual(masking.unpack(masking.pack(elements, bits), bits, 4), elements)


if __name__ == "__main__":
    unittest.main()
