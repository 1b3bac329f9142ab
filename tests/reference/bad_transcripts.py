# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""v1/transcript_malicious_bad.json: steps that a party of transcript_malicious.json must refuse."""

import cohort
import graph
import hashes
import keys
import transcripts
import wire

OTHER_AUTHORITY = bytes([8]) * 32


class Recorded:
    """The transcript, and how to say what was in its place."""

    def __init__(self):
        self.transcript = transcripts.malicious()
        self.steps = self.transcript["steps"]
        self.bad = []

    def seed(self, place):
        return bytes.fromhex(self.transcript["cast"]["clients"][place]["identity_seed"])

    def find(self, party, name, sender=None):
        """(index, message) of the step in which the party was given this."""
        kind = "ClientMessage" if party == "aggregator" else "ServerMessage"
        for index, step in enumerate(self.steps):
            if (step["party"], step["event"], step.get("client")) == (party, "message", sender):
                message = wire.decode(kind, bytes.fromhex(step["bytes"]))
                if wire.which(message) == name:
                    return index, message
        raise KeyError((party, name))

    def step(self, party, message, sender=None):
        kind = "ClientMessage" if party == "aggregator" else "ServerMessage"
        found = {"party": party, "event": "message", "bytes": wire.encode(kind, message).hex()}
        return found if sender is None else {**found, "client": sender}

    def add(self, name, after, reason, *steps):
        reason = "REASON_" + reason
        self.bad.append({"after": after, "name": name, "reason": reason, "steps": list(steps)})

    def to_client(self, place, name, message_name, reason, change):
        """A step for a client, with its message changed."""
        party = f"client {place}"
        after, message = self.find(party, message_name)
        change(getattr(message, message_name))
        self.add(name, after, reason, self.step(party, message))

    def to_aggregator(self, place, name, message_name, reason, change):
        after, message = self.find("aggregator", message_name, place)
        change(getattr(message, message_name))
        self.add(name, after, reason, self.step("aggregator", message, place))


def flipped(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def headers(recorded):
    cases = [
        ("another_model", "MODEL_MISMATCH", {"model_hash": bytes(32)}),
        ("no_model", "MODEL_MISMATCH", {"model_hash": b""}),
        ("another_roster_version", "HEADER_REFUSED", {"roster_version": 4}),
        ("sparse", "HEADER_REFUSED", {"graph": graph.HARARY}),
        ("nobody_corrupted", "HEADER_REFUSED", {"corruption_rate": 0.0}),
        ("one_honest_input", "HEADER_REFUSED", {"min_survivors": 2}),
        ("no_time_for_signatures", "HEADER_REFUSED", {"consistency_check_ms": 0}),
    ]
    for name, reason, fields in cases:
        header = transcripts.malicious_header(**fields)
        recorded.to_client(
            0, "bad_header_" + name, "offer", reason, lambda offer: setattr(offer, "header", header)
        )
    header = wire.decode("SessionHeader", transcripts.malicious_header())
    header.tier = cohort.SEMI_HONEST
    weaker = wire.encode("SessionHeader", header)
    recorded.to_client(
        0,
        "bad_header_weaker_tier",
        "offer",
        "HEADER_REFUSED",
        lambda offer: setattr(offer, "header", weaker),
    )


def resigned(recorded, place, advertised, **fields):
    """A client's entry with other fields, signed by its identity."""
    entry = wire.decode("AdvertiseKeysEntry", advertised.entry)
    for name, value in fields.items():
        setattr(entry, name, value)
    advertised.entry = wire.encode("AdvertiseKeysEntry", entry)
    header_hash = bytes.fromhex(recorded.transcript["header_hash"])
    digest = hashes.entry_digest(header_hash, hashes.entry_hash(advertised.entry))
    advertised.signature = keys.sign(recorded.seed(place), "entry signature", digest)


def enrolments(recorded):
    identity = keys.identity_of(recorded.seed(3))
    small_order = (1).to_bytes(32, "little")
    cases = [
        ("not_enrolled", "NOT_ENROLLED", "NOT_A_MEMBER", {"enrolment_signature": b""}),
        (
            "enrolled_elsewhere",
            "NOT_ENROLLED",
            "NOT_A_MEMBER",
            {"enrolment_signature": transcripts.enrol(identity, 3, OTHER_AUTHORITY)},
        ),
        (
            "enrolled_for_another_version",
            "NOT_ENROLLED",
            "NOT_A_MEMBER",
            {"enrolment_signature": transcripts.enrol(identity, 2)},
        ),
        (
            "key_of_small_order",
            "ROSTER_REFUSED",
            "BAD_KEY",
            {"channel_public_key": small_order},
        ),
    ]
    for name, client_reason, aggregator_reason, fields in cases:
        after, roster = recorded.find("client 0", "roster")
        _, message = recorded.find("client 0", "neighbours")
        (listed,) = (one for one in message.neighbours.neighbours if one.position == 3)
        resigned(recorded, 3, listed.advertised, **fields)
        roster.roster.roster.seats[3].entry_hash = hashes.entry_hash(listed.advertised.entry)
        steps = (recorded.step("client 0", one) for one in (roster, message))
        recorded.add("bad_neighbour_" + name, after, client_reason, *steps)
        recorded.to_aggregator(
            3,
            "bad_entry_" + name,
            "advertise_keys",
            aggregator_reason,
            lambda advertised, fields=fields: resigned(recorded, 3, advertised, **fields),
        )


def survivor_sets(recorded):
    after, message = recorded.find("client 0", "consistency")
    _, other = recorded.find("client 0", "survivors")
    other.survivors.survivors = hashes.bitmap({0, 2, 3, 4}, 6)
    shown = recorded.step("client 0", other)
    recorded.add("bad_survivors_shown_twice", after, "SURVIVORS_REFUSED", shown)

    def fewer(survivors):
        survivors.survivors = hashes.bitmap({0, 2, 3}, 6)

    recorded.to_client(0, "bad_survivors_below_t", "survivors", "SURVIVORS_REFUSED", fewer)
    recorded.to_client(
        0,
        "bad_survivors_without_the_client",
        "survivors",
        "SURVIVORS_REFUSED",
        lambda one: setattr(one, "survivors", hashes.bitmap({1, 2, 3, 4, 5}, 6)),
    )


def other_root_signature(recorded, place):
    t1 = bytes.fromhex(recorded.transcript["t1"])
    root = hashes.survivor_root(t1, hashes.bitmap({0, 2, 3, 4}, 6))
    return keys.sign(recorded.seed(place), "survivor signature", root)


def signatures(recorded):
    def keep(*places):
        def change(message):
            message.signatures = [s for s in message.signatures if s.position in places]

        return change

    def replace(make, *places):
        def change(message):
            for one in message.signatures:
                if one.position in places:
                    one.survivor_root_signature = make(one)

        return change

    def twice(message):
        message.signatures = [message.signatures[0]] * 2 + message.signatures[1:]

    few, odd = "TOO_FEW_SIGNATURES", "MALFORMED"
    other = replace(lambda one: other_root_signature(recorded, one.position), 2, 3)
    cases = [
        ("too_few", few, keep(0, 2, 3)),
        ("nobody_but_itself", few, keep(0)),
        ("flipped_bits", few, replace(lambda one: flipped(one.survivor_root_signature), 2, 3)),
        ("over_another_set", few, other),
        ("one_twice", odd, twice),
        ("disordered", odd, lambda message: message.signatures.reverse()),
        ("too_short", odd, replace(lambda one: one.survivor_root_signature[1:], 2)),
    ]
    for name, reason, change in cases:
        recorded.to_client(0, "bad_signatures_" + name, "consistency", reason, change)

    def signed(make):
        return lambda check: setattr(check, "survivor_root_signature", make(check))

    for name, make in (
        ("flipped_bit", lambda check: flipped(check.survivor_root_signature)),
        ("over_another_set", lambda check: other_root_signature(recorded, 2)),
    ):
        recorded.to_aggregator(
            2, "bad_consistency_check_" + name, "consistency_check", "BAD_SIGNATURE", signed(make)
        )


def unmaskings(recorded):
    after, _ = recorded.find("aggregator", "consistency_check", 2)
    _, message = recorded.find("aggregator", "unmasking", 2)
    early = recorded.step("aggregator", message, 2)
    recorded.add("bad_unmasking_before_signatures", after, "EARLY", early)

    def change(signed, what):
        body = wire.decode("Unmasking", signed.body)
        what(body.shares)
        signed.body = wire.encode("Unmasking", body)
        t1 = bytes.fromhex(recorded.transcript["t1"])
        digest = hashes.message_digest(t1, 4, hashes.sha256(signed.body))
        signed.signature = keys.sign(recorded.seed(2), "message signature", digest)

    def wrong_kind(shares):
        (one,) = (share for share in shares if share.owner == 1)
        one.self_mask_share, one.mask_key_share = one.mask_key_share, None

    def wrong_value(shares):
        low = shares[0].self_mask_share
        shares[0].self_mask_share = bytes([low[0] ^ 1]) + low[1:]

    for name, reason, what in (
        ("share_of_the_other_secret", "WRONG_SHARE_KIND", wrong_kind),
        ("wrong_share", "WRONG_SHARE", wrong_value),
    ):
        recorded.to_aggregator(
            2,
            "bad_unmasking_" + name,
            "unmasking",
            reason,
            lambda signed, what=what: change(signed, what),
        )


def results(recorded):
    recorded.to_client(
        0,
        "bad_result_other_survivor_root",
        "result",
        "RESULT_REFUSED",
        lambda result: setattr(result, "survivor_root", flipped(result.survivor_root)),
    )
    recorded.to_client(
        0,
        "bad_result_other_number_of_inputs",
        "result",
        "RESULT_REFUSED",
        lambda result: setattr(result, "included", result.included + 1),
    )


def malicious():
    recorded = Recorded()
    makers = (headers, enrolments, survivor_sets, signatures, unmaskings, results)
    for make in makers:
        make(recorded)
    about = (
        'Each "steps" takes the place of step "after" of transcript_malicious.json and what '
        'follows. Its party must take all but the last, and answer that with "reason": an '
        "aggregator by its reply, a client by ending the session. "
        "Written by //tests/reference:write_vectors."
    )
    return {"about": about, "bad_steps": recorded.bad, "version": 1}
