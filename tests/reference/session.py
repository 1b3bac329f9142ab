# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""A whole session in memory, and the record of each step that each party took.

A step is {"party", "event", …, "emits"}, as in tests/vectors/v1/transcript_*.json. Parties are
"aggregator" and "client i", i being the place in the cast.
"""

from dataclasses import dataclass, field

import aggregator
import client
import keys
import wire
from reasons import Reason

AGGREGATOR = "aggregator"


@dataclass
class Actor:
    """One of the cast: its secrets, its input, and from which protocol round on it is silent."""

    identity_seed: bytes
    session_secret: bytes
    update: list
    weight: int
    policy: object
    enrolment: bytes = b""
    silent_from: int = 9

    def client(self):
        contribution = self.update, self.weight
        return client.Client(
            self.identity_seed, self.session_secret, contribution, self.policy, self.enrolment
        )


def reason_name(number):
    return "REASON_" + Reason(number).name


@dataclass
class Session:
    header: bytes
    cast: list
    enrolled: object = None
    steps: list = field(default_factory=list)

    def __post_init__(self):
        self.clients = [actor.client() for actor in self.cast]
        self.aggregator = aggregator.Aggregator(self.header, self.enrolled)
        self.names = {one.identity: f"client {i}" for i, one in enumerate(self.clients)}

    # --- Steps -----------------------------------------------------------------------------------

    def client_step(self, index, event, data):
        """Gives a client a message or the result; returns what it emits."""
        party = self.clients[index]
        take = party.receive if event == "message" else party.receive_result
        emits = [self.client_emit(party, effect) for effect in take(data)]
        step = {"party": f"client {index}", "event": event, "bytes": data.hex(), "emits": emits}
        self.steps.append(step)
        return emits

    def client_emit(self, party, effect):
        kind, *rest = effect
        if kind == "send":
            return {"kind": "message", "to": AGGREGATOR, "bytes": rest[0].hex()}
        if kind == "upload":
            opening, packed, closing = (one.hex() for one in rest)
            upload = {"bytes": packed, "open": opening, "close": closing}
            return {"kind": "upload", "to": AGGREGATOR, **upload}
        if kind == "download":
            return {"kind": "download", "bytes": rest[0].hex()}
        reason, packed = rest
        included = party.result.included if party.result else 0
        total = (packed or b"").hex()
        return {"kind": kind, "reason": reason_name(reason), "included": included, "sum": total}

    def aggregator_step(self, event, index=None, given=None):
        """Gives the aggregator a client's emitted message or upload, or a deadline."""
        step = {"party": AGGREGATOR, "event": event}
        if event == "deadline":
            effects = self.aggregator.close()
        else:
            step["client"] = index
            parts = [name for name in ("open", "bytes", "close") if name in given]
            step.update((name, given[name]) for name in parts)
            data = [bytes.fromhex(given[name]) for name in parts]
            core, identity = self.aggregator, self.clients[index].identity
            take = core.receive if event == "message" else core.receive_upload
            effects = take(identity, *data)
        step["emits"] = [self.aggregator_emit(effect) for effect in effects]
        self.steps.append(step)
        return step["emits"]

    def aggregator_emit(self, effect):
        kind, *rest = effect
        if kind == "finish":
            included = [self.names[one] for one in self.included()]
            return {"kind": kind, "reason": reason_name(rest[0]), "included": included}
        name = self.names[rest[0]]
        if kind == "message":
            return {"kind": kind, "to": name, "bytes": rest[1].hex()}
        whom = "client" if kind == "drop" else "to"
        return {"kind": kind, whom: name, "reason": reason_name(rest[1])}

    def included(self):
        if self.aggregator.sum is None:
            return []
        return [self.aggregator.cohort.seats[p][0] for p in sorted(self.aggregator.survivors)]

    # --- The run ---------------------------------------------------------------------------------

    def run(self):
        """Runs it to its end: clients in turn, then the aggregator, then the deadline."""
        offer = wire.message("SessionOffer", header=self.header)
        offered = wire.encode("ServerMessage", {"offer": offer})
        to_clients = [(index, offered) for index in range(len(self.cast))]
        protocol_round = 0
        while to_clients:
            said = [
                (index, emit)
                for index, message in to_clients
                for emit in self.client_step(index, "message", message)
            ]
            emitted = self.answer_aggregator(said, protocol_round)
            to_clients = [
                (self.index_of(emit["to"]), bytes.fromhex(emit["bytes"]))
                for emit in emitted
                if emit["kind"] == "message"
            ]
            protocol_round = aggregator.PHASES.index(self.aggregator.phase or "unmasking")
        for index, party in enumerate(self.clients):
            if party.result and party.finished is None:
                self.client_step(index, "result", self.aggregator.packed_sum)
        return self

    def answer_aggregator(self, said, protocol_round):
        emitted, phase = [], self.aggregator.phase
        for index, emit in said:
            lost = self.cast[index].silent_from <= protocol_round
            if emit["kind"] in ("message", "upload") and not lost:
                emitted += self.aggregator_step(emit["kind"], index, emit)
        if phase and self.aggregator.phase == phase:
            emitted += self.aggregator_step("deadline")
        return emitted

    @staticmethod
    def index_of(name):
        return int(name.split()[1])


def cast_of(count, policy, vectors, silent=None, enrol=None):
    """A cast in ascending order of identities, whose secrets are worked out from their places.

    vectors(i) -> (update, weight); silent: {place: round}; enrol(identity) -> signature.
    """
    seeds = sorted((bytes([16 + i]) * 32 for i in range(count)), key=keys.identity_of)
    actors = []
    for place, seed in enumerate(seeds):
        update, weight = vectors(place)
        actors.append(Actor(seed, bytes([80 + place]) * 32, update, weight, policy))
        actors[-1].silent_from = (silent or {}).get(place, 9)
        if enrol:
            actors[-1].enrolment = enrol(keys.identity_of(seed))
    return actors
