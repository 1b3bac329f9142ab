# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""How the aggregator closes each phase, and what it tells the clients then.

Each function takes an aggregator.Aggregator; a Refusal of it aborts the session.
"""

import hashes
import masking
import unmasking
import wire
from cohort import MALICIOUS, OPERATOR, Cohort
from reasons import Reason, require


def open_roster(session):
    enough = len(session.advertised) >= session.header.min_survivors
    require(enough, Reason.TOO_FEW_CLIENTS, "fewer than n_min")
    order = sorted(session.advertised)
    entries = [wire.decode("AdvertiseKeys", session.advertised[one][0]) for one in order]
    seats = [(one, hashes.entry_hash(e.entry)) for one, e in zip(order, entries)]
    session.cohort = Cohort(session.header_bytes, seats)
    session.entries = [session.advertised[one][1] for one in order]
    session.present, session.sealed = set(range(session.cohort.n)), {}
    roster = {"seats": [wire.message("Roster.Seat", identity=i, entry_hash=h) for i, h in seats]}
    announced = wire.message("RosterAnnouncement", roster=wire.message("Roster", **roster))
    for position in sorted(session.present):
        listed = [
            wire.message("NeighbourEntries.Neighbour", position=p, advertised=entries[p])
            for p in session.cohort.neighbours[position]
        ]
        session.tell(position, "roster", announced)
        session.tell(position, "neighbours", wire.message("NeighbourEntries", neighbours=listed))
    session.phase = "share_keys"


def deliver_shares(session):
    cohort, sharers = session.cohort, set(session.sealed)
    while True:
        lonely = {p for p in sharers if cohort.counted(p, sharers) < cohort.threshold}
        if not lonely:
            break
        sharers -= lonely
    for position in sorted(session.present - sharers):
        session.drop(position, Reason.TOO_FEW_NEIGHBOURS, "too few neighbours shared keys")
    enough = len(sharers) >= session.header.min_survivors
    require(enough, Reason.TOO_FEW_CLIENTS, "fewer than n_min shared keys")
    session.sharers, session.inputs = sharers, {}
    bits = hashes.bitmap(sharers, cohort.n)
    for position in sorted(sharers):
        shares = []
        for dealer in sorted(sharers.intersection(cohort.neighbours[position])):
            one = session.sealed[dealer][position]
            shares.append(wire.message("SealedShares", **{**vars(one), "peer": dealer}))
        delivered = wire.message("DeliveredShares", sharers=bits, shares=shares)
        session.tell(position, "shares", delivered)
    session.present = session.present & sharers
    session.phase = "upload"


def announce_survivors(session):
    cohort, survivors = session.cohort, set(session.inputs)
    enough = len(survivors) >= session.header.min_survivors
    require(enough, Reason.TOO_FEW_CLIENTS, "fewer than n_min inputs")
    good = all(cohort.counted(p, survivors) >= cohort.threshold for p in session.sharers)
    require(good, Reason.BELOW_THRESHOLD, "a secret would have fewer than t shares")
    session.survivors, session.revealed = survivors, {}
    bits = wire.message("SurvivorSet", survivors=hashes.bitmap(survivors, cohort.n))
    for position in sorted(session.present):
        session.tell(position, "survivors", bits)
    malicious = session.header.tier == MALICIOUS
    session.phase = "consistency_check" if malicious else "unmasking"


def pass_on_signatures(session):
    signed = session.answers["consistency_check"]
    enough = len(signed) >= session.cohort.threshold
    require(enough, Reason.BELOW_THRESHOLD, "fewer than t clients signed the survivors")
    listed = [
        wire.message(
            "ConsistencySignatures.NeighbourSignature",
            position=position,
            survivor_root_signature=signed[position].survivor_root_signature,
        )
        for position in sorted(signed)
    ]
    for position in sorted(session.present):
        passed = wire.message("ConsistencySignatures", signatures=listed)
        session.tell(position, "consistency", passed)
    session.phase = "unmasking"


def publish(session):
    session.sum = unmasking.unmask(session)
    bits = session.header.vector.modulus_bits
    session.packed_sum = masking.pack(session.sum, bits)
    result = wire.message(
        "SessionResult",
        included=len(session.survivors),
        survivor_root=session.cohort.survivor_root(session.survivors),
    )
    if session.header.audience != OPERATOR:
        result.result_digest = hashes.sha256(session.packed_sum)
        result.total_bytes = len(session.packed_sum)
    for position in sorted(session.present):
        session.tell(position, "result", result)
    session.phase = None
    session.effects.append(("finish", Reason.UNSPECIFIED))


CLOSINGS = {
    "advertise_keys": open_roster,
    "share_keys": deliver_shares,
    "upload": announce_survivors,
    "consistency_check": pass_on_signatures,
    "unmasking": publish,
}
